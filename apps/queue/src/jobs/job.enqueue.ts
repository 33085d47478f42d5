/** How a job begins: what was asked for, completed by what is so unless told. */
import { UNTRUSTED_JOBS, type EnqueueJobCommand } from '@hybrid/contracts';
import { reject, type Rejection } from '@hybrid/decider';
import type { EnqueueJob } from './job.commands.js';
import type { JobFact } from './job.events.js';
import { later } from './job.retry.js';
import type { JobState } from './job.state.js';

const DEFAULTS = {
  pool: 'default',
  priority: 'NORMAL',
  max_attempts: 3,
  backoff_seconds: 5,
  backoff_factor: 2,
  max_backoff_seconds: 3600,
  backoff_jitter: 0.2,
  on_exhausted: 'dead_letter',
  timeout_seconds: 3600,
} as const;

/** A job for next year is made by mistake more often than by intent. */
const MAX_DAYS_AHEAD = 366;

/** Rejections: idempotency_key_reused, invalid_input. */
export function enqueue({ request, digest, now }: EnqueueJob, state: JobState): JobFact[] | Rejection {
  if (state.job)
    return state.job.digest === digest
      ? []
      : reject('idempotency_key_reused', 'this id or Idempotency-Key belongs to another job: use a new one');
  const available = availableAt(request, now);
  if (typeof available !== 'string') return available;
  const { job_id, spec, concurrency } = request;
  return [
    {
      type: 'JobEnqueued',
      data: {
        job_id,
        name: request.name ?? spec.step.name,
        pool: request.pool ?? DEFAULTS.pool,
        priority: request.priority ?? DEFAULTS.priority,
        labels: request.labels ?? {},
        capabilities: capabilitiesFor(request),
        pipeline_id: request.pipeline_id ?? null,
        max_attempts: request.max_attempts ?? DEFAULTS.max_attempts,
        backoff_seconds: request.backoff_seconds ?? DEFAULTS.backoff_seconds,
        backoff_factor: request.backoff_factor ?? DEFAULTS.backoff_factor,
        max_backoff_seconds: request.max_backoff_seconds ?? DEFAULTS.max_backoff_seconds,
        backoff_jitter: request.backoff_jitter ?? DEFAULTS.backoff_jitter,
        retry_on_exit_codes: request.retry_on_exit_codes ?? null,
        on_exhausted: request.on_exhausted ?? DEFAULTS.on_exhausted,
        timeout_seconds: request.timeout_seconds ?? DEFAULTS.timeout_seconds,
        queue_timeout_seconds: request.queue_timeout_seconds ?? null,
        concurrency: concurrency ? { group: concurrency.group, limit: concurrency.limit ?? 1 } : null,
        available_at: available,
        spec,
        digest,
        at: now,
      },
    },
  ];
}

function capabilitiesFor({ capabilities = [], spec }: EnqueueJobCommand): string[] {
  return spec.untrusted ? [...new Set([...capabilities, UNTRUSTED_JOBS])] : capabilities;
}

/** Never before now: a wait begins when the job is there. */
function availableAt({ delay_seconds, run_at }: EnqueueJobCommand, now: string): string | Rejection {
  if (run_at === undefined) return later(now, delay_seconds ?? 0);
  if (delay_seconds !== undefined)
    return reject('invalid_input', 'delay_seconds and run_at exclude each other: leave one out', 'invalid');
  const at = Date.parse(run_at);
  if (Number.isNaN(at)) return reject('invalid_input', `run_at: there is no time ${run_at}`, 'invalid');
  if (at - Date.parse(now) > MAX_DAYS_AHEAD * 86_400_000)
    return reject('invalid_input', `run_at is more than ${MAX_DAYS_AHEAD} days ahead`, 'invalid');
  return new Date(Math.max(at, Date.parse(now))).toISOString();
}
