/** The queue's messages: jobs from enqueue to their end. Owner: the queue service. Times are RFC 3339 UTC. */
import { AnyObject, Nested, NestedList, OneOf, Text, TextMap, Texts, Whole } from './fields.js';
import { ListQuery } from './paging.contract.js';
import { request, type Page } from './request.js';

export const JOB_STATUSES = [
  'QUEUED',
  'CLAIMED',
  'RUNNING',
  'COMPLETED',
  'FAILED',
  'DEAD_LETTERED',
  'CANCELLED',
] as const;
export type JobStatus = (typeof JOB_STATUSES)[number];

/** Most urgent first. */
export const PRIORITIES = ['CRITICAL', 'HIGH', 'NORMAL', 'LOW'] as const;
export type Priority = (typeof PRIORITIES)[number];

/** Time an agent has to start a claimed job, and how long a running job survives without a sign of life. */
export const LEASE_SECONDS = 30;

/** A git repository at a commit. The control plane never opens it: the agent does, with the customer's own credentials. */
export class Source {
  @Text({ max: 2000, description: 'what git clones: a URL or a path on the agent' })
  repository!: string;

  @Text({ optional: true, pattern: /^[0-9a-f]{7,64}$/ })
  commit?: string;

  @Text({ optional: true, max: 250, description: 'branch or tag' })
  ref?: string;
}

export class StepSpec {
  @Text({ max: 200, description: 'unique within the run' })
  id!: string;

  @Text({ max: 200 })
  name!: string;

  @Text({ max: 100, example: 'step.shell_exec' })
  type!: string;

  @AnyObject({ description: "the step type's config; references to secrets are not resolved yet" })
  config!: Record<string, unknown>;
}

export class ArtifactIn {
  @Text({ max: 200, description: 'run that stored the artifact' })
  execution_id!: string;

  @Text({ max: 200 })
  key!: string;

  @Text({ max: 1000, description: 'where it is put in the workspace' })
  dest!: string;
}

export class ArtifactOut {
  @Text({ max: 200 })
  key!: string;

  @Text({ max: 1000, description: 'file or folder in the workspace; a folder is stored as a gzipped tar' })
  path!: string;
}

/** Everything an agent needs to run one step. */
export class JobSpec {
  @Nested(() => StepSpec)
  step!: StepSpec;

  @Nested(() => Source, { optional: true, description: 'left out: the step starts in an empty workspace' })
  source?: Source;

  @Text({
    optional: true,
    max: 100,
    description: 'artifacts of the job are stored under this id; the job id unless told',
  })
  execution_id?: string;

  @TextMap({
    optional: true,
    max: 500,
    itemMax: 32_000,
    description: 'environment; values may hold {{.Secrets.NAME}}',
  })
  env?: Record<string, string>;

  @NestedList(() => ArtifactIn, { optional: true })
  artifacts_in?: ArtifactIn[];

  @NestedList(() => ArtifactOut, { optional: true })
  artifacts_out?: ArtifactOut[];
}

export class EnqueueJob {
  @Text({ optional: true, max: 200, description: 'for people; the name of the step unless told' })
  name?: string;

  @Text({ optional: true, max: 100, description: '`default` unless told' })
  pool?: string;

  @OneOf(PRIORITIES, { optional: true, description: 'NORMAL unless told' })
  priority?: Priority;

  @TextMap({ optional: true, max: 50, itemMax: 200, description: 'labels that the agent must have' })
  labels?: Record<string, string>;

  @Whole({
    optional: true,
    min: 1,
    max: 20,
    description: 'attempts that may fail before the job is given up; 3 unless told',
  })
  max_attempts?: number;

  @Whole({
    optional: true,
    min: 0,
    max: 3600,
    description: 'pause before the second attempt; doubles with each; 5 unless told',
  })
  backoff_seconds?: number;

  @OneOf(['dead_letter', 'fail'], {
    optional: true,
    description: 'where the job goes when its attempts are used up',
  })
  on_exhausted?: 'dead_letter' | 'fail';

  @Whole({
    optional: true,
    min: 1,
    max: 86_400,
    description: 'the agent stops the step after this; 3600 unless told',
  })
  timeout_seconds?: number;

  @Nested(() => JobSpec)
  spec!: JobSpec;
}

/** What the caller adds to the body: `job_id` makes the request idempotent, `digest` tells a repeat from a reuse. */
export interface EnqueueJobCommand extends EnqueueJob {
  job_id: string;
  run_id?: string;
}

export interface JobView {
  id: string;
  name: string;
  status: JobStatus;
  pool: string;
  priority: Priority;
  labels: Record<string, string>;
  step_type: string;
  git_ref: string | null;
  run_id: string | null;
  agent_id: string | null;
  attempt: number;
  max_attempts: number;
  created_at: string;
  claimed_at: string | null;
  started_at: string | null;
  completed_at: string | null;
  exit_code: number | null;
  error_message: string | null;
  outputs: Record<string, string>;
  artifacts: ArtifactRef[];
  logs_url: string;
}

export interface ArtifactRef {
  key: string;
  sha256: string;
  size: number;
}

export class ClaimJob {
  @Text({ max: 100 })
  agent_id!: string;

