/** The agents' messages: who may run jobs and how they fare. Owner: the agents service. */
import { NestedList, OneOf, Real, Text, TextMap, Texts, Whole } from './fields.js';
import { ListQuery } from './paging.contract.js';
import { RunningJob } from './queue.contract.js';
import { request, type Page } from './request.js';

export const AGENT_STATUSES = ['HEALTHY', 'DEGRADED', 'UNHEALTHY', 'OFFLINE', 'DEAD', 'DRAINING'] as const;
export type AgentStatus = (typeof AGENT_STATUSES)[number];

/** Seconds between two heartbeats. A third of the lease, so that two may be lost. */
export const HEARTBEAT_SECONDS = 5;

export class RegisterAgent {
  @Text({ max: 100, pattern: /^[A-Za-z0-9][A-Za-z0-9._-]*$/, description: 'for people; need not be unique' })
  name!: string;

  @Text({ optional: true, max: 100, description: '`default` unless told' })
  pool?: string;

  @TextMap({ optional: true, max: 50, itemMax: 200 })
  labels?: Record<string, string>;

  @Text({ optional: true, max: 100 })
  region?: string;

  @Texts({ optional: true })
  capabilities?: string[];

  @Whole({ optional: true, min: 1, max: 1000, description: 'jobs at a time; 1 unless told' })
  capacity?: number;

  @Text({ optional: true, max: 50 })
  version?: string;
}

export interface RegisterAgentCommand extends RegisterAgent {
  agent_id: string;
  /** SHA-256 of the credential, hex. The credential itself never leaves the gateway. */
  credential_sha256: string;
}

/** Answer to a registration: the only time that the credential is shown. */
export interface RegisteredAgent {
  agent_id: string;
  credential: string;
  pool: string;
}

export class Heartbeat {
  @Real({ min: 0, max: 100 })
  cpu_percent!: number;

  @Real({ min: 0, max: 100 })
  memory_percent!: number;

  @Real({ min: 0, max: 100 })
  disk_percent!: number;

  @Whole({ min: 0, max: 1_000_000 })
  jobs_queued!: number;

  @Whole({ min: 0, max: Number.MAX_SAFE_INTEGER })
  jobs_completed!: number;

  @Real({ min: 0, max: Number.MAX_SAFE_INTEGER })
  uptime_seconds!: number;

  @NestedList(() => RunningJob, { optional: true, max: 1000, description: 'their leases are extended' })
  running?: RunningJob[];
}

export interface HeartbeatReply {
  status: AgentStatus;
  /** Seconds. */
  next_check_interval: number;
  /** Jobs in `running` that are no longer this agent's: stop them. */
  lost: string[];
}

export class SetAgentStatus {
  @OneOf(['HEALTHY', 'DRAINING', 'OFFLINE'])
  status!: 'HEALTHY' | 'DRAINING' | 'OFFLINE';
}

export interface AgentView {
  agent_id: string;
  name: string;
  pool: string;
  labels: Record<string, string>;
  capabilities: string[];
  capacity: number;
  region: string | null;
  version: string | null;
  status: AgentStatus;
  registered_at: string;
  last_heartbeat: string | null;
  jobs_running: number;
  jobs_completed: number;
  cpu_percent: number | null;
  memory_percent: number | null;
  disk_percent: number | null;
  uptime_seconds: number | null;
}

export class ListAgents extends ListQuery {
  @OneOf(AGENT_STATUSES, { optional: true })
  status?: AgentStatus;

  @Text({ optional: true, max: 100 })
  pool?: string;
}

export const agentsRequests = {
  register: request<RegisterAgentCommand, AgentView>('cmd.agents.agent.register'),
  heartbeat: request<Heartbeat & { agent_id: string }, HeartbeatReply>('cmd.agents.agent.heartbeat'),
  setStatus: request<SetAgentStatus & { agent_id: string }, AgentView>('cmd.agents.agent.set-status'),
  deregister: request<{ agent_id: string }, AgentView>('cmd.agents.agent.deregister'),
  get: request<{ agent_id: string }, AgentView>('qry.agents.agent.get'),
  list: request<ListAgents, Page<AgentView>>('qry.agents.agent.list'),
  /** Organisation and pool of the agent whose credential has this digest; refused with `agent_unknown` otherwise. */
  authenticate: request<{ agent_id: string; credential_sha256: string }, { org: string; pool: string }>(
    'qry.agents.agent.authenticate',
  ),
};
