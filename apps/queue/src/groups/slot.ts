/**
 * A place in a concurrency group is for one claim of one job: the number of the attempt that it would begin, and how
 * often claims of the job were fenced before. Both only grow, so that a slot which is over never stands again.
 */
import type { JobState } from '../jobs/job.state.js';

export interface Slot {
  job_id: string;
  attempt: number;
  revoked: number;
}

/** What the next claim of a waiting job needs. */
export function nextSlot(jobId: string, job: JobState): Slot {
  return { job_id: jobId, attempt: job.attempt + 1, revoked: job.slots_revoked };
}

export function sameSlot(one: Slot, other: Slot): boolean {
  return one.job_id === other.job_id && one.attempt === other.attempt && one.revoked === other.revoked;
}

/**
 * How a holder stands by its job, which must be read after the group. `claiming`: the job still waits, so the claim is
 * under way or broke off; fence it with RevokeSlot before its place is given away. `held`: the attempt lives, or the slot
 * is ahead of what was read. `over`: the place is free, as not even a job that is requeued comes back to it.
 */
export function slotFate(slot: Slot, job: JobState): 'claiming' | 'held' | 'over' {
  // A job that this version cannot read may well live.
  if (job.status === null) return 'held';
  if (job.final) return 'over';
  const waits = job.status === 'QUEUED';
  const attempt = waits ? job.attempt + 1 : job.attempt;
  if (slot.attempt < attempt || slot.revoked < job.slots_revoked) return 'over';
  return waits && sameSlot(slot, nextSlot(slot.job_id, job)) ? 'claiming' : 'held';
}
