/** The agents' messages: who may run jobs and how they fare. Owner: the agents service. */
import { Nested, NestedList, OneOf, Real, Text, TextMap, Texts, Whole } from './fields.js';
import { ListQuery } from './paging.contract.js';
import type { PoolPause } from './queue-insight.contract.js';
import { RunningJob } from './queue.contract.js';
import { request, type Page } from './request.js';

export const AGENT_STATUSES = ['HEALTHY', 'DEGRADED', 'UNHEALTHY', 'OFFLINE', 'DEAD', 'DRAINING'] as const;
export type AgentStatus = (typeof AGENT_STATUSES)[number];

/** Seconds between two heartbeats. A third of the lease, so that two may be lost. */
export const HEARTBEAT_SECONDS = 5;

export class RegisterAgent {
  @Text('metadata', {
    max: 100,
    pattern: /^[A-Za-z0-9][A-Za-z0-9._-]*$/,
    description: 'for people; need not be unique',
  })
  name!: string;

  @Text('metadata', { optional: true, max: 100, description: '`default` unless told' })
  pool?: string;

  @TextMap('metadata', { optional: true, max: 50, itemMax: 200 })
  labels?: Record<string, string>;

  @Text('metadata', { optional: true, max: 100 })
  region?: string;

  @Texts('metadata', { optional: true })
  capabilities?: string[];

  @Whole({ optional: true, min: 1, max: 1000, description: 'jobs at a time; 1 unless told' })
  capacity?: number;

  @Text('metadata', { optional: true, max: 50 })
  version?: string;
}

/** Who let the agent in: the installation's own tokens, somebody of the organisation, or a workload by a trust rule. */
export interface JoinedBy {
  kind: 'installation' | 'user' | 'key' | 'join-token' | 'rule';
  id: string;
}

/** Which key an agent signs with. The key itself is kept nowhere: gateways derive it from the installation's key `kid`. */
export interface AgentKey {
  kid: string;
  /** Counts from 1, with each rotation. */
  version: number;
  since: string;
  /** From then on what is signed with it is refused; null: no time is set. */
  not_after: string | null;
}

export interface RegisterAgentCommand extends RegisterAgent {
  agent_id: string;
  /** What its key is derived from. */
  key: { kid: string };
  joined_by: JoinedBy;
  /** Its keys are worth nothing so many seconds later; for good unless told. A repeated registration begins anew. */
  credential_seconds?: number;
}

/** Answer to a registration or a rotation: the only time that the credential is shown. */
export interface RegisteredAgent {
  agent_id: string;
  /** `hya_<agent_id>_<version>_<key>`: requests are signed with it, it is never sent. */
  credential: string;
  pool: string;
  /** Null: it does not expire. */
  expires_at: string | null;
}

/** What an agent may do, and how it proves that it is the one. */
export interface AgentAccess {
  org: string;
  pool: string;
  labels: Record<string, string>;
  capabilities: string[];
  /** Those that may be valid still, the newest last. */
  keys: AgentKey[];
  /** Somebody wants it to have another key. */
  rotation_asked: boolean;
  joined_by: JoinedBy;
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

/** As the gateway passes it on. */
export interface HeartbeatAnswer extends HeartbeatReply {
  /** Get the next credential: the present one is old, or somebody wants it. */
  rotate_credential: boolean;
}

export class SetAgentStatus {
  @OneOf(['HEALTHY', 'DRAINING', 'OFFLINE'])
  status!: 'HEALTHY' | 'DRAINING' | 'OFFLINE';
}

/** `status_reason`: `memory 97 %, limit 95 %`; null while it is HEALTHY. */
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
  status_reason: string | null;
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

  @Text('metadata', { optional: true, max: 100 })
  pool?: string;
}

/** What an agent does beside jobs, and who it is to others. No secret: credentials stay where the agent is. */
export interface AgentConfig {
  agent_id: string;
  pool: string;
  deployment_targets: string[];
  schedule_interval_seconds: number;
  workload_identity: WorkloadIdentity | null;
}

/** Where the agent proves what it is: it gets short-lived credentials there by itself. */
export class WorkloadIdentity {
  @Text('configuration', { max: 500, example: 'https://token.example.com' })
  issuer!: string;

  @Text('configuration', { max: 500, example: 'sts.example.com' })
  audience!: string;

  @Text('configuration', {
    optional: true,
    max: 500,
    description: '`pool:<pool>:agent:<agent_id>` unless told',
  })
  subject?: string;
}

