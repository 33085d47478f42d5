/** A job: what it is made from, and what is shown of it. Owner: the queue service. Times are RFC 3339 UTC. */
import {
  AnyObject,
  Flag,
  Nested,
  NestedList,
  OneOf,
  Real,
  Text,
  TextMap,
  Texts,
  Whole,
  Wholes,
} from './fields.js';
import { RFC_3339 } from './limits.js';
import type { Problem } from './problem.js';
import type { LogReference } from './report.contract.js';

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
  @Text('reference', { max: 2000, description: 'what git clones: a URL or a path on the agent' })
  repository!: string;

  @Text('reference', { optional: true, pattern: /^[0-9a-f]{7,64}$/ })
  commit?: string;

  @Text('metadata', { optional: true, max: 250, description: 'branch or tag' })
  ref?: string;
}

export class StepSpec {
  @Text('configuration', { max: 200, description: 'unique within the run' })
  id!: string;

  @Text('configuration', { max: 200 })
  name!: string;

  @Text('configuration', { max: 100, example: 'step.shell_exec' })
  type!: string;

  @AnyObject('configuration', {
    maxBytes: 500_000,
    maxDepth: 20,
    description: "the step type's config; references to secrets are not resolved yet",
  })
  config!: Record<string, unknown>;
}

export class ArtifactIn {
  @Text('metadata', { max: 200, description: 'run that stored the artifact' })
  execution_id!: string;

  @Text('configuration', { max: 200 })
  key!: string;

  @Text('configuration', { max: 1000, description: 'where it is put in the workspace' })
  dest!: string;
}

export class ArtifactOut {
  @Text('configuration', { max: 200 })
  key!: string;

  @Text('configuration', {
    max: 1000,
    description: 'file or folder in the workspace; a folder is stored as a gzipped tar',
  })
  path!: string;

  @Whole({ optional: true, min: 1, max: 3_650, description: 'the store keeps it for so long' })
  retention_days?: number;
}

/** A container beside the step, reachable by its name; gone with the step. */
export class ServiceSpec {
  @Text('configuration', { max: 63, description: 'its host name for the step' })
  name!: string;

  @Text('configuration', { max: 500 })
  image!: string;

  @TextMap('configuration', {
    optional: true,
    max: 100,
    itemMax: 32_000,
    description: 'may hold {{.Secrets.NAME}}',
  })
  env?: Record<string, string>;

  @Texts('configuration', { optional: true, max: 100, itemMax: 4_000, description: "instead of the image's" })
  command?: string[];

  @Texts('configuration', {
    optional: true,
    max: 100,
    itemMax: 4_000,
    description:
      'run in it until it ends with 0: then the step begins; without it, as soon as the container runs',
  })
  ready?: string[];

  @Whole({
    optional: true,
    min: 1,
    max: 3_600,
    description: 'how long it may take to be ready; 60 unless told',
  })
  ready_timeout_seconds?: number;
}

/** Files that are kept between runs on the customer's side; the control plane never sees them. */
export class CacheSpec {
  @Text('configuration', { max: 500, description: 'may hold {{hashFiles "…"}}, which the agent resolves' })
  key!: string;

  @Texts('configuration', { max: 50, itemMax: 1_000, description: 'in the workspace, or ~/… in the sandbox' })
  paths!: string[];

  @Texts('configuration', {
    optional: true,
    max: 20,
    itemMax: 500,
    description: 'beginnings of keys to fall back to, best first',
  })
  restore_keys?: string[];
}

/** Everything an agent needs to run one step. */
export class JobSpec {
  @Nested(() => StepSpec)
  step!: StepSpec;

  @Nested(() => Source, { optional: true, description: 'left out: the step starts in an empty workspace' })
  source?: Source;

  @Text('metadata', {
    optional: true,
    max: 100,
    description: 'artifacts of the job are stored under this id; the job id unless told',
  })
  execution_id?: string;

