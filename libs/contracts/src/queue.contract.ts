/**
 * The queue's messages: jobs from enqueue to their end. What a job is stands in job.contract.ts, what the queue tells of
 * its jobs in queue-insight.contract.ts. Owner: the queue service. Times are RFC 3339 UTC.
 */
import { Nested, NestedList, OneOf, Real, Text, TextMap, Texts, Whole } from './fields.js';
import {
  JOB_STATUSES,
  PRIORITIES,
  type ArtifactRef,
  type EnqueueJobCommand,
  type EnqueuedItem,
  type JobSpec,
  type JobStatus,
  type JobView,
  type Priority,
} from './job.contract.js';
import { ListQuery } from './paging.contract.js';
import type {
  ExplainJob,
  JobExplanation,
  QueuePool,
  QueueStats,
  QueueVerification,
  ReadStats,
} from './queue-insight.contract.js';
import { LogReference, StepReport } from './report.contract.js';
import { request, type JsonText, type Request, type TextPage } from './request.js';

export class ClaimJob {
  @Text('metadata', { max: 100 })
  agent_id!: string;

  @Text('metadata', { optional: true, max: 100 })
  pool?: string;

  @TextMap('metadata', { optional: true, max: 50, itemMax: 200 })
  labels?: Record<string, string>;

  @Texts('metadata', { optional: true, description: 'such as docker, process' })
  capabilities?: string[];

  @Whole({ optional: true, min: 1, max: 100, description: 'at most so many jobs at once; 1 unless told' })
  count?: number;

  @Whole({
    optional: true,
    min: 0,
    max: 50,
    description: 'how long to wait for the first job; 0 unless told',
  })
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
  /** The pipeline's name; a queue of an older version leaves it out. */
  pipeline_id?: string | null;
  timeout_seconds: number;
  spec: JobSpec;
  /** W3C trace context of the event that queued the job: the parent of the agent's span. */
  traceparent: string | null;
}

class Attempt {
  @Whole({ min: 1, max: 1_000_000 })
  attempt!: number;

  @Text('credential', { max: 100 })
  lease_token!: string;
}

export class StartJob extends Attempt {}

export class ReportProgress extends Attempt {
  @Real({ optional: true, min: 0, max: 100 })
  percent?: number;

  @Text('masked', { optional: true, max: 200, description: 'what it is doing' })
  message?: string;
}

/** The agent hands the job back unfinished: it is queued again at once, and no attempt of it is used up. */
export class ReleaseJob extends Attempt {
  @Text('masked', { max: 200, example: 'the machine is taken away' })
  reason!: string;
}

export class SetPriority {
  @OneOf(PRIORITIES)
  priority!: Priority;
}

/** Which finished jobs are queued again; all that are given must hold. */
export class RequeueJobs {
  @OneOf(['DEAD_LETTERED', 'FAILED'], { optional: true, description: 'DEAD_LETTERED unless told' })
  status?: 'DEAD_LETTERED' | 'FAILED';

  @Text('metadata', { optional: true, max: 100 })
  pool?: string;

  @OneOf(PRIORITIES, { optional: true })
  priority?: Priority;

  @Text('metadata', { optional: true, max: 100 })
  run_id?: string;

  @Text('metadata', { optional: true, max: 100 })
  pipeline_id?: string;

  @Whole({ optional: true, min: 1, max: 1_000, description: 'oldest first; 1000 unless told' })
  limit?: number;
}

export interface RequeuedJobs {
  requeued: number;
  job_ids: string[];
  /** Jobs that fit too, and were left for another request. */
  remaining: number;
}

/** By hand, of a live job: for people, when no agent will say how it ended. */
export class CloseJob {
  @Whole({ min: -1, max: 255, description: '0: it did what it should' })
  exit_code!: number;

  @Text('configuration', { optional: true, max: 4000 })
  error_message?: string;
}

export class PausePool {
  @Text('configuration', { max: 500, example: 'the build machines are being moved' })
  reason!: string;
}

export class StoredArtifact implements ArtifactRef {
  @Text('metadata', { max: 200 })
  key!: string;

  @Text('digest', { pattern: /^[0-9a-f]{64}$/ })
  sha256!: string;

  @Whole({ min: 0, max: Number.MAX_SAFE_INTEGER })
  size!: number;
}

export class CompleteJob extends Attempt {
  @Whole({ min: -1, max: 255, description: '0: success; -1: the step could not be run' })
  exit_code!: number;

  @Text('masked', { optional: true, max: 4000 })
  error_message?: string;

  @TextMap('masked', { optional: true, max: 200, itemMax: 8000 })
  outputs?: Record<string, string>;

