/**
 * The live jobs of all organisations in memory: which job an agent may claim next. Only a hint: the append decides.
 * Fed by the log; within a priority first come, first served.
 */
import { PRIORITIES, type Priority } from '@hybrid/contracts';
import type { Thing } from '@hybrid/event-store';
import type { JobState } from './job.state.js';

export interface WaitingJob {
  id: string;
  org: string;
  thing: Thing<JobState>;
  /** Trace context of the event that enqueued it, if this replica saw it. */
  traceparent?: string;
}

export interface Claimant {
  org: string;
  pool: string;
  labels: Record<string, string>;
}

interface Waiter {
  claimant: Claimant;
  wake: () => void;
}

export class WaitingJobs {
  private readonly live = new Map<string, WaitingJob>();
  /** Per organisation, pool and priority, in the order of arrival. */
  private readonly queues = new Map<string, Map<string, WaitingJob>>();
  private readonly waiters = new Set<Waiter>();

  get(id: string): WaitingJob | undefined {
    return this.live.get(id);
  }

  all(): Iterable<WaitingJob> {
    return this.live.values();
  }

  /** Takes over the newest state of a job. An older one than is known already changes nothing. */
  put(job: WaitingJob, now: string): void {
    const before = this.live.get(job.id);
    if (before && (before.thing.revision ?? -1n) >= (job.thing.revision ?? -1n)) return;
    const queue = this.queueOf(job);
    if (job.thing.state.final) {
      this.live.delete(job.id);
      queue.delete(job.id);
      return;
    }
    this.live.set(job.id, job);
    if (job.thing.state.status !== 'QUEUED') queue.delete(job.id);
    else {
      queue.set(job.id, job);
      this.wakeFor(job, now);
    }
  }

  /** The next job for the claimant, taken out of the queue so that nobody else here tries for it; or nothing. */
  take(claimant: Claimant, now: string): WaitingJob | undefined {
    for (const priority of PRIORITIES) {
      const queue = this.queues.get(key(claimant.org, claimant.pool, priority));
      if (!queue) continue;
      for (const job of queue.values()) {
        if ((job.thing.state.available_at ?? '') > now || !fits(job, claimant)) continue;
        queue.delete(job.id);
        return job;
      }
    }
    return undefined;
  }

  /** Back into the queue after a claim that broke off without an answer. */
  giveBack(job: WaitingJob): void {
    if (this.live.get(job.id) === job && job.thing.state.status === 'QUEUED')
      this.queueOf(job).set(job.id, job);
  }

  /** Resolves when a job that fits may have come, after `waitMs`, or when nobody waits any more. */
  async arrival(claimant: Claimant, waitMs: number, abandoned?: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const waiter: Waiter = { claimant, wake: () => finish() };
      const timer = setTimeout(() => finish(), waitMs);
      const finish = () => {
        clearTimeout(timer);
        abandoned?.removeEventListener('abort', finish);
        this.waiters.delete(waiter);
        resolve();
      };
      this.waiters.add(waiter);
      abandoned?.addEventListener('abort', finish);
    });
  }

  wakeAll(): void {
    for (const waiter of [...this.waiters]) waiter.wake();
  }

  /** One waiter for one job: the one that waits longest. Later, if the job has to pause first. */
  private wakeFor(job: WaitingJob, now: string): void {
    const pause = Date.parse(job.thing.state.available_at ?? now) - Date.parse(now);
    if (pause > 0) {
      setTimeout(() => this.wakeOne(job), pause + 1).unref();
      return;
    }
    this.wakeOne(job);
  }

  private wakeOne(job: WaitingJob): void {
    for (const waiter of this.waiters) {
      const { org, pool } = waiter.claimant;
      if (org === job.org && pool === job.thing.state.job?.pool && fits(job, waiter.claimant))
        return waiter.wake();
    }
  }

  private queueOf({ org, thing }: WaitingJob): Map<string, WaitingJob> {
    const { pool, priority } = thing.state.job!;
    const name = key(org, pool, priority);
    let queue = this.queues.get(name);
    if (!queue) {
      queue = new Map<string, WaitingJob>();
      this.queues.set(name, queue);
    }
    return queue;
  }
}

function key(org: string, pool: string, priority: Priority): string {
  return `${org}\n${pool}\n${priority}`;
}

function fits(job: WaitingJob, { labels }: Claimant): boolean {
  return Object.entries(job.thing.state.job?.labels ?? {}).every(([name, value]) => labels[name] === value);
}
