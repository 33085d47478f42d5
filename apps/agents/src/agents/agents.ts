/** The agents' commands. */
import {
  HEARTBEAT_SECONDS,
  problem,
  queueRequests,
  type AgentView,
  type CallContext,
  type Heartbeat,
  type HeartbeatReply,
  type RegisterAgentCommand,
  type SetAgentStatus,
} from '@hybrid/contracts';
import { Things } from '@hybrid/event-store';
import { Connections } from '@hybrid/service';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { timingSafeEqual } from 'node:crypto';
import { agentList } from './agent-list.projection.js';
import { agentDecider, type AgentCommand, type AgentState } from './agent.decider.js';
import type { AgentEvent } from './agent.events.js';
import { agentPublisher } from './agent.publisher.js';
import { agentStatus, agentView } from './agent.view.js';
import { Heartbeats } from './heartbeats.js';

@Injectable()
export class Agents implements OnModuleInit {
  private readonly things: Things<AgentState, AgentCommand, AgentEvent>;

  constructor(
    private readonly connections: Connections,
    private readonly heartbeats: Heartbeats,
  ) {
    this.things = new Things(connections.eventStore, 'agent', agentDecider);
  }

  async onModuleInit(): Promise<void> {
    await this.connections.project(agentList);
    await this.heartbeats.prepare();
    this.connections.publish(agentPublisher);
  }

  async register(request: RegisterAgentCommand, call: CallContext): Promise<AgentView> {
    return this.view(request.agent_id, { type: 'RegisterAgent', request, now: now() }, call);
  }

  /** @throws ProblemError `agent_unknown`, the same whether the agent, or its credential, is wrong. */
  async authenticate(agentId: string, credentialSha256: string): Promise<{ org: string; pool: string }> {
    const { state, org } = await this.things.find(agentId);
    const { agent, credential_sha256, deregistered } = state;
    const given = Buffer.from(credentialSha256);
    const known = Buffer.from(credential_sha256 ?? '');
    if (!agent || !org || deregistered || given.length !== known.length || !timingSafeEqual(given, known))
      throw problem(
        'unauthenticated',
        'agent_unknown',
        'no agent has this credential; register the agent again',
      );
    return { org, pool: agent.pool };
  }

  /** Keeps the figures, renews the leases of the agent's jobs and tells it which of them are not its own any more. */
  async heartbeat(agentId: string, heartbeat: Heartbeat, call: CallContext): Promise<HeartbeatReply> {
    const running = heartbeat.running ?? [];
    // First, as it refuses another organisation's agents: their heartbeat must leave no trace.
    const handled = await this.things.handle(
      agentId,
      { type: 'RecordHealth', status: 'HEALTHY', reason: 'heartbeat', now: now() },
      call,
    );
    const [, { lost }] = await Promise.all([
      this.heartbeats.record(agentId, call.org, heartbeat),
      running.length
        ? this.connections.requests.send(queueRequests.renew, { agent_id: agentId, running }, call)
        : { lost: [] },
    ]);
    return { status: agentStatus(handled.state), next_check_interval: HEARTBEAT_SECONDS, lost };
  }

  setStatus(agentId: string, { status }: SetAgentStatus, call: CallContext): Promise<AgentView> {
    switch (status) {
      case 'DRAINING':
        return this.view(agentId, { type: 'StartDrain', now: now() }, call);
      case 'HEALTHY':
        return this.view(agentId, { type: 'Resume', now: now() }, call);
      case 'OFFLINE':
        return this.stopped(agentId, call);
    }
  }

  deregister(agentId: string, call: CallContext): Promise<AgentView> {
    return this.view(agentId, { type: 'Deregister', now: now() }, call);
  }

  async get(agentId: string, call: CallContext): Promise<AgentView> {
    const [{ state }, heartbeat] = await Promise.all([
      this.things.load(agentId, call.org),
      this.heartbeats.last(agentId, call.org),
    ]);
    return agentView(state, heartbeat);
  }

  /** Silence became news: said once per change. */
  async recordSilence(
    id: string,
    command: AgentCommand & { type: 'RecordHealth' },
    call: CallContext,
  ): Promise<void> {
    await this.things.handle(id, command, call);
  }

  /** A stop that the agent announced: it is not draining any more when it comes back. */
  private async stopped(agentId: string, call: CallContext): Promise<AgentView> {
    await this.things.handle(agentId, { type: 'Resume', now: now() }, call);
    return this.view(
      agentId,
      { type: 'RecordHealth', status: 'OFFLINE', reason: 'the agent stopped', now: now() },
      call,
    );
  }

  private async view(agentId: string, command: AgentCommand, call: CallContext): Promise<AgentView> {
    return agentView((await this.things.handle(agentId, command, call)).state);
  }
}

function now(): string {
  return new Date().toISOString();
}