  @NestedList(() => StoredArtifact, { optional: true })
  artifacts?: StoredArtifact[];

  @Nested(() => StepReport, { optional: true })
  report?: StepReport;

  @Nested(() => LogReference, { optional: true, description: 'where the log lies if the customer keeps it' })
  log?: LogReference;
}

/** One line of a job's output. `seq` counts from 0 within the attempt. */
export interface LogLine {
  seq: number;
  time: string;
  stream: 'stdout' | 'stderr' | 'system';
  text: string;
  /** `text` is lines that the agent has encrypted, and `seq` and `time` are those of the last. */
  sealed?: SealedLines;
}

export interface SealedLines {
  /** How many. 0: the log has ended. */
  lines: number;
  /** Names of the keys that open them: 16 hexadecimal digits each. */
  for: string[];
}

/** What came of lines that were sent. */
export interface AppendedLogs {
  accepted: number;
  /** The log is as long as one may be (bytes): nothing more of it is kept, but for a few last words. */
  cut?: number;
}

/** Which lines of a log, and how they are shown. */
export class ShowLog {
  @Whole({ optional: true, min: 1, max: 1_000_000, description: 'one attempt alone; all unless told' })
  attempt?: number;

  @OneOf(['stdout', 'stderr', 'system'], { optional: true })
  stream?: LogLine['stream'];

  @OneOf(['true', 'false'], { optional: true, description: 'true: without colours' })
  plain?: 'true' | 'false';
}

export class ReadLog extends ShowLog {
  @Whole({ optional: true, min: 1, max: 5_000, description: 'lines; 5000 unless told' })
  limit?: number;

  @Text('metadata', { optional: true, max: 50, description: '`next_cursor` of the page before' })
  cursor?: string;

  @Whole({
    optional: true,
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    description: '`seq` of the line with which the page begins: of `attempt`, or of the latest',
  })
  from?: number;

  @Text('configuration', {
    optional: true,
    max: 200,
    description:
      'lines that hold this text, whatever its case and colours; a page may have fewer lines than its limit and still a next one',
  })
  search?: string;

  @Text('metadata', {
    optional: true,
    max: 5,
    description: 'for people who read URLs: the header Accept decides',
  })
  follow?: string;
}

export class DownloadLog extends ShowLog {
  @OneOf(['true', 'false'], { optional: true, description: 'true: each line begins with its time' })
  timestamps?: 'true' | 'false';
}

/** As readers get it. */
export interface ShownLine extends LogLine {
  attempt: number;
  /**
   * The line begins or ends a group. `command`: one of the step's commands, up to the next; `section`: `--- name`, up to
   * the next or the command's end; `start` and `end`: `::group::name` and `::endgroup::`, which nest; an `end` too many
   * means nothing, and what is open at the end of its command ends there.
   */
  group?: 'command' | 'section' | 'start' | 'end';
  /** Of a group that begins. */
  group_name?: string;
}

export interface LogPage {
  lines: ShownLine[];
  next_cursor: string | null;
  /** Where the whole log lies, where the customer keeps it. */
  log: LogReference | null;
  /** Why there are no lines, where there is a reason. */
  message?: string;
}

/** A running job that its agent vouches for. */
export class RunningJob {
  @Text('metadata', { max: 100 })
  job_id!: string;

  @Whole({ min: 1, max: 1_000_000 })
  attempt!: number;
}

export class ListJobs extends ListQuery {
  @OneOf(JOB_STATUSES, { optional: true })
  status?: JobStatus;

  @Text('metadata', { optional: true, max: 100 })
  pool?: string;

  @OneOf(PRIORITIES, { optional: true })
  priority?: Priority;

  @Text('metadata', { optional: true, max: 100 })
  agent_id?: string;

  @Text('metadata', { optional: true, max: 100 })
  run_id?: string;

  @Text('metadata', { optional: true, max: 100 })
  pipeline_id?: string;

  @Text('metadata', { optional: true, max: 200, description: 'concurrency group' })
  group?: string;
}

/**
 * Pools are shared out among the queue's replicas: a claim goes to whichever serves its pool's partition, so that
 * replicas do not take the same job. Only a way to have few conflicts: any replica may serve any claim.
 */
export const CLAIM_PARTITIONS = 64;

/** The partition's own subject; where nobody serves it at the moment, `claim` itself will do. */
export function partitionClaim(org: string, pool: string): Request<ClaimJobCommand, ClaimedJob[]> {
  const { subject, timeoutMs } = queueRequests.claim;
  return request(`${subject}.${claimPartition(org, pool)}`, timeoutMs);
}

