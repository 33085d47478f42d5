/** What must never stand in a job's stream, whoever decided it: the life of a job, said once more and without the decider. */
import type { QueueDivergence } from '@hybrid/contracts';
import type { JobEvent } from '../jobs/job.events.js';
import type { JobState } from '../jobs/job.state.js';

export type Breach = Pick<QueueDivergence, 'code' | 'detail'>;

/**
 * `over`: COMPLETED or CANCELLED, after which nothing comes. Null: the event may follow. @param later the event is what
 * one of a later version is read as: where that delays a job that waits, it reads as one that puts it back.
 */
export function breachOf(job: JobState | 'over', event: JobEvent, later = false): Breach | null {
  const { type, data } = event;
  if (job === 'over') return type === 'JobClaimed' ? notWaiting('over') : endedTwice(type);
  const live = job.status === 'CLAIMED' || job.status === 'RUNNING';
  switch (type) {
    case 'JobClaimed':
      if (data.attempt !== job.attempt + 1)
        return {
          code: 'claimed_twice',
          detail: `${data.agent_id} claimed it for attempt ${data.attempt}, after ${job.attempt} attempts`,
        };
      if (job.status !== 'QUEUED') return notWaiting(job.status ?? 'over');
      if ((job.available_at ?? '') > data.at) return notWaiting(`delayed until ${job.available_at}`);
      return null;
    case 'JobCompleted':
    case 'JobFailed':
      if (job.final) return endedTwice(type);
      if (data.by_hand && job.status === 'QUEUED') return null;
      return live && data.attempt === job.attempt ? null : anotherAttempt(type, data.attempt, job);
    case 'JobTimedOut':
    case 'JobLeaseExpired':
      if (job.final) return endedTwice(type);
      return ofAttempt(data, job) ? null : anotherAttempt(type, data.attempt, job);
    case 'JobStarted':
    case 'JobProgressed':
    case 'JobReleased':
      return ofAttempt(data, job) ? null : anotherAttempt(type, data.attempt, job);
    case 'JobRequeued':
      if (job.final && data.reason !== 'requested') return endedTwice(type);
      return job.status === 'FAILED' || (later && job.status === 'QUEUED') || job.final
        ? null
        : anotherAttempt(type, null, job);
    case 'JobDeadLettered':
      if (job.final) return endedTwice(type);
      return job.status === 'FAILED' ? null : anotherAttempt(type, null, job);
    case 'JobQueueTimedOut':
      if (job.final) return endedTwice(type);
      return job.status === 'QUEUED' ? null : anotherAttempt(type, null, job);
    case 'JobCancelled':
      return job.final ? endedTwice(type) : null;
    case 'JobEnqueued':
    case 'JobPriorityChanged':
    case 'JobSlotRevoked':
      return null;
  }
}

/** Null: it lives, or it ended. What failed and is to be tried again waits again in the same append. */
export function lossOf({ status, final }: JobState): string | null {
  return status === 'FAILED' && !final
    ? 'its last attempt failed and is to be tried again, but it was not put back into the queue: nothing will move it'
    : null;
}

function ofAttempt(
  of: { attempt: number; agent_id: string },
  { status, attempt, agent_id }: JobState,
): boolean {
  return (status === 'CLAIMED' || status === 'RUNNING') && of.attempt === attempt && of.agent_id === agent_id;
}

function notWaiting(state: string): Breach {
  return { code: 'claimed_while_not_waiting', detail: `it was claimed while it was ${state}` };
}

function endedTwice(type: string): Breach {
  return { code: 'ended_twice', detail: `${type} stands after its end` };
}

function anotherAttempt(type: string, attempt: number | null, job: JobState): Breach {
  const of = attempt === null ? '' : ` of attempt ${attempt}`;
  return {
    code: 'result_of_another_attempt',
    detail: `${type}${of} stands where the job is ${job.status}, attempt ${job.attempt}, agent ${job.agent_id ?? 'none'}`,
  };
}
