/** What the queue tells of its jobs: figures, why one waits, and whether the log holds what the rules say. */
import { OneOf, Whole } from './fields.js';
import type { JobStatus, Priority } from './job.contract.js';

/** How far back figures of ended jobs go. */
export const STATS_WINDOWS = ['5m', '1h', '24h'] as const;
export type StatsWindow = (typeof STATS_WINDOWS)[number];

/** Jobs as they are now. `queued` holds the delayed ones too. */
export interface QueueCounts {
  queued: number;
  delayed: number;
  running: number;
  completed: number;
  failed: number;
  dead_lettered: number;
  cancelled: number;
}

/**
 * Of the attempts that ended within a window. Seconds. Waits run from when the job could have been claimed to the
 * claim, executions from start to end; p95 within 5 %. `failure_rate`: failed of all that ended, 0 to 1.
 */
export interface QueueFigures {
  ended: number;
  avg_wait_seconds: number;
  p95_wait_seconds: number;
  avg_execution_seconds: number;
  p95_execution_seconds: number;
  failure_rate: number;
}

export interface QueuePart extends QueueCounts {
  windows: Record<StatsWindow, QueueFigures>;
}

/** Beside the windows the figures of the one that was asked for; the last 24 hours unless told. */
export interface QueueStats extends QueuePart, QueueFigures {
  window: StatsWindow;
  pools: Record<string, QueuePart>;
  priorities: Record<Priority, QueuePart>;
}

export class ReadStats {
  @OneOf(STATS_WINDOWS, { optional: true, description: '24h unless told' })
  window?: StatsWindow;
}

/** A pool as the queue sees it: what waits for its agents. */
export interface QueuePool extends QueuePart {
  pool: string;
  /** Seconds that the job waits which could have been claimed for the longest time; null: none waits. */
  oldest_wait_seconds: number | null;
  paused: PoolPause | null;
}

export interface PoolPause {
  reason: string;
  /** Who: `user administrator`. */
  by: string;
  at: string;
}

export const WAIT_CODES = [
  'pool_paused',
  'delayed',
  'backing_off',
  'no_agent_in_pool',
  'no_agent_fits',
  'agents_unavailable',
  'agents_busy',
  'group_full',
  'jobs_ahead',
  'about_to_be_claimed',
] as const;
export type WaitCode = (typeof WAIT_CODES)[number];

/** One reason; `detail` says it to people, `facts` holds its numbers and names. */
export interface WaitReason {
  code: WaitCode;
  detail: string;
  facts: Record<string, string | number | null | string[]>;
}

/** One claim of another job that an agent was given while this one waited, and why not this one. */
export interface PassedOver {
  at: string;
  agent_id: string;
  job_id: string;
  code:
    | 'not_available_yet'
    | 'agent_does_not_fit'
    | 'group_full'
    | 'higher_priority'
    | 'other_pipelines_turn'
    | 'came_first'
    | 'taken_at_the_same_time';
  detail: string;
}

/** Claims that are looked at, unless told and at most. */
export const EXPLAINED_CLAIMS = 50;
const MAX_EXPLAINED_CLAIMS = 1_000;

export class ExplainJob {
  @Whole({
    optional: true,
    min: 0,
    max: MAX_EXPLAINED_CLAIMS,
    description: `So many of its pool's newest claims are looked at, to tell who was given what instead; ${EXPLAINED_CLAIMS} unless told, 0: none`,
  })
  claims?: number;
}

/** One wait of the job, which ended with a claim or with the job. */
export interface ExplainedWait {
  attempt: number;
  /** From when it could have been claimed. */
  since: string;
  until: string | null;
  wait_seconds: number;
  /** Null: it ended otherwise. */
  agent_id: string | null;
  /**
   * Oldest first, of the claims that were looked at. Jobs that were claimed again after the wait are left out, and so are
   * claims that the read model does not show yet.
   */
  passed_over: PassedOver[];
  passed_over_total: number;
  /** There were more claims in this wait than were looked at: ask for more `claims`. */
  incomplete?: true;
}

export interface JobExplanation {
  job_id: string;
  status: JobStatus;
  pool: string;
  priority: Priority;
  /** With what ageing added; null once it does not wait. */
  effective_priority: Priority | null;
  as_of: string;
  /** Why it waits now, the hardest reason first; empty when it does not wait. */
  reasons: WaitReason[];
  /** Jobs that would be claimed before it by an agent that fits all. */
  ahead: number | null;
  /** Its waits so far, oldest first. */
  waits: ExplainedWait[];
}

/** What `verify` found in the log, of all organisations. */
export interface QueueVerification {
  events: number;
  jobs: number;
  claims: number;
  /** Claims that say nothing of their decision: of versions before. */
  unexplained_claims: number;
  /**
   * Claims that were neither derived nor found wrong: decisions of the replica that came to nothing may explain them, in more
   * ways than were tried.
   */
  undecided_claims: number;
  /** In the order of the log; the first 20. Empty: no claim is known to be other than what the scheduler decides, and no job was lost. */
  divergences: QueueDivergence[];
  divergences_total: number;
  seconds: number;
}

export interface QueueDivergence {
  position: string;
  job_id: string;
  code:
    | 'wrong_choice'
    | 'claimed_twice'
    | 'result_of_another_attempt'
    | 'ended_twice'
    | 'claimed_while_not_waiting'
    | 'claimed_from_paused_pool'
    | 'group_limit_exceeded'
    | 'job_lost';
  detail: string;
}

/** Told while a verification runs; core NATS, at most once. */
export function verificationSubject(id: string): string {
  return `live.queue.verification.${id}`;
}

export interface VerificationProgress {
  events: number;
  claims: number;
  divergences: number;
}
