/** The facts of stream `job-<id>`. Stored for ever: a break is a new type, never a change. Times are RFC 3339 UTC. */
import type { ArtifactRef, JobSpec, Priority } from '@hybrid/contracts';
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
  | { type: 'JobCompleted'; data: JobResult & { exit_code: 0 } }
  | { type: 'JobFailed'; data: JobResult & { final: boolean } }
  | { type: 'JobLeaseExpired'; data: { attempt: number; agent_id: string; at: string } }
  | {
      type: 'JobRequeued';
      data: { reason: 'failed' | 'lease_expired' | 'requested'; available_at: string; at: string };
    }
  | { type: 'JobDeadLettered'; data: { reason: 'failed' | 'lease_expired'; at: string } }
  | { type: 'JobCancelled'; data: { reason: string; at: string } };

export const jobEvents: EventTypes<JobEvent> = {
  today: {
    JobEnqueued: true,
    JobClaimed: true,
    JobStarted: true,
    JobCompleted: true,
    JobFailed: true,
    JobLeaseExpired: true,
    JobRequeued: true,
    JobDeadLettered: true,
    JobCancelled: true,
  },
};

export interface JobEnqueued {
  job_id: string;
  name: string;
  pool: string;
  priority: Priority;
  labels: Record<string, string>;
  max_attempts: number;
  backoff_seconds: number;
  on_exhausted: 'dead_letter' | 'fail';
  timeout_seconds: number;
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
  at: string;
}

export interface JobResult {
  attempt: number;
  exit_code: number;
  error_message: string | null;
  outputs: Record<string, string>;
  artifacts: ArtifactRef[];
  at: string;
}
