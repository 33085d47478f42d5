/** The ends of an attempt: by its agent, by a person, by a clock, or by the agent's silence. */
import { reject, type Rejection } from '@hybrid/decider';
import type { CloseJob, CompleteJob, JobCommand, OfAttempt, TimeOutAttempt } from './job.commands.js';
import type { JobFact, JobResult } from './job.events.js';
import { afterFailure, afterLoss } from './job.retry.js';
import { TIMED_OUT, type JobState } from './job.state.js';

/** Rejections: lease_lost. */
export function complete(command: CompleteJob, state: JobState): JobFact[] | Rejection {
  const { attempt, exit_code, chance, now } = command;
  // The same attempt's result again: its reply was lost.
  if (state.result?.attempt === attempt && isLast(command, state)) return [];
  if (!holdsLease(command, state)) return leaseLost(command, state);
  const result: JobResult = {
    attempt,
    exit_code,
    error_message: command.error_message ?? null,
    outputs: command.outputs ?? {},
    artifacts: command.artifacts ?? [],
    ...(command.report && { report: command.report }),
    ...(command.log && { log: command.log }),
    at: now,
  };
  if (exit_code === 0) return [{ type: 'JobCompleted', data: { ...result, exit_code } }];
  const { final, facts } = afterFailure(state, { reason: 'failed', exit_code, chance, now });
  return [{ type: 'JobFailed', data: { ...result, final } }, ...facts];
}

/** Neither a failure nor a loss: it waits again at once. Rejections: lease_lost. */
export function release(
  command: JobCommand & { type: 'ReleaseJob' },
  state: JobState,
): JobFact[] | Rejection {
  const { attempt, agent_id, reason, now: at } = command;
  // The same again: its reply was lost.
  if (state.released === attempt && isLast(command, state)) return [];
  if (!holdsLease(command, state)) return leaseLost(command, state);
  return [
    { type: 'JobReleased', data: { attempt, agent_id, reason, at } },
    { type: 'JobRequeued', data: { reason: 'released', available_at: at, at } },
  ];
}

/**
 * A person may say what the attempt's agent could say, and it is not tried again. Of a job that waits there is no attempt
 * (its number in the event is 0): it can be given up, but nobody can have done its work.
 * Rejections: job_finished, job_not_claimed.
 */
export function close(command: CloseJob, state: JobState): JobFact[] | Rejection {
  const { exit_code, now: at } = command;
  if (state.final) {
    if (state.result?.by_hand && state.result.exit_code === exit_code) return [];
    return finished(state);
  }
  const waits = state.status === 'QUEUED';
  if (waits && exit_code === 0)
    return reject(
      'job_not_claimed',
      'the job waits, so nobody did its work: cancel it, or say how it failed',
    );
  const result: JobResult = {
    attempt: waits ? 0 : state.attempt,
    exit_code,
    error_message: command.error_message ?? null,
    outputs: {},
    artifacts: [],
    by_hand: true,
    at,
  };
  return exit_code === 0
    ? [{ type: 'JobCompleted', data: { ...result, exit_code } }]
    : [{ type: 'JobFailed', data: { ...result, final: true } }];
}

/** For an attempt whose agent did not stop it in time; a failure like any other. */
export function timeOutAttempt(command: TimeOutAttempt, state: JobState): JobFact[] {
  const { attempt, seconds, chance, now } = command;
  if (attempt !== state.attempt || state.status !== 'RUNNING') return [];
  const failure = { reason: 'timed_out', exit_code: TIMED_OUT, chance, now } as const;
  const { final, facts } = afterFailure(state, failure);
  const agent_id = state.agent_id ?? '';
  return [{ type: 'JobTimedOut', data: { attempt, agent_id, seconds, final, at: now } }, ...facts];
}

/** Not due, or too late: nothing. */
export function timeOutInQueue(now: string, state: JobState): JobFact[] {
  const seconds = state.job!.queue_timeout_seconds;
  if (state.status !== 'QUEUED' || !seconds) return [];
  if (Date.parse(now) - Date.parse(state.available_at!) < seconds * 1000) return [];
  return [{ type: 'JobQueueTimedOut', data: { seconds, at: now } }];
}

export function expire(command: JobCommand & { type: 'ExpireLease' }, state: JobState): JobFact[] {
  const { attempt, reason, now: at } = command;
  if (attempt !== state.attempt || (state.status !== 'CLAIMED' && state.status !== 'RUNNING')) return [];
  const lost = { attempt, agent_id: state.agent_id ?? '', at, ...(reason !== undefined && { reason }) };
  return [{ type: 'JobLeaseExpired', data: lost }, afterLoss(state, at)];
}

export function holdsLease(command: OfAttempt, state: JobState): boolean {
  return (state.status === 'CLAIMED' || state.status === 'RUNNING') && isLast(command, state);
}

/** Whether the command comes from the agent of the current or last attempt, which nobody else has ended. */
function isLast(command: OfAttempt, state: JobState): boolean {
  return (
    state.attempt === command.attempt &&
    state.lease_token === command.lease_token &&
    state.agent_id === command.agent_id
  );
}

export function leaseLost(command: OfAttempt, state: JobState): Rejection {
  return reject(
    'lease_lost',
    `attempt ${command.attempt} is not this agent's any more: the job is ${state.status}, attempt ${state.attempt}`,
  );
}

export function finished(state: JobState): Rejection {
  return reject('job_finished', `the job is ${state.status} already`);
}
