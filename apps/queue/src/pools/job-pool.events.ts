/** The facts of stream `jobPool-<id>`. Stored for ever: a break is a new type, never a change. Times are RFC 3339 UTC. */
import type { EventTypes } from '@hybrid/decider';

export type JobPoolEvent =
  | { type: 'JobPoolPaused'; data: { pool: string; reason: string; by: string; at: string } }
  | { type: 'JobPoolResumed'; data: { pool: string; at: string } };

export const jobPoolEvents: EventTypes<JobPoolEvent> = {
  today: { JobPoolPaused: true, JobPoolResumed: true },
};