  @Text({ optional: true, max: 100 })
  pool?: string;

  @TextMap({ optional: true, max: 50, itemMax: 200 })
  labels?: Record<string, string>;

  @Texts({ optional: true, description: 'such as docker, process' })
  capabilities?: string[];

  @Whole({ optional: true, min: 0, max: 50, description: 'how long to wait for a job; 0 unless told' })
  wait_seconds?: number;
}

/** What the gateway adds: `claim_id` names the claim in case its agent hangs up. */
export interface ClaimJobCommand extends ClaimJob {
  claim_id?: string;
}

/** Told to every replica when whoever asked for a job is gone, so that no job is given to nobody. At most once. */
export const CLAIM_ABANDONED_SUBJECT = 'live.queue.claim.abandoned';

export interface ClaimAbandoned {
  claim_id: string;
}

export interface ClaimedJob {
  id: string;
  status: 'CLAIMED';
  attempt: number;
  /** Fences the attempt: start, logs and complete need it. */
  lease_token: string;
  claimed_lease_expires_at: string;
  name: string;
  run_id: string | null;
  timeout_seconds: number;
  spec: JobSpec;
  /** W3C trace context of the event that queued the job: the parent of the agent's span. */
  traceparent: string | null;
}

class Attempt {
  @Whole({ min: 1, max: 1_000_000 })
  attempt!: number;

  @Text({ max: 100 })
  lease_token!: string;
}

export class StartJob extends Attempt {}

export class StoredArtifact implements ArtifactRef {
  @Text({ max: 200 })
  key!: string;

  @Text({ pattern: /^[0-9a-f]{64}$/ })
  sha256!: string;

  @Whole({ min: 0, max: Number.MAX_SAFE_INTEGER })
  size!: number;
}

export class CompleteJob extends Attempt {
  @Whole({ min: -1, max: 255, description: '0: success; -1: the step could not be run' })
  exit_code!: number;

  @Text({ optional: true, max: 4000 })
  error_message?: string;

  @TextMap({ optional: true, max: 200, itemMax: 8000 })
  outputs?: Record<string, string>;

  @NestedList(() => StoredArtifact, { optional: true })
  artifacts?: StoredArtifact[];
}

/** One line of a job's output. `seq` counts from 0 within the attempt. */
export interface LogLine {
  seq: number;
  time: string;
  stream: 'stdout' | 'stderr' | 'system';
  text: string;
}

export class ReadLog {
  @Whole({ optional: true, min: 1, max: 5_000, description: 'lines; 5000 unless told' })
  limit?: number;

  @Text({ optional: true, max: 50, description: '`next_cursor` of the page before' })
  cursor?: string;

  @Text({ optional: true, max: 5, description: 'for people who read URLs: the header Accept decides' })
  follow?: string;
}

/** A running job that its agent vouches for. */
export class RunningJob {
  @Text({ max: 100 })
  job_id!: string;

  @Whole({ min: 1, max: 1_000_000 })
  attempt!: number;
}

export class ListJobs extends ListQuery {
  @OneOf(JOB_STATUSES, { optional: true })
  status?: JobStatus;

  @Text({ optional: true, max: 100 })
  pool?: string;

  @OneOf(PRIORITIES, { optional: true })
  priority?: Priority;

  @Text({ optional: true, max: 100 })
  agent_id?: string;

  @Text({ optional: true, max: 100 })
  run_id?: string;
}

export interface QueueStats {
  queued: number;
  running: number;
  completed: number;
  failed: number;
  dead_lettered: number;
  cancelled: number;
  avg_wait_seconds: number;
  p95_wait_seconds: number;
  avg_execution_seconds: number;
  failure_rate: number;
}

export const queueRequests = {
  enqueue: request<EnqueueJobCommand, JobView>('cmd.queue.job.enqueue'),
  /** `null` when nothing came within `wait_seconds`; the wait is at most 50 s. */
  claim: request<ClaimJobCommand, ClaimedJob | null>('cmd.queue.job.claim', 55_000),
  start: request<StartJob & { job_id: string; agent_id: string }, JobView>('cmd.queue.job.start'),
  complete: request<CompleteJob & { job_id: string; agent_id: string }, JobView>('cmd.queue.job.complete'),
  cancel: request<{ job_id: string; reason: string }, JobView>('cmd.queue.job.cancel'),
  requeue: request<{ job_id: string }, JobView>('cmd.queue.job.requeue'),
  /** Extends the leases of the jobs that are still the agent's; answers the others. */
  renew: request<{ agent_id: string; running: RunningJob[] }, { lost: string[] }>('cmd.queue.job.renew'),
  appendLogs: request<
    { job_id: string; agent_id: string; attempt: number; lease_token: string; lines: LogLine[] },
    { accepted: number }
  >('cmd.queue.job.append-logs'),
  requeueExpired: request<Record<string, never>, { requeued: number }>(
    'cmd.queue.job.requeue-expired',
    30_000,
  ),
  get: request<{ job_id: string }, JobView>('qry.queue.job.get'),
  list: request<ListJobs, Page<JobView>>('qry.queue.job.list'),
  stats: request<Record<string, never>, QueueStats>('qry.queue.job.stats'),
};