/** FNV-1a: the same in every process and version. */
export function claimPartition(org: string, pool: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(`${org}\n${pool}`))
    hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash % CLAIM_PARTITIONS;
}

type OfAgent = { job_id: string; agent_id: string };

/** Whose artifacts an agent may touch by the job that it holds: ids of executions. */
export interface JobLease {
  /** It may store into this one, and fetch from it. */
  execution_id: string;
  /** Others that the job's spec names: it may fetch from these. */
  fetches_from: string[];
}

export const queueRequests = {
  enqueue: request<EnqueueJobCommand, JobView>('cmd.queue.job.enqueue'),
  /** As many `enqueue`s, side by side; what is wrong with one harms no other. */
  enqueueBatch: request<{ jobs: EnqueueJobCommand[] }, { results: EnqueuedItem[] }>(
    'cmd.queue.job.enqueue-batch',
    30_000,
  ),
  /**
   * None when nothing came within `wait_seconds`, of which a replica waits `CLAIM_SLICE_SECONDS` at most: ask again, as
   * the replica may have died meanwhile.
   */
  claim: request<ClaimJobCommand, ClaimedJob[]>('cmd.queue.job.claim', 8_000),
  start: request<StartJob & OfAgent, JobView>('cmd.queue.job.start'),
  complete: request<CompleteJob & OfAgent, JobView>('cmd.queue.job.complete'),
  /** Kept if five seconds have passed since the last; extends the lease in any case. */
  progress: request<ReportProgress & OfAgent, JobView>('cmd.queue.job.progress'),
  release: request<ReleaseJob & OfAgent, JobView>('cmd.queue.job.release'),
  cancel: request<{ job_id: string; reason: string }, JobView>('cmd.queue.job.cancel'),
  close: request<CloseJob & { job_id: string }, JobView>('cmd.queue.job.close'),
  setPriority: request<SetPriority & { job_id: string }, JobView>('cmd.queue.job.set-priority'),
  requeue: request<{ job_id: string }, JobView>('cmd.queue.job.requeue'),
  requeueMany: request<RequeueJobs, RequeuedJobs>('cmd.queue.job.requeue-many', 30_000),
  /** Extends the leases of the jobs that are still the agent's; answers the others. */
  renew: request<{ agent_id: string; running: RunningJob[] }, { lost: string[] }>('cmd.queue.job.renew'),
  /** The agent is lost for good: its jobs need not wait for their leases to end. */
  loseAgent: request<{ agent_id: string; reason: string }, { requeued: number }>(
    'cmd.queue.job.lose-agent',
    30_000,
  ),
  /** Whether so many bytes of log may be stored for the attempt; refused with `lease_lost` where it is not the agent's. */
  admitLog: request<{ attempt: number; lease_token: string; size: number } & OfAgent, { cut?: number }>(
    'cmd.queue.job.admit-log',
  ),
  /** Admits and stores them: for gateways of before, which did not store them themselves. */
  appendLogs: request<
    { attempt: number; lease_token: string; lines: LogLine[] } & OfAgent,
    { accepted: number }
  >('cmd.queue.job.append-logs'),
  requeueExpired: request<Record<string, never>, { requeued: number }>(
    'cmd.queue.job.requeue-expired',
    30_000,
  ),
  /** Of a job that is the agent's now, by this attempt; refused with `not_your_job` otherwise. */
  lease: request<{ attempt: number; lease_token: string } & OfAgent, JobLease>('qry.queue.job.lease'),
  get: request<{ job_id: string }, JobView>('qry.queue.job.get'),
  /** A page ends before its limit where it would not fit into a message. */
  list: request<ListJobs, JsonText<TextPage<'jobs', JobView>>>('qry.queue.job.page'),
  explain: request<ExplainJob & { job_id: string }, JobExplanation>('qry.queue.job.explain', 30_000),
  stats: request<ReadStats, QueueStats>('qry.queue.job.stats'),
  pausePool: request<PausePool & { pool: string }, QueuePool>('cmd.queue.pool.pause'),
  resumePool: request<{ pool: string }, QueuePool>('cmd.queue.pool.resume'),
  /** Pools that have, or had within a day, a job, and those that are paused. */
  pools: request<Record<string, never>, { pools: QueuePool[] }>('qry.queue.pool.list'),
  pool: request<{ pool: string }, QueuePool>('qry.queue.pool.get'),
  /** Reads the whole log, which takes its time: tells its progress on `verificationSubject(id)`. */
  verify: request<{ id: string }, QueueVerification>('qry.queue.log.verify', 3_600_000),
};

/** Seconds that one replica lets a claim wait; a dead one costs no agent more. */
export const CLAIM_SLICE_SECONDS = 5;