/** How many agents a pool should have. */
export class ScalePool {
  @Whole({ optional: true, min: 0, max: 10_000, description: '0 unless told' })
  min_agents?: number;

  @Whole({ optional: true, min: 0, max: 10_000, description: '100 unless told' })
  max_agents?: number;

  @Whole({ optional: true, min: 1, max: 86_400, description: 'a job should wait no longer; 30 unless told' })
  target_wait_seconds?: number;

  @Whole({
    optional: true,
    min: 1,
    max: 1000,
    description: 'jobs at a time of a new agent; the average of the present ones unless told',
  })
  agent_capacity?: number;
}

/** Settings of a pool's agents; what is left out stays as it is. */
export class ConfigurePool extends ScalePool {
  @Texts('configuration', { optional: true, max: 100 })
  deployment_targets?: string[];

  @Whole({ optional: true, min: 1, max: 86_400 })
  schedule_interval_seconds?: number;

  @Nested(() => WorkloadIdentity, { optional: true })
  workload_identity?: WorkloadIdentity;
}

/** How many agents a pool needs now, and why; `desired_agents` is what an autoscaler reads. */
export interface ScaleSignal {
  pool: string;
  desired_agents: number;
  current_agents: number;
  /** `12 jobs wait, each takes about 40 s; …` */
  reason: string;
  queue_depth: number;
  /** Jobs that run. */
  busy: number;
  avg_execution_seconds: number;
  target_wait_seconds: number;
  min_agents: number;
  max_agents: number;
  at: string;
}

export interface PoolView {
  pool: string;
  /** By status; deregistered ones are not counted. */
  agents: Record<AgentStatus, number>;
  /** Jobs at a time that the agents which take jobs can run. */
  capacity: number;
  running: number;
  /** running / capacity; 0 where there is no capacity. */
  utilisation: number;
  /** Every label that an agent of the pool has, with its values. */
  labels: Record<string, string[]>;
  capabilities: string[];
  queue_depth: number;
  oldest_wait_seconds: number | null;
  paused: PoolPause | null;
  scale: ScaleSignal;
  deployment_targets: string[];
  schedule_interval_seconds: number;
  workload_identity: WorkloadIdentity | null;
}

/** As the queue asks for them, to say why a job waits. */
export interface PoolAgent {
  agent_id: string;
  name: string;
  labels: Record<string, string>;
  capabilities: string[];
  capacity: number;
  status: AgentStatus;
}

export const agentsRequests = {
  /** The same registration again answers the key that is valid, or a new one where none is. */
  register: request<RegisterAgentCommand, AgentView & { key: AgentKey }>('cmd.agents.agent.register'),
  /**
   * The key after the one of this version, which goes on for an hour. The same again answers the same: a lost reply costs
   * nothing. Refused with `agent_key_unknown` for a version that is not valid.
   */
  rotateKey: request<{ agent_id: string; version: number; key: { kid: string } }, AgentKey>(
    'cmd.agents.agent.rotate-key',
  ),
  /** The agent is told with its next heartbeat, and gets another key by itself. */
  askRotation: request<{ agent_id: string }, AgentView>('cmd.agents.agent.ask-rotation'),
  heartbeat: request<Heartbeat & { agent_id: string }, HeartbeatReply>('cmd.agents.agent.heartbeat'),
  setStatus: request<SetAgentStatus & { agent_id: string }, AgentView>('cmd.agents.agent.set-status'),
  deregister: request<{ agent_id: string }, AgentView>('cmd.agents.agent.deregister'),
  get: request<{ agent_id: string }, AgentView>('qry.agents.agent.get'),
  list: request<ListAgents, Page<AgentView>>('qry.agents.agent.list'),
  config: request<{ agent_id: string }, AgentConfig>('qry.agents.agent.config'),
  /** Of all statuses, deregistered ones left out; up to 1,000. */
  poolAgents: request<{ pool: string }, { agents: PoolAgent[] }>('qry.agents.pool.agents'),
  pools: request<Record<string, never>, { pools: PoolView[] }>('qry.agents.pool.list'),
  pool: request<{ pool: string }, PoolView>('qry.agents.pool.get'),
  scale: request<{ pool: string }, ScaleSignal>('qry.agents.pool.scale'),
  configurePool: request<ConfigurePool & { pool: string }, PoolView>('cmd.agents.pool.configure'),
  /** Of whichever organisation; refused with `agent_unknown` where there is none, or not any more. */
  access: request<{ agent_id: string }, AgentAccess>('qry.agents.agent.access'),
};
