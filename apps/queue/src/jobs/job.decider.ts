/**
 * A job, from enqueue to its end.
 *
 *                    ┌────────────────────────────────────────────────────────┐
 *                    ▼                                                        │ attempts remain: after a pause
 *   enqueue ──► QUEUED ──claim──► CLAIMED ──start──► RUNNING ──failed, timed out ──used up───────► DEAD_LETTERED | FAILED
 *                 │  ▲               │                  │ └────complete─────────────────────────► COMPLETED
 *                 │  └───at once─────┴──────────────────┴─released, agent lost ──lost too often──► DEAD_LETTERED
 *                 └──nobody claims it in time────────────────────────────────────────────────────► FAILED
 *
 * An agent that is lost while the job runs counts for more than one that is lost before the start (`job.retry.ts`).
 * From QUEUED, CLAIMED and RUNNING by request: CANCELLED; by hand: FAILED, COMPLETED too unless it waits.
 * From FAILED and DEAD_LETTERED by request: QUEUED, with all its attempts. COMPLETED and CANCELLED are for ever.
 * An agent may fail or complete a CLAIMED job as well: then its start was not heard of.
 */
import { isRejection, reject, type Decider, type Rejection } from '@hybrid/decider';
import type { ClaimJob, JobCommand } from './job.commands.js';
import {
  close,
  complete,
  expire,
  finished,
  holdsLease,
  leaseLost,
  release,
  timeOutAttempt,
  timeOutInQueue,
} from './job.endings.js';
import { enqueue } from './job.enqueue.js';
import { jobEvents, type JobEvent, type JobFact } from './job.events.js';
import { evolve, noJob, type JobState } from './job.state.js';

export type { JobCommand } from './job.commands.js';

/** Reports closer together are not kept: progress is for people. */
const PROGRESS_MS = 5_000;

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
      return start(command, state);
    case 'ReportProgress':
      return report(command, state);
    case 'CompleteJob':
      return complete(command, state);
    case 'ReleaseJob':
      return release(command, state);
    case 'CloseJob':
      return close(command, state);
    case 'TimeOutAttempt':
      return timeOutAttempt(command, state);
    case 'TimeOutInQueue':
      return timeOutInQueue(command.now, state);
    case 'ExpireLease':
      return expire(command, state);
    case 'SetPriority':
      return setPriority(command, state);
    case 'CancelJob':
      if (state.status === 'CANCELLED') return [];
      if (state.final) return finished(state);
      return [{ type: 'JobCancelled', data: { reason: command.reason, at: command.now } }];
    case 'RequeueJob':
      return requeue(command.now, state);
    case 'RevokeSlot':
      return revokeSlot(command, state);
  }
}

/** Rejections: job_not_available, slot_lost. */
function claim(command: ClaimJob, state: JobState): JobFact[] | Rejection {
  const { agent_id, lease_token, lease_expires_at, decision, slot, now: at } = command;
  if (state.status !== 'QUEUED' || (state.available_at ?? '') > at)
    return reject('job_not_available', 'the job was taken, or waits for its next attempt');
  const attempt = state.attempt + 1;
  if (state.job!.concurrency && (slot?.attempt !== attempt || slot.revoked !== state.slots_revoked))
    return reject(
      'slot_lost',
      'the claim has no place in the concurrency group of the job, or has it no more',
    );
  return [{ type: 'JobClaimed', data: { attempt, agent_id, lease_token, lease_expires_at, decision, at } }];
}

/** Rejections: lease_lost. */
function start(command: JobCommand & { type: 'StartJob' }, state: JobState): JobFact[] | Rejection {
  if (!holdsLease(command, state)) return leaseLost(command, state);
  if (state.status === 'RUNNING') return [];
  const { attempt, agent_id, now: at } = command;
  return [{ type: 'JobStarted', data: { attempt, agent_id, at } }];
}

/** What comes too soon, or before the start, is no fact, but no mistake either. Rejections: lease_lost. */
function report(command: JobCommand & { type: 'ReportProgress' }, state: JobState): JobFact[] | Rejection {
  if (!holdsLease(command, state)) return leaseLost(command, state);
  const { attempt, agent_id, percent = null, message = null, now: at } = command;
  const { status, progress } = state;
  const done = percent === 100 && progress?.percent !== 100;
  const soon = progress !== null && Date.parse(at) - Date.parse(progress.at) < PROGRESS_MS;
  if (status !== 'RUNNING' || (soon && !done)) return [];
  return [{ type: 'JobProgressed', data: { attempt, agent_id, percent, message, at } }];
}

/** Of a job that is claimed or runs it counts when the job is tried again. Rejections: job_finished. */
function setPriority(
  { priority, now: at }: JobCommand & { type: 'SetPriority' },
  state: JobState,
): JobFact[] | Rejection {
  const { status, attempt, agent_id } = state;
  if (status !== 'QUEUED' && status !== 'CLAIMED' && status !== 'RUNNING') return finished(state);
  if (state.job!.priority === priority) return [];
  return [{ type: 'JobPriorityChanged', data: { priority, status, attempt, agent_id, at } }];
}

/** Rejections: job_not_requeueable. */
function requeue(at: string, state: JobState): JobFact[] | Rejection {
  if (state.status === 'QUEUED') return [];
  if (state.status !== 'DEAD_LETTERED' && state.status !== 'FAILED')
    return reject(
      'job_not_requeueable',
      `the job is ${state.status}; only FAILED and DEAD_LETTERED jobs can be requeued`,
    );
  return [{ type: 'JobRequeued', data: { reason: 'requested', available_at: at, at } }];
}

/** Nothing once the job was claimed, or the place was taken back already. */
function revokeSlot(command: JobCommand & { type: 'RevokeSlot' }, state: JobState): JobFact[] {
  const { group, slot, now: at } = command;
  const claiming =
    state.status === 'QUEUED' && slot.attempt === state.attempt + 1 && slot.revoked === state.slots_revoked;
  return claiming ? [{ type: 'JobSlotRevoked', data: { group, at } }] : [];
}
