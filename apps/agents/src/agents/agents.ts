/** The agents' commands. */
import {
  ACCESS_CHANGED_SUBJECT,
  HEARTBEAT_SECONDS,
  problem,
  queueRequests,
  type AccessChanged,
  type AgentAccess,
  type AgentKey,
  type AgentView,
  type CallContext,
  type Heartbeat,
  type HeartbeatReply,
  type RegisterAgentCommand,
  type SetAgentStatus,
} from '@hybrid/contracts';
import { isRejection } from '@hybrid/decider';
import { Things, type Thing } from '@hybrid/event-store';
import { Connections } from '@hybrid/service';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { AgentsSettings } from '../agents.settings.js';
import { AgentIndex, type KnownAgent } from './agent-index.js';
import { agentList } from './agent-list.projection.js';
import { agentDecider, type AgentCommand, type AgentState } from './agent.decider.js';
import type { AgentEvent } from './agent.events.js';
import type { LoadLimits, SilenceLimits } from './agent.health.js';
import { agentPublisher } from './agent.publisher.js';
import { agentNotFound, agentStatus, agentView } from './agent.view.js';
import { Heartbeats } from './heartbeats.js';

const CHANGES_ACCESS = new Set<AgentEvent['type']>([
  'AgentKeyRotated',
  'AgentKeyRotationAsked',
  'AgentDeregistered',
]);

@Injectable()
export class Agents implements OnModuleInit {
  private readonly things: Things<AgentState, AgentCommand, AgentEvent>;
  private readonly silenceLimits: SilenceLimits;
  private readonly loadLimits: LoadLimits;

  constructor(
    private readonly connections: Connections,
    private readonly heartbeats: Heartbeats,
    private readonly index: AgentIndex,
    settings: AgentsSettings,
  ) {
    this.things = new Things(connections.eventStore, 'agent', agentDecider);
    this.silenceLimits = {
      degraded: settings.HYBRID_AGENT_DEGRADED_SECONDS,
      offline: settings.HYBRID_AGENT_OFFLINE_SECONDS,
      dead: settings.HYBRID_AGENT_DEAD_SECONDS,
    };
    this.loadLimits = {
      memory: settings.HYBRID_AGENT_MEMORY_LIMIT_PERCENT,
      disk: settings.HYBRID_AGENT_DISK_LIMIT_PERCENT,
    };
  }

  async onModuleInit(): Promise<void> {
    await this.connections.project(agentList);
    await this.heartbeats.prepare();
    this.connections.publish(agentPublisher);
    await this.index.open();
  }

  async register(request: RegisterAgentCommand, call: CallContext): Promise<AgentView & { key: AgentKey }> {
    const state = await this.handle(request.agent_id, { type: 'RegisterAgent', request, now: now() }, call);
    return { ...agentView(state), key: state.keys.at(-1)! };
  }

  /** @throws ProblemError `agent_key_unknown`, `agent_not_found`. */
  async rotateKey(agentId: string, version: number, kid: string, call: CallContext): Promise<AgentKey> {
    const command: AgentCommand = { type: 'RotateKey', version, kid, now: now() };
    return (await this.handle(agentId, command, call)).keys.at(-1)!;
  }

  askRotation(agentId: string, call: CallContext): Promise<AgentView> {
    return this.view(agentId, { type: 'AskRotation', now: now() }, call);
  }

  /** As its stream tells it. @throws ProblemError `agent_unknown`, the same whether it never was or is gone. */
  async access(agentId: string): Promise<AgentAccess> {
    const { state, org } = await this.things.find(agentId);
    const { agent, keys, rotation_asked, deregistered } = state;
    if (!agent || !org || deregistered)
      throw problem('unauthenticated', 'agent_unknown', 'there is no such agent: register it again');
    const { pool, labels, capabilities, joined_by } = agent;
    return { org, pool, labels, capabilities, keys, rotation_asked, joined_by };
  }

  /**
   * Notes the figures, renews the leases of the agent's jobs and tells it which of them are not its own any more. Nothing
   * is read, and nothing appended unless its health changes.
   */
  async heartbeat(agentId: string, heartbeat: Heartbeat, call: CallContext): Promise<HeartbeatReply> {
    const known = await this.index.find(agentId, call.org);
    if (!known) throw agentNotFound();
    const { running = [] } = heartbeat;
    this.heartbeats.note(agentId, call.org, heartbeat);
    const [state, { lost }] = await Promise.all([
      this.health(agentId, known, heartbeat, call),
      running.length
        ? this.connections.requests.send(queueRequests.renew, { agent_id: agentId, running }, call)
        : { lost: [] },
    ]);
    return { status: agentStatus(state), next_check_interval: HEARTBEAT_SECONDS, lost };
  }

  setStatus(agentId: string, { status }: SetAgentStatus, call: CallContext): Promise<AgentView> {
    switch (status) {
      case 'DRAINING':
        return this.view(agentId, { type: 'StartDrain', now: now() }, call);
      case 'HEALTHY':
        return this.view(agentId, { type: 'Resume', now: now() }, call);
      case 'OFFLINE':
        return this.view(agentId, { type: 'Stop', now: now() }, call);
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

  /** As its stream tells it. @throws ProblemError `agent_not_found`, also of one that was deregistered. */
  async present(agentId: string, org: string) {
    const { state } = await this.things.load(agentId, org);
    if (!state.agent || state.deregistered) throw agentNotFound();
    return state.agent;
  }

  /** Why its jobs should not wait for their leases to end; null: it is not lost, or is back. */
  async lossOf(agentId: string, org: string): Promise<string | null> {
    const { agent, health, stopped, deregistered, reason } = (await this.things.load(agentId, org)).state;
    const lost = deregistered || stopped || health === 'DEAD';
    return agent && lost ? `the agent ${agent.name} is lost: ${reason ?? health}` : null;
  }

  /** Silence became news: said once per change. @throws ProblemError `agent_not_found`. */
  async recordSilence(id: string, seconds: number, call: CallContext): Promise<void> {
    await this.handle(id, { type: 'RecordSilence', seconds, limits: this.silenceLimits, now: now() }, call);
  }

  /** The state after the heartbeat. `known` may be behind: then the next heartbeat sets right what this one missed. */
  private async health(
    id: string,
    { thing }: KnownAgent,
    load: Heartbeat,
    call: CallContext,
  ): Promise<AgentState> {
    const command: AgentCommand = { type: 'RecordHeartbeat', load, limits: this.loadLimits, now: now() };
    const decision = agentDecider.decide(command, thing.state);
    if (!isRejection(decision) && decision.length === 0) return thing.state;
    return this.handle(id, command, call, thing);
  }

  /** A hint: gateways remember what an agent may do for some seconds. */
  private tellAccess(agentId: string): void {
    const changed: AccessChanged = { subject: `agent:${agentId}` };
    this.connections.nats.publish(ACCESS_CHANGED_SUBJECT, JSON.stringify(changed));
  }

  private async view(agentId: string, command: AgentCommand, call: CallContext): Promise<AgentView> {
    return agentView(await this.handle(agentId, command, call));
  }

  private async handle(
    id: string,
    command: AgentCommand,
    call: CallContext,
    known?: Thing<AgentState>,
  ): Promise<AgentState> {
    const { state, revision, events } = await this.things.handle(id, command, call, known);
    this.index.put(id, { org: call.org, thing: { state, revision } });
    if (events.some(({ type }) => CHANGES_ACCESS.has(type))) this.tellAccess(id);
    return state;
  }
}

function now(): string {
  return new Date().toISOString();
}
