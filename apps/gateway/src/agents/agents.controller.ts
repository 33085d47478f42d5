import {
  agentsRequests,
  Heartbeat,
  type AgentKey,
  type HeartbeatAnswer,
  ListAgents,
  problem,
  RegisterAgent,
  SetAgentStatus,
  type RegisteredAgent,
} from '@hybrid/contracts';
import { Connections } from '@hybrid/service';
import { Body, Controller, Get, HttpCode, Param, Patch, Post, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import { Caller } from '../edge/caller.js';
import { listReply } from '../edge/list-reply.js';
import { InstallationKeys } from '../identity/installation-keys.js';
import { joinedBy, mayJoinAs } from '../identity/joining.js';
import { SignedAgents } from '../identity/signed-agents.js';
import { agentCredential } from '@hybrid/signatures';

/** Of a workload's credential: for longer than that its platform vouches for it anew, and it registers again. */
const WORKLOAD_SECONDS = 3_600;

@ApiTags('agents')
@ApiBearerAuth()
@Controller('api/agents')
export class AgentsController {
  constructor(
    private readonly connections: Connections,
    private readonly keys: InstallationKeys,
    private readonly agents: SignedAgents,
  ) {}

  /**
   * Shows the credential, which the agent signs its requests with and never sends. The same registration with the same
   * Idempotency-Key again answers it again; another one with that key is refused (`idempotency_key_reused`).
   */
  @Post('register')
  async register(@Body() agent: RegisterAgent, @Caller() caller: Caller): Promise<RegisteredAgent> {
    const { pool: only } = caller.principal;
    mayJoinAs('agent', caller.principal);
    if (only !== undefined && agent.pool !== undefined && agent.pool !== only)
      throw problem('forbidden', 'other_pool', `with this token agents join the pool ${only} alone`);
    const agent_id = caller.newId('agent');
    const { pool, key } = await this.send(
      agentsRequests.register,
      {
        ...agent,
        pool: only ?? agent.pool,
        agent_id,
        key: { kid: this.keys.current },
        joined_by: joinedBy(caller.principal),
        ...(caller.principal.rule !== undefined && { credential_seconds: WORKLOAD_SECONDS }),
      },
      caller,
    );
    return this.show(agent_id, pool, key, caller);
  }

  /** The agent's next credential; the one before it goes on for an hour. The same again answers the same. */
  @Post(':agent_id/credential')
  @HttpCode(200)
  async rotateCredential(
    @Param('agent_id') agent_id: string,
    @Caller() caller: Caller,
  ): Promise<RegisteredAgent> {
    const { pool, credential } = caller.principal;
    const key = await this.send(
      agentsRequests.rotateKey,
      { agent_id, version: credential!.version, key: { kid: this.keys.current } },
      caller,
    );
    return this.show(agent_id, pool!, key, caller);
  }

  /** Has the agent get another credential by itself, with its next heartbeat. */
  @Post(':agent_id/rotate')
  @HttpCode(200)
  askRotation(@Param('agent_id') agent_id: string, @Caller() caller: Caller) {
    return this.send(agentsRequests.askRotation, { agent_id }, caller);
  }

  @Get()
  async list(@Query() query: ListAgents, @Caller() caller: Caller) {
    return listReply('agents', await this.send(agentsRequests.list, query, caller));
  }

  @Get('healthy')
  async healthy(@Query() query: ListAgents, @Caller() caller: Caller) {
    return listReply('agents', await this.send(agentsRequests.list, { ...query, status: 'HEALTHY' }, caller));
  }

  @Get(':agent_id')
  get(@Param('agent_id') agent_id: string, @Caller() caller: Caller) {
    return this.send(agentsRequests.get, { agent_id }, caller);
  }

  /** What the pool's settings tell the agent to do beside jobs, and who it is to others; no secret. */
  @Get(':agent_id/config')
  config(@Param('agent_id') agent_id: string, @Caller() caller: Caller) {
    return this.send(agentsRequests.config, { agent_id }, caller);
  }

  @Post(':agent_id/heartbeat')
  @HttpCode(200)
  async heartbeat(
    @Param('agent_id') agent_id: string,
    @Body() heartbeat: Heartbeat,
    @Caller() caller: Caller,
  ): Promise<HeartbeatAnswer> {
    const reply = await this.send(agentsRequests.heartbeat, { ...heartbeat, agent_id }, caller);
    return { ...reply, rotate_credential: caller.principal.credential!.rotate };
  }

  @Patch(':agent_id/status')
  setStatus(
    @Param('agent_id') agent_id: string,
    @Body() { status }: SetAgentStatus,
    @Caller() caller: Caller,
  ) {
    return this.send(agentsRequests.setStatus, { agent_id, status }, caller);
  }

  @Post(':agent_id/drain')
  @HttpCode(200)
  drain(@Param('agent_id') agent_id: string, @Caller() caller: Caller) {
    return this.send(agentsRequests.setStatus, { agent_id, status: 'DRAINING' }, caller);
  }

  @Post(':agent_id/resume')
  @HttpCode(200)
  resume(@Param('agent_id') agent_id: string, @Caller() caller: Caller) {
    return this.send(agentsRequests.setStatus, { agent_id, status: 'HEALTHY' }, caller);
  }

  @Post(':agent_id/deregister')
  @HttpCode(200)
  deregister(@Param('agent_id') agent_id: string, @Caller() caller: Caller) {
    return this.send(agentsRequests.deregister, { agent_id }, caller);
  }

  private show(agent_id: string, pool: string, key: AgentKey, { org }: Caller): RegisteredAgent {
    const { version, not_after } = key;
    const secret = this.agents.derive(org, agent_id, key);
    const credential = agentCredential({ agentId: agent_id, version, key: secret });
    return { agent_id, credential, pool, expires_at: not_after };
  }

  private readonly send: Connections['requests']['send'] = (request, input, call) =>
    this.connections.requests.send(request, input, call);
}
