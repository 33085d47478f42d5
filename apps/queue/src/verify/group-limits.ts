/**
 * Jobs of concurrency groups that run, and whether they are too many. A job runs by the place that it took in its group;
 * of those that run at a time, the one that took its place last did so by a limit that all of them are within.
 */
import type { SlotTaken } from '../groups/job-group.events.js';
import type { JobState } from '../jobs/job.state.js';

interface Place {
  limit: number;
  /** Counts up with each place that is taken. */
  taken: number;
}

export class GroupLimits {
  private places = 0;
  /** By job; while it is live. */
  private readonly placeOf = new Map<string, Place>();
  /** Jobs that run, by group. */
  private readonly running = new Map<string, Set<string>>();

  took({ job_id, limit }: SlotTaken): void {
    this.placeOf.set(job_id, { limit, taken: ++this.places });
  }

  /** What is wrong from now on, as the job became this; null: nothing. */
  became(id: string, org: string, { job, status, final }: JobState): string | null {
    if (final) this.placeOf.delete(id);
    if (!job?.concurrency) return null;
    const { group, limit } = job.concurrency;
    const key = `${org}\n${group}`;
    const running = this.running.get(key) ?? new Set<string>();
    if (status !== 'CLAIMED' && status !== 'RUNNING') {
      if (running.delete(id) && running.size === 0) this.running.delete(key);
      return null;
    }
    const begins = !running.has(id);
    this.running.set(key, running.add(id));
    if (!begins) return null;
    const places = [...running].map((holder) => this.placeOf.get(holder) ?? { limit, taken: Infinity });
    const last = places.reduce((one, other) => (one.taken > other.taken ? one : other));
    if (running.size <= last.limit) return null;
    return `${running.size} jobs of the group ${group} run with it, limit ${last.limit}`;
  }
}
