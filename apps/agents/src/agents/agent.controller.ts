import {
  agentsRequests,
  healthRequest,
  type CallContext,
  type Heartbeat,
  type ListAgents,
  type RegisterAgentCommand,
  type SetAgentStatus,
} from '@hybrid/contracts';
import { Handle, MessageController } from '@hybrid/messaging';
import { Connections } from '@hybrid/service';
import { Ctx, Payload } from '@nestjs/microservices';
import { AgentListQueries } from './agent-list.queries.js';
import { Agents } from './agents.js';

type OfAgent = { agent_id: string };

@MessageController()
export class AgentController {
  constructor(
    private readonly agents: Agents,
    private readonly queries: AgentListQueries,
    private readonly connections: Connections,
  ) {}

  @Handle(agentsRequests.register)
  register(@Payload() request: RegisterAgentCommand, @Ctx() call: CallContext) {
    return this.agents.register(request, call);
  }

  @Handle(agentsRequests.rotateKey)
  rotateKey(
    @Payload() { agent_id, version, key }: OfAgent & { version: number; key: { kid: string } },
    @Ctx() call: CallContext,
  ) {
    return this.agents.rotateKey(agent_id, version, key.kid, call);
  }

  @Handle(agentsRequests.askRotation)
  askRotation(@Payload() { agent_id }: OfAgent, @Ctx() call: CallContext) {
    return this.agents.askRotation(agent_id, call);
  }

  @Handle(agentsRequests.access)
  access(@Payload() { agent_id }: OfAgent) {
    return this.agents.access(agent_id);
  }

  @Handle(agentsRequests.heartbeat)
  heartbeat(@Payload() { agent_id, ...heartbeat }: Heartbeat & OfAgent, @Ctx() call: CallContext) {
    return this.agents.heartbeat(agent_id, heartbeat, call);
  }

  @Handle(agentsRequests.setStatus)
  setStatus(@Payload() { agent_id, status }: SetAgentStatus & OfAgent, @Ctx() call: CallContext) {
    return this.agents.setStatus(agent_id, { status }, call);
  }

  @Handle(agentsRequests.deregister)
  deregister(@Payload() { agent_id }: OfAgent, @Ctx() call: CallContext) {
    return this.agents.deregister(agent_id, call);
  }

  @Handle(agentsRequests.get)
  get(@Payload() { agent_id }: OfAgent, @Ctx() call: CallContext) {
    return this.agents.get(agent_id, call);
  }

  @Handle(agentsRequests.list)
  list(@Payload() query: ListAgents, @Ctx() call: CallContext) {
    return this.queries.list(query, call);
  }

  @Handle(healthRequest('agents'))
  health() {
    return this.connections.health('agents');
  }
}
