/** A concurrency group as the schedule sees it: a hint, the limit itself is held by stream `jobGroup-`. */
import { JobsByArrival, type Arrival } from './jobs-by-arrival.js';

/** A live job of the group: it waits, or it has a place. */
export interface GroupMember extends Arrival {
  readonly limit: number;
}

/**
 * Milliseconds after which a group that refused a job is asked again though no job of it has changed: its place may be
 * held by a job whose claim broke off for good, and such a place can be taken over after this time.
 */
export const ASK_AGAIN_MS = 5_000;

export class ConcurrencyGroup {
  readonly members = new JobsByArrival<GroupMember>();
  /** Ids of the jobs that have a place: claimed, or about to be. */
  readonly holders = new Set<string>();
  /** Changes of its jobs so far: tells an answer that is older than the newest of them. */
  changes = 0;
  /** That of its newest live job, so that it follows from the live jobs alone, however they became known. */
  limit = 0;
  private refusedUntil = -Infinity;

  constructor(readonly name: string) {}

  /** A member came, went or changed. */
  changed(): void {
    this.changes++;
    this.limit = this.members.newest?.limit ?? 0;
    this.refusedUntil = -Infinity;
  }

  /** The answer to a decision that was made at this time, after so many changes. */
  refused(at: number, changes: number): void {
    if (changes === this.changes) this.refusedUntil = at + ASK_AGAIN_MS;
  }

  /** Places left; `exceptFor`: as if this job had none. */
  room(at: number, exceptFor?: string): number {
    return this.notBefore(exceptFor) <= at ? this.limit - this.held(exceptFor) : 0;
  }

  /** From when on there is room by itself; Infinity: a place must become free first. */
  notBefore(exceptFor?: string): number {
    return this.held(exceptFor) >= this.limit ? Infinity : this.refusedUntil;
  }

  private held(exceptFor?: string): number {
    return this.holders.size - (exceptFor !== undefined && this.holders.has(exceptFor) ? 1 : 0);
  }
}
