/** The facts of stream `jobGroup-<id>`. Stored for ever: a break is a new type, never a change. Times are RFC 3339 UTC. */
import type { EventTypes } from '@hybrid/decider';
import type { Slot } from './slot.js';

export type JobGroupEvent = { type: 'SlotTaken'; data: SlotTaken };

export interface SlotTaken extends Slot {
  /** As its jobs name it; the stream's id follows from it and the organisation. */
  group: string;
  /** Of the job that took the place. */
  limit: number;
  /** Whose places were found to be over. */
  released: Slot[];
  at: string;
}

export const jobGroupEvents: EventTypes<JobGroupEvent> = { today: { SlotTaken: true } };
