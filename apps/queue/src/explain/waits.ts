/** When a job waited, as its own stream tells it. */
import type { StoredEvent } from '@hybrid/event-store';
import { evolve, noJob } from '../jobs/job.state.js';
import type { JobEvent, RequeueReason } from '../jobs/job.events.js';

export interface Wait {
  /** The attempt that it waited for. */
  attempt: number;
  /** Of the event that it began with; names the wait within the job. */
  revision: bigint;
  /** Why it began; null: the job was new. */
  after: RequeueReason | null;
  /** RFC 3339: from when it could have been claimed. */
  since: string;
  /** Null: it goes on. */
  until: string | null;
  /** Who claimed it; null: it ended otherwise, or goes on. */
  agentId: string | null;
}

/** Oldest first. What ended before it could have been claimed took no time. */
export function waitsOf(history: StoredEvent<JobEvent>[]): Wait[] {
  const waits: Wait[] = [];
  let job = noJob;
  for (const { event, revision } of history) {
    const waited = job.status === 'QUEUED';
    job = evolve(job, event);
    const wait = waits.at(-1);
    if (job.status === 'QUEUED' && !waited)
      waits.push({
        attempt: job.attempt + 1,
        revision,
        after: event.type === 'JobRequeued' ? event.data.reason : null,
        since: job.available_at ?? job.job!.at,
        until: null,
        agentId: null,
      });
    else if (wait && waited && job.status !== 'QUEUED') {
      wait.until = event.data.at;
      wait.agentId = event.type === 'JobClaimed' ? event.data.agent_id : null;
    }
  }
  return waits;
}

/** In seconds, to the millisecond. @param now RFC 3339: for one that goes on. */
export function lengthOf({ since, until }: Wait, now: string): number {
  return Math.max(0, Date.parse(until ?? now) - Date.parse(since)) / 1000;
}
