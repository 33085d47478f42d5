/**
 * A job, from enqueue to its end.
 *
 *   QUEUED ──claim──► CLAIMED ──start──► RUNNING ──complete──► COMPLETED
 *     ▲                  │                  │
 *     │                  └───── failed, or lease expired ────► FAILED ──► DEAD_LETTERED
 *     └── attempts remain, after a pause ◄──┘
 *   CANCELLED from QUEUED, CLAIMED and RUNNING. From FAILED and DEAD_LETTERED back to QUEUED by request.
 */
import type { ArtifactRef, EnqueueJobCommand } from '@hybrid/contracts';
import { isRejection, reject, type Decider, type Rejection } from '@hybrid/decider';
import { jobEvents, type JobEvent, type JobFact, type JobResult } from './job.events.js';
import { evolve, noJob, type JobState } from './job.state.js';

export type JobCommand =
  | { type: 'EnqueueJob'; request: EnqueueJobCommand; digest: string; now: string }
  | { type: 'ClaimJob'; agent_id: string; lease_token: string; lease_expires_at: string; now: string }
  | ({ type: 'StartJob' } & Attempt)
  | ({ type: 'CompleteJob'; exit_code: number; error_message?: string } & Attempt & Partial<Results>)
  | { type: 'ExpireLease'; attempt: number; now: string }
  | { type: 'CancelJob'; reason: string; now: string }
  | { type: 'RequeueJob'; now: string };

interface Attempt {
  attempt: number;
  lease_token: string;
  agent_id: string;
  now: string;
}

interface Results {
  outputs: Record<string, string>;
  artifacts: ArtifactRef[];
}

const DEFAULTS = {
  pool: 'default',
  priority: 'NORMAL',
  max_attempts: 3,
  backoff_seconds: 5,
  timeout_seconds: 3600,
} as const;
/** A job that loses its agent this often is more likely to be the cause than the victim. */
const MAX_LOSSES = 3;
const MAX_BACKOFF_SECONDS = 3600;

export const jobDecider: Decider<JobState, JobCommand, JobEvent> = {
  initial: noJob,
  events: jobEvents,
  decide,
  evolve,
};

function decide(command: JobCommand, state: JobState): JobEvent[] | Rejection {
  const decision = judge(command, state);
  if (isRejection(decision)) return decision;
  const run_id =
    command.type === 'EnqueueJob' ? (command.request.run_id ?? null) : (state.job?.run_id ?? null);
  return decision.map((fact) => ({ ...fact, data: { ...fact.data, run_id } }) as JobEvent);
}

function judge(command: JobCommand, state: JobState): JobFact[] | Rejection {
  if (command.type === 'EnqueueJob') return enqueue(command, state);
  if (!state.job) return reject('job_not_found', 'there is no such job', 'not_found');
  switch (command.type) {
    case 'ClaimJob':
      return claim(command, state);
    case 'StartJob':
      if (!holdsLease(command, state)) return leaseLost(command, state);
      return state.status === 'CLAIMED'
        ? [
            {
              type: 'JobStarted',
              data: { attempt: command.attempt, agent_id: command.agent_id, at: command.now },
            },
          ]
        : [];
    case 'CompleteJob':
      return complete(command, state);
    case 'ExpireLease':
      return expire(command, state);
    case 'CancelJob':
      if (state.status === 'CANCELLED') return [];
      if (state.final) return reject('job_finished', `the job is ${state.status} already`);
      return [{ type: 'JobCancelled', data: { reason: command.reason, at: command.now } }];
    case 'RequeueJob':
      if (state.status === 'QUEUED') return [];
      if (state.status !== 'DEAD_LETTERED' && state.status !== 'FAILED')
        return reject(
          'job_not_requeueable',
          `the job is ${state.status}; only FAILED and DEAD_LETTERED jobs can be requeued`,
        );
      return [
        { type: 'JobRequeued', data: { reason: 'requested', available_at: command.now, at: command.now } },
      ];
  }
}

