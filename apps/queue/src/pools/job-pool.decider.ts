/**
 * A pool as the queue sees it. Pools exist by being named, so none need be created.
 *
 *   open ──PausePool──► paused (again, with another reason) ──ResumePool──► open
 */
import type { PoolPause } from '@hybrid/contracts';
import type { Decider } from '@hybrid/decider';
import { jobPoolEvents, type JobPoolEvent } from './job-pool.events.js';

export interface JobPoolState {
  /** Its waiting jobs are not given out. */
  paused: PoolPause | null;
}

/** `by`: who, for people (`user administrator`). */
export type JobPoolCommand =
  | { type: 'PausePool'; pool: string; reason: string; by: string; now: string }
  | { type: 'ResumePool'; pool: string; now: string };

/** Of `evolve` and JobPoolState; raise it when they change, so that what was folded before is made anew. */
export const JOB_POOL_FOLD = 1;

export const jobPoolDecider: Decider<JobPoolState, JobPoolCommand, JobPoolEvent> = {
  initial: { paused: null },
  events: jobPoolEvents,
  decide,
  evolve,
};

/** Rejects nothing: what is so already is no event. */
function decide(command: JobPoolCommand, { paused }: JobPoolState): JobPoolEvent[] {
  const { pool, now: at } = command;
  switch (command.type) {
    case 'PausePool': {
      const { reason, by } = command;
      return paused?.reason === reason ? [] : [{ type: 'JobPoolPaused', data: { pool, reason, by, at } }];
    }
    case 'ResumePool':
      return paused ? [{ type: 'JobPoolResumed', data: { pool, at } }] : [];
  }
}

function evolve(_: JobPoolState, event: JobPoolEvent): JobPoolState {
  switch (event.type) {
    case 'JobPoolPaused': {
      const { reason, by, at } = event.data;
      return { paused: { reason, by, at } };
    }
    case 'JobPoolResumed':
      return { paused: null };
  }
}
