import {
  agentsRequests,
  Heartbeat,
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
import { newCredential } from '../identity/identity.js';

@ApiTags('agents')
@ApiBearerAuth()
@Controller('api/agents')
export class AgentsController {
  constructor(private readonly connections: Connections) {}

  /**
   * Shows the credential this once. The same registration with the same Idempotency-Key again answers a new credential
   * for the same agent; another one with that key is refused (`idempotency_key_reused`).
   */
  @Post('register')
  async register(@Body() agent: RegisterAgent, @Caller() caller: Caller): Promise<RegisteredAgent> {
    const { pool: only } = caller.principal;
    if (only !== undefined && agent.pool !== undefined && agent.pool !== only)
      throw problem('forbidden', 'other_pool', `this join token is for the pool ${only} alone`);
    const agent_id = caller.newId('agent');
    const { credential, credential_sha256 } = newCredential(agent_id);
    const { pool } = await this.send(
      agentsRequests.register,
      { ...agent, pool: only ?? agent.pool, agent_id, credential_sha256 },
      caller,
    );
    return { agent_id, credential, pool };
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
  heartbeat(@Param('agent_id') agent_id: string, @Body() heartbeat: Heartbeat, @Caller() caller: Caller) {
    return this.send(agentsRequests.heartbeat, { ...heartbeat, agent_id }, caller);
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

  private readonly send: Connections['requests']['send'] = (request, input, call) =>
    this.connections.requests.send(request, input, call);
}
