/**
 * Public events: what a service tells the others. Subject `evt.<org>.<service>.<noun>.<event>.<id>` in the JetStream
 * stream EVENTS; at least once, in order per id; `Nats-Msg-Id` is the id of the stored event.
 */
import { Text } from './fields.js';
import type { PoolPause } from './queue-insight.contract.js';
import type { ArtifactRef, JobProgress, JobStatus, Priority } from './job.contract.js';
import type { StepReport } from './report.contract.js';
import type { RunStatus, StepStatus } from './pipelines.contract.js';
import type { DeploymentStatus } from './deployments.contract.js';
import type { AgentStatus } from './agents.contract.js';
import type { InvitationStatus, Refusal } from './identity.contract.js';
import type { ConnectionStatus, DeliveryStatus, RelayStatus } from './routing.contract.js';

export const EVENTS_STREAM = 'EVENTS';
export const LOGS_STREAM = 'LOGS';

/** A public event as it travels. `id` is the thing's id, `event_id` the stored event's. */
export interface PublicEvent<T = unknown> {
  event_id: string;
  type: string;
  org: string;
  id: string;
  /** Of the stored event in the thing's stream. */
  revision: number;
  time: string;
  correlation_id: string;
  data: T;
}

export class WatchEvents {
  @Text('metadata', { optional: true, max: 100, description: 'only what belongs to this run' })
  run_id?: string;
}

export interface JobChanged {
  job_id: string;
  run_id: string | null;
  status: JobStatus;
  attempt: number;
  agent_id: string | null;
  exit_code: number | null;
  error_message: string | null;
  outputs: Record<string, string>;
  artifacts: ArtifactRef[];
  /** Of an attempt that ended. */
  report: StepReport | null;
  /** What the agent says of its work, where the event is about that. */
  progress: JobProgress | null;
  /** Where the event is about that. */
  priority: Priority | null;
  /** True when the job will not run again by itself. */
  final: boolean;
}

/** A pool of the queue; `paused` is null once it gives out jobs again. */
export interface PoolChanged {
  pool: string;
  paused: PoolPause | null;
}

export interface RunChanged {
  run_id: string;
  status: RunStatus;
}

export interface StepChanged {
  run_id: string;
  step_id: string;
  status: StepStatus;
  job_id: string | null;
  message: string | null;
}

export interface DeploymentChanged {
  deployment_id: string;
  status: DeploymentStatus;
  message: string | null;
}

export interface AgentChanged {
  agent_id: string;
  status: AgentStatus;
}

/** `connection` where the event is about that. */
export interface RelayChanged {
  relay_id: string;
  connection: string | null;
  status: RelayStatus;
}

/** `status` is null once it is deleted. */
export interface ConnectionChanged {
  connection_id: string;
  status: ConnectionStatus | null;
  message: string | null;
}

/** `connection` where the event is about that. */
export interface DeliveryChanged {
  delivery_id: string;
  connection: string | null;
  status: DeliveryStatus;
}

export interface OrganisationCreated {
  organisation: string;
  name: string;
}

/** What they may do, and what they are called, is asked for: see `qry.identity.user.get`. */
export interface UserChanged {
  user_id: string;
  status: 'MEMBER' | 'REMOVED';
}

export interface InvitationChanged {
  invitation_id: string;
  status: InvitationStatus;
}

export interface SessionChanged {
  session_id: string;
  user_id: string;
  status: 'STARTED' | 'ENDED';
}

/** From which address stands in audit alone. */
export type AccessRefused = Refusal;

/** `noun` and `event` are kebab-case; `id` holds no dot, space or wildcard. */
export function eventSubject(org: string, service: string, noun: string, event: string, id: string): string {
  return `evt.${org}.${service}.${noun}.${event}.${id}`;
}

/** All events of a noun, of every organisation. */
export function eventFilter(service: string, noun: string): string {
  return `evt.*.${service}.${noun}.>`;
}

export function logSubject(org: string, jobId: string, attempt: number | '*'): string {
  return `log.${org}.${jobId}.${attempt}`;
}
