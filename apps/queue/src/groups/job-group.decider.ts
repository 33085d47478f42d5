/**
 * The jobs of a concurrency group that may run at the same time, never more than the limit.
 *
 *   (free) ──TakeSlot──► held by a job's claim ──TakeSlot of another, which names it as released──► held by that one
 *
 * Nothing is given back: an end of an attempt is no event of the group, so it cannot be forgotten either. Whoever finds
 * the group full looks at the holders' jobs (`slotFate`) and takes the place of one that is over. Two who do so at the
 * same time append at the same revision; the second decides again, and finds a holder that is not over.
 */
import { reject, type Decider, type Rejection } from '@hybrid/decider';
import { jobGroupEvents, type JobGroupEvent } from './job-group.events.js';
import { sameSlot, type Slot } from './slot.js';

export interface JobGroupState {
  /** At most as many as the highest limit so far. */
  holders: Slot[];
  /** The one that the last job to take a place came with. */
  limit: number;
}

export interface TakeSlot {
  type: 'TakeSlot';
  group: string;
  slot: Slot;
  limit: number;
  /** Holders that the caller found to be over. */
  released: Slot[];
  now: string;
}

/** Of `evolve` and JobGroupState; raise it when they change, so that snapshots of before are not used. */
export const JOB_GROUP_FOLD = 1;

export const jobGroupDecider: Decider<JobGroupState, TakeSlot, JobGroupEvent> = {
  initial: { holders: [], limit: 0 },
  events: jobGroupEvents,
  decide,
  evolve,
};

/** Rejections: group_full, slot_outdated. */
function decide(
  { group, slot, limit, released, now }: TakeSlot,
  { holders }: JobGroupState,
): JobGroupEvent[] | Rejection {
  const own = holders.find(({ job_id }) => job_id === slot.job_id);
  if (own && sameSlot(own, slot)) return [];
  if (own && (own.attempt > slot.attempt || own.revoked > slot.revoked))
    return reject('slot_outdated', `job ${slot.job_id} holds a later place: read it again`);
  const over = holders.filter((holder) => released.some((free) => sameSlot(free, holder)));
  const others = holders.filter((holder) => holder !== own && !over.includes(holder));
  if (others.length >= limit)
    return reject(
      'group_full',
      `${others.length} jobs of the group ${group} may run or be claimed, limit ${limit}`,
    );
  return [{ type: 'SlotTaken', data: { group, ...slot, limit, released: over, at: now } }];
}

function evolve({ holders }: JobGroupState, { data }: JobGroupEvent): JobGroupState {
  const { job_id, attempt, revoked, limit, released } = data;
  const others = holders.filter(
    (holder) => holder.job_id !== job_id && !released.some((free) => sameSlot(free, holder)),
  );
  return { holders: [...others, { job_id, attempt, revoked }], limit };
}
