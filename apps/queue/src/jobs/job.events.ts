/** The facts of stream `job-<id>`. Stored for ever: a break is a new type, never a change. Times are RFC 3339 UTC. */
import type { ArtifactRef, JobSpec, LogReference, Priority, StepReport } from '@hybrid/contracts';
import type { EventTypes } from '@hybrid/decider';

export type JobEvent = OfRun<JobFact>;

/** Every event names the run that its job belongs to, so that whoever follows a run need not look the job up. */
export type OfRun<E extends JobFact> = E extends { type: infer T; data: infer D }
  ? { type: T; data: D & { run_id: string | null } }
  : never;

export type JobFact =
  | { type: 'JobEnqueued'; data: JobEnqueued }
  | { type: 'JobClaimed'; data: JobClaimed }
  | { type: 'JobStarted'; data: { attempt: number; agent_id: string; at: string } }
  | { type: 'JobProgressed'; data: JobProgressed }
  | { type: 'JobCompleted'; data: JobResult & { exit_code: 0 } }
  | { type: 'JobFailed'; data: JobResult & { final: boolean } }
  /** It ran for longer than its `timeout_seconds` and its agent did not stop it: counts as a failure. */
  | {
      type: 'JobTimedOut';
      data: { attempt: number; agent_id: string; seconds: number; final: boolean; at: string };
    }
  | { type: 'JobLeaseExpired'; data: { attempt: number; agent_id: string; at: string; reason?: string } }
  /** Its agent handed it back: neither a failure nor a loss. */
  | { type: 'JobReleased'; data: { attempt: number; agent_id: string; reason: string; at: string } }
  | { type: 'JobRequeued'; data: { reason: RequeueReason; available_at: string; at: string } }
  | { type: 'JobPriorityChanged'; data: JobPriorityChanged }
  /** It waited for longer than its `queue_timeout_seconds`: final. */
  | { type: 'JobQueueTimedOut'; data: { seconds: number; at: string } }
  | { type: 'JobDeadLettered'; data: { reason: 'failed' | 'lease_expired' | 'timed_out'; at: string } }
  | { type: 'JobCancelled'; data: { reason: string; at: string } }
  /** Its place in its concurrency group is taken back before it was claimed: fences a claim that is under way. */
  | { type: 'JobSlotRevoked'; data: { group: string; at: string } };

export type RequeueReason = 'failed' | 'timed_out' | 'lease_expired' | 'released' | 'requested';

export const jobEvents: EventTypes<JobEvent> = {
  today: {
    JobEnqueued: true,
    JobClaimed: true,
    JobStarted: true,
    JobProgressed: true,
    JobCompleted: true,
    JobFailed: true,
    JobTimedOut: true,
    JobLeaseExpired: true,
    JobReleased: true,
    JobRequeued: true,
    JobPriorityChanged: true,
    JobQueueTimedOut: true,
    JobDeadLettered: true,
    JobCancelled: true,
    JobSlotRevoked: true,
  },
};

/** What is optional here, events of the first version lack. */
export interface JobEnqueued {
  job_id: string;
  name: string;
  pool: string;
  priority: Priority;
  labels: Record<string, string>;
  capabilities?: string[];
  pipeline_id?: string | null;
  max_attempts: number;
  backoff_seconds: number;
  backoff_factor?: number;
  max_backoff_seconds?: number;
  backoff_jitter?: number;
  /** Null: any failure is tried again. */
  retry_on_exit_codes?: number[] | null;
  on_exhausted: 'dead_letter' | 'fail';
  timeout_seconds: number;
  queue_timeout_seconds?: number | null;
  concurrency?: { group: string; limit: number } | null;
  /** Not before this; `at` unless told. */
  available_at?: string;
  spec: JobSpec;
  /** SHA-256 of the request: tells a repeated request from a reused id. */
  digest: string;
  at: string;
}

export interface JobClaimed {
  attempt: number;
  agent_id: string;
  /** Unique to this claim: fences its attempt. Worth nothing without the agent's credential. */
  lease_token: string;
  lease_expires_at: string;
  /** What the decision can be derived from again; claims of the first version lack it. */
  decision?: ClaimDecision;
  at: string;
}

/** Why this job and this agent: with the log up to `seen` and the decisions of the same replica the scheduler comes to the same. */
export interface ClaimDecision {
  pool: string;
  pipeline_id: string | null;
  labels: Record<string, string>;
  capabilities: string[];
  /** Commit position up to which the replica had followed the log. */
  seen: string;
  /** The replica (a new id at each start), and how many jobs it had given out or tried to before this one. */
  replica: string;
  turn: number;
  /** 0: no ageing. */
  ageing_seconds: number;
}

export interface JobProgressed {
  attempt: number;
  agent_id: string;
  percent: number | null;
  message: string | null;
  at: string;
}

export interface JobPriorityChanged {
  priority: Priority;
  /** What the job was then, for those who see nothing but this event. */
  status: 'QUEUED' | 'CLAIMED' | 'RUNNING';
  attempt: number;
  agent_id: string | null;
  at: string;
}

export interface JobResult {
  attempt: number;
  exit_code: number;
  error_message: string | null;
  outputs: Record<string, string>;
  artifacts: ArtifactRef[];
  report?: StepReport;
  /** Where the customer keeps the log. */
  log?: LogReference;
  /** Said by a person, not by the attempt's agent. */
  by_hand?: true;
  at: string;
}
