/**
 * Hands back the jobs of an agent that is lost for good: dead, stopped, or deregistered. Stateless, and told by the log:
 * an agent that was lost while this service or the queue was away is not forgotten. Mere silence is the leases' business.
 */
import {
  eventFilter,
  queueRequests,
  serviceCall,
  type AgentChanged,
  type CallContext,
  type PublicEvent,
} from '@hybrid/contracts';
import { MessageController, OnEvents } from '@hybrid/messaging';
import { Connections } from '@hybrid/service';
import { Ctx, Payload } from '@nestjs/microservices';
import { Agents } from './agents.js';

@MessageController()
export class LostAgents {
  constructor(
    private readonly agents: Agents,
    private readonly connections: Connections,
  ) {}

  @OnEvents({ durable: 'agents-losses', filter: eventFilter('agents', 'agent') })
  async onAgent(@Payload() event: PublicEvent<AgentChanged>, @Ctx() { org }: CallContext): Promise<void> {
    const { agent_id, status } = event.data;
    if (status !== 'DEAD' && status !== 'OFFLINE') return;
    // As it is now: one that came back meanwhile may have new jobs.
    const reason = await this.agents.lossOf(agent_id, org);
    if (!reason) return;
    const call = serviceCall('agents', org, event.correlation_id, event.event_id);
    await this.connections.requests.send(queueRequests.loseAgent, { agent_id, reason }, call);
  }
}
