/** What follows an attempt that did not succeed: another one, or the end. */
import type { JobFact } from './job.events.js';
import type { JobState } from './job.state.js';

/** A job that loses its agent this often while it runs is more likely to be the cause than the victim. */
const MAX_LOSSES = 3;
/** What was never started can hardly have killed its agents: it takes more of them to give it up. */
const MAX_UNSTARTED = 10;

interface Failure {
  reason: 'failed' | 'timed_out';
  exit_code: number;
  /** From 0 up to 1. */
  chance: number;
  now: string;
}

/** `final`: the failure is the job's end; `facts` stand after it in the same append. */
export function afterFailure(state: JobState, failure: Failure): { final: boolean; facts: JobFact[] } {
  const { reason, exit_code, chance, now: at } = failure;
  const { max_attempts, retry_on_exit_codes, on_exhausted } = state.job!;
  const failures = state.failures + 1;
  const again = failures < max_attempts && (retry_on_exit_codes?.includes(exit_code) ?? true);
  if (again) {
    const available_at = later(at, pauseSeconds(state, failures, chance));
    return { final: false, facts: [{ type: 'JobRequeued', data: { reason, available_at, at } }] };
  }
  if (on_exhausted === 'fail') return { final: true, facts: [] };
  return { final: false, facts: [{ type: 'JobDeadLettered', data: { reason, at } }] };
}

/** At once, as nothing says that it would go wrong again, until it does so too often. */
export function afterLoss(state: JobState, at: string): JobFact {
  const reason = 'lease_expired';
  const givenUp = state.started_at ? state.losses + 1 >= MAX_LOSSES : state.unstarted + 1 >= MAX_UNSTARTED;
  return givenUp
    ? { type: 'JobDeadLettered', data: { reason, at } }
    : { type: 'JobRequeued', data: { reason, available_at: at, at } };
}

/**
 * Grows by the factor with each failure up to the maximum, less what chance takes off. A job of the first version says
 * none of that: its pauses double up to an hour.
 */
function pauseSeconds({ job }: JobState, failures: number, chance: number): number {
  const { backoff_seconds, backoff_factor = 2, max_backoff_seconds = 3600, backoff_jitter = 0 } = job!;
  const pause = Math.min(backoff_seconds * backoff_factor ** (failures - 1), max_backoff_seconds);
  return pause * (1 - backoff_jitter * chance);
}

export function later(now: string, seconds: number): string {
  return new Date(Date.parse(now) + seconds * 1000).toISOString();
}