  @TextMap('configuration', {
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

  @NestedList(() => ServiceSpec, { optional: true })
  services?: ServiceSpec[];

  @NestedList(() => CacheSpec, { optional: true })
  caches?: CacheSpec[];

  @Texts('configuration', {
    optional: true,
    max: 50,
    itemMax: 500,
    description: 'JUnit XML in the workspace; * and ** stand for names',
  })
  test_reports?: string[];

  @Flag({ optional: true, description: 'the step may append steps to its run' })
  dynamic?: boolean;

  @Flag({
    optional: true,
    description:
      'the source is not to be trusted: no secrets, no shared caches, no deployment, nothing pushed',
  })
  untrusted?: boolean;
}

/** Jobs of one organisation that name the same group, in whatever pool. The newest job's limit counts. */
export class Concurrency {
  @Text('configuration', { max: 200, example: 'deploy-production' })
  group!: string;

  @Whole({ optional: true, min: 1, max: 100, description: '1 unless told' })
  limit?: number;
}

export class EnqueueJob {
  @Text('configuration', {
    optional: true,
    max: 200,
    description: 'for people; the name of the step unless told',
  })
  name?: string;

  @Text('configuration', { optional: true, max: 100, description: '`default` unless told' })
  pool?: string;

  @OneOf(PRIORITIES, { optional: true, description: 'NORMAL unless told' })
  priority?: Priority;

  @TextMap('configuration', {
    optional: true,
    max: 50,
    itemMax: 200,
    description: 'labels that the agent must have',
  })
  labels?: Record<string, string>;

  @Texts('configuration', {
    optional: true,
    max: 20,
    description: 'capabilities that the agent must have, such as docker',
  })
  capabilities?: string[];

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
    description: 'pause before the second attempt; grows with each; 5 unless told',
  })
  backoff_seconds?: number;

  @Real({
    optional: true,
    min: 1,
    max: 10,
    description: 'by which the pause grows with each failure; 2 unless told',
  })
  backoff_factor?: number;

  @Whole({ optional: true, min: 0, max: 86_400, description: 'no pause is longer; 3600 unless told' })
  max_backoff_seconds?: number;

  @Real({
    optional: true,
    min: 0,
    max: 1,
    description:
      'share of the pause that is left to chance, so that what failed together does not come back together; 0.2 unless told',
  })
  backoff_jitter?: number;

  @Wholes({
    optional: true,
    min: -1,
    max: 255,
    maxItems: 50,
    description: 'only these are tried again; any failure unless told. A lost agent is no failure of the job',
  })
  retry_on_exit_codes?: number[];

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

  @Whole({
    optional: true,
    min: 1,
    max: 2_592_000,
    description: 'the job fails when it has waited this long for an agent; it waits for ever unless told',
  })
  queue_timeout_seconds?: number;

  @Whole({
    optional: true,
    min: 0,
    max: 31_536_000,
    description: 'not before this has passed; instead of run_at',
  })
  delay_seconds?: number;

  @Text('metadata', {
    optional: true,
    max: 30,
    pattern: RFC_3339,
    description: 'not before this time (RFC 3339); instead of delay_seconds',
  })
  run_at?: string;

  @Nested(() => Concurrency, {
    optional: true,
    description: 'of the jobs of one group only so many run at a time',
  })
  concurrency?: Concurrency;

  @Nested(() => JobSpec)
  spec!: JobSpec;
}

/** What the caller adds to the body: `job_id` makes the request idempotent, `digest` tells a repeat from a reuse. */
export interface EnqueueJobCommand extends EnqueueJob {
  job_id: string;
  run_id?: string;
  /** The pipeline that the run belongs to: pipelines take turns. */
  pipeline_id?: string;
}

/** Jobs per request of a batch. */
export const BATCH_MAX = 1_000;

export class EnqueueJobs {
  @NestedList(() => EnqueueJob, { min: 1, max: BATCH_MAX, oneByOne: true })
  jobs!: unknown[];
}

/** What became of one job of a batch, in the order of the batch. */
export type EnqueuedItem = { index: number; job: JobView } | { index: number; error: Problem };

export interface JobProgress {
  percent: number | null;
  message: string | null;
  at: string;
}

export interface JobView {
  id: string;
  name: string;
  status: JobStatus;
  pool: string;
  priority: Priority;
  labels: Record<string, string>;
  capabilities: string[];
  step_type: string;
  git_ref: string | null;
  run_id: string | null;
  pipeline_id: string | null;
  concurrency: { group: string; limit: number } | null;
  agent_id: string | null;
  attempt: number;
  max_attempts: number;
  timeout_seconds: number;
  queue_timeout_seconds: number | null;
  created_at: string;
  /** While it waits: not before this. */
  available_at: string | null;
  claimed_at: string | null;
  started_at: string | null;
  completed_at: string | null;
  exit_code: number | null;
  error_message: string | null;
  outputs: Record<string, string>;
  artifacts: ArtifactRef[];
  /** Where the whole log lies on the customer's side, if it does. */
  log: LogReference | null;
  progress: JobProgress | null;
  logs_url: string;
}

export interface ArtifactRef {
  key: string;
  sha256: string;
  size: number;
}