function enqueue(command: JobCommand & { type: 'EnqueueJob' }, state: JobState): JobFact[] | Rejection {
  const { request, digest, now } = command;
  if (state.job)
    return state.job.digest === digest
      ? []
      : reject('idempotency_key_reused', 'this id or Idempotency-Key belongs to another job: use a new one');
  return [
    {
      type: 'JobEnqueued',
      data: {
        job_id: request.job_id,
        name: request.name ?? request.spec.step.name,
        pool: request.pool ?? DEFAULTS.pool,
        priority: request.priority ?? DEFAULTS.priority,
        labels: request.labels ?? {},
        max_attempts: request.max_attempts ?? DEFAULTS.max_attempts,
        backoff_seconds: request.backoff_seconds ?? DEFAULTS.backoff_seconds,
        on_exhausted: request.on_exhausted ?? 'dead_letter',
        timeout_seconds: request.timeout_seconds ?? DEFAULTS.timeout_seconds,
        spec: request.spec,
        digest,
        at: now,
      },
    },
  ];
}

function claim(command: JobCommand & { type: 'ClaimJob' }, state: JobState): JobFact[] | Rejection {
  if (state.status !== 'QUEUED' || (state.available_at ?? '') > command.now)
    return reject('job_not_available', 'the job was taken, or waits for its next attempt');
  const { agent_id, lease_token, lease_expires_at, now } = command;
  return [
    {
      type: 'JobClaimed',
      data: { attempt: state.attempt + 1, agent_id, lease_token, lease_expires_at, at: now },
    },
  ];
}

function complete(command: JobCommand & { type: 'CompleteJob' }, state: JobState): JobFact[] | Rejection {
  // The same attempt's result again: its reply was lost.
  if (state.result?.attempt === command.attempt && state.lease_token === command.lease_token) return [];
  if (!holdsLease(command, state)) return leaseLost(command, state);
  const result: JobResult = {
    attempt: command.attempt,
    exit_code: command.exit_code,
    error_message: command.error_message ?? null,
    outputs: command.outputs ?? {},
    artifacts: command.artifacts ?? [],
    at: command.now,
  };
  if (result.exit_code === 0) return [{ type: 'JobCompleted', data: { ...result, exit_code: 0 } }];
  const failures = state.failures + 1;
  const { max_attempts, backoff_seconds, on_exhausted } = state.job!;
  if (failures < max_attempts) {
    const pause = Math.min(backoff_seconds * 2 ** (failures - 1), MAX_BACKOFF_SECONDS);
    return [
      { type: 'JobFailed', data: { ...result, final: false } },
      {
        type: 'JobRequeued',
        data: { reason: 'failed', available_at: later(command.now, pause), at: command.now },
      },
    ];
  }
  const failed: JobFact = { type: 'JobFailed', data: { ...result, final: on_exhausted === 'fail' } };
  if (on_exhausted === 'fail') return [failed];
  return [failed, { type: 'JobDeadLettered', data: { reason: 'failed', at: command.now } }];
}

function expire(command: JobCommand & { type: 'ExpireLease' }, state: JobState): JobFact[] {
  const { attempt, now } = command;
  if (attempt !== state.attempt || (state.status !== 'CLAIMED' && state.status !== 'RUNNING')) return [];
  const expired: JobFact = {
    type: 'JobLeaseExpired',
    data: { attempt, agent_id: state.agent_id ?? '', at: now },
  };
  if (state.losses + 1 < MAX_LOSSES)
    return [expired, { type: 'JobRequeued', data: { reason: 'lease_expired', available_at: now, at: now } }];
  return [expired, { type: 'JobDeadLettered', data: { reason: 'lease_expired', at: now } }];
}

function holdsLease(command: Attempt, state: JobState): boolean {
  return (
    (state.status === 'CLAIMED' || state.status === 'RUNNING') &&
    state.attempt === command.attempt &&
    state.lease_token === command.lease_token &&
    state.agent_id === command.agent_id
  );
}

function leaseLost(command: Attempt, state: JobState): Rejection {
  return reject(
    'lease_lost',
    `attempt ${command.attempt} is not this agent's any more: the job is ${state.status}, attempt ${state.attempt}`,
  );
}

function later(now: string, seconds: number): string {
  return new Date(Date.parse(now) + seconds * 1000).toISOString();
}
