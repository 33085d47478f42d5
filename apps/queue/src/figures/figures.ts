/** How many jobs there are in which status, and how attempts went lately: a fold of the jobs' events, without a clock. */
import {
  PRIORITIES,
  type JobStatus,
  type Priority,
  type QueueCounts,
  type QueuePart,
  type QueueStats,
  type StatsWindow,
} from '@hybrid/contracts';
import type { JobEvent } from '../jobs/job.events.js';
import type { JobState } from '../jobs/job.state.js';
import { SlidingWindow, type Durations, type EndedAttempts } from './ended-attempts.js';
import { binOf } from './histogram.js';
import { SecondsCount, SecondsWheel } from './seconds.js';

/** What figures are kept of: the whole, each pool and each priority. */
export interface JobClass {
  org: string;
  pool: string;
  priority: Priority;
}

/** One event of a job. `at`: when it was stored, in milliseconds since the epoch. */
export interface JobChange {
  org: string;
  event: JobEvent;
  /** Null: there was no such job. */
  before: JobState | null;
  after: JobState;
  at: number;
}

/** A pool that did nothing for so long is not shown any more. */
const POOL_SHOWN_MS = 86_400_000;

const COUNTED_AS: Record<JobStatus, Exclude<keyof QueueCounts, 'delayed'>> = {
  QUEUED: 'queued',
  CLAIMED: 'running',
  RUNNING: 'running',
  COMPLETED: 'completed',
  FAILED: 'failed',
  DEAD_LETTERED: 'dead_lettered',
  CANCELLED: 'cancelled',
};

/** How an attempt can end by itself; true: that is a failure. What was handed back or cancelled did not end so. */
const ENDS: Partial<Record<JobEvent['type'], boolean>> = {
  JobCompleted: false,
  JobFailed: true,
  JobTimedOut: true,
  JobLeaseExpired: true,
};

/**
 * Memory: 3 KB for a pool where nothing happens, and for a busy one what its last 24 hours take: 165 KB, measured with 100
 * attempts an hour. Nothing per job, but a number for each second since which one waits.
 */
export class Figures {
  private readonly orgs = new Map<string, OrgFigures>();
  /** Waiting jobs that may not be claimed yet. */
  private readonly delayed = new SecondsWheel<Part[]>(0);

  /**
   * Takes an event over; in the order of the log per job. An attempt counts as ended when it was COMPLETED or FAILED, or
   * timed out, or lost its agent, also before it was started: then it has a wait and no execution. Wait: from
   * `available_at` to `claimed_at`; execution: from `started_at` to the end; each at least 0, as the clocks of several
   * replicas may differ. What ends a job that waits is no attempt.
   */
  apply({ org, event, before, after, at }: JobChange): void {
    this.reach(at);
    const was = before && classOf(org, before);
    const is = classOf(org, after);
    if (was && before.status) this.count(was, before.status, -1, availableAt(before));
    if (!is || !after.status) return;
    this.count(is, after.status, 1, availableAt(after));
    this.saw(org, is.pool, at);
    const attempt = endedAttempt(event, before, at);
    if (attempt) this.ended(is, attempt);
  }

  /**
   * So many jobs more in the status, or one fewer (-1).
   * @param available of QUEUED ones: from when they may be claimed, in milliseconds since the epoch.
   */
  count(of: JobClass, status: JobStatus, count: number, available: number): void {
    const pool = this.of(of.org).pool(of.pool);
    const parts = pool.parts[of.priority];
    for (const part of parts) part.counts[COUNTED_AS[status]] += count;
    if (status !== 'QUEUED') return;
    const second = Math.floor(available / 1000);
    pool.waiting.add(second, count);
    const delayed = count > 0 ? this.delayed.add(second, parts, count) : this.delayed.remove(second, parts);
    if (delayed) for (const part of parts) part.counts.delayed += count;
  }

  /** Attempts that ended: of a seed, where several are known as one. */
  ended(of: JobClass, attempts: EndedAttempts): void {
    for (const part of this.of(of.org).pool(of.pool).parts[of.priority])
      for (const window of Object.values(part.windows)) window.add(attempts);
  }

  /** The pool did something then. */
  saw(org: string, pool: string, at: number): void {
    const figures = this.of(org).pool(pool);
    figures.seen = Math.max(figures.seen, at);
  }

  /** As of a time in milliseconds since the epoch. Pools are those that have a live job or had one within a day. */
  read(org: string, now: number, window: StatsWindow = '24h'): QueueStats {
    this.reach(now);
    const figures = this.of(org);
    const whole = figures.total.read(now);
    return {
      ...whole,
      ...whole.windows[window],
      window,
      pools: Object.fromEntries(figures.shown(now).map(([name, pool]) => [name, pool.total.read(now)])),
      priorities: perPriority((priority) => figures.priorities[priority].read(now)),
    };
  }

  /** The names of the pools that `read` answers. */
  poolsOf(org: string, now: number): string[] {
    return this.of(org)
      .shown(now)
      .map(([name]) => name);
  }

  /** One pool; without any job where nobody ever named it. Its oldest wait to within a second; null: none waits. */
  readPool(org: string, pool: string, now: number): QueuePart & { oldest_wait_seconds: number | null } {
    this.reach(now);
    const found = this.orgs.get(org)?.pools.get(pool);
    const first = found?.waiting.first() ?? null;
    const waits = first === null ? -1 : Math.floor(now / 1000) - first;
    return { ...(found?.total ?? new Part()).read(now), oldest_wait_seconds: waits < 0 ? null : waits };
  }

  /** All organisations together, per priority: for metrics. */
  waitingAndRunning(now: number): Record<Priority, { waiting: number; running: number }> {
    this.reach(now);
    return perPriority((priority) => {
      const counts = [...this.orgs.values()].map(({ priorities }) => priorities[priority].counts);
      return {
        waiting: counts.reduce((sum, { queued, delayed }) => sum + queued - delayed, 0),
        running: counts.reduce((sum, { running }) => sum + running, 0),
      };
    });
  }

  /** What was delayed until then is not any more. */
  private reach(at: number): void {
    for (const [parts, count] of this.delayed.advance(Math.floor(at / 1000)))
      for (const part of parts) part.counts.delayed -= count;
  }

  private of(org: string): OrgFigures {
    let figures = this.orgs.get(org);
    if (!figures) this.orgs.set(org, (figures = new OrgFigures()));
    return figures;
  }
}

class OrgFigures {
  readonly total = new Part();
  readonly priorities = perPriority(() => new Part());
  readonly pools = new Map<string, PoolFigures>();

  pool(name: string): PoolFigures {
    let pool = this.pools.get(name);
    if (!pool) this.pools.set(name, (pool = new PoolFigures(this.total, this.priorities)));
    return pool;
  }

  shown(now: number): [name: string, pool: PoolFigures][] {
    return [...this.pools].filter(([, pool]) => pool.isShown(now));
  }
}

class PoolFigures {
  readonly total = new Part();
  /** Where a job of the pool and a priority counts. */
  readonly parts: Record<Priority, Part[]>;
  /** Jobs that wait, by the second from which on they may be claimed. */
  readonly waiting = new SecondsCount();
  /** When the last event came, in milliseconds since the epoch. */
  seen = 0;

  constructor(whole: Part, priorities: Record<Priority, Part>) {
    this.parts = perPriority((priority) => [whole, priorities[priority], this.total]);
  }

  isShown(now: number): boolean {
    const { queued, running } = this.total.counts;
    return queued + running > 0 || this.seen > now - POOL_SHOWN_MS;
  }
}

class Part {
  readonly counts: QueueCounts = {
    queued: 0,
    delayed: 0,
    running: 0,
    completed: 0,
    failed: 0,
    dead_lettered: 0,
    cancelled: 0,
  };
  /** Buckets of 5 seconds, a minute and half an hour: each a sixtieth of its window, or nearly. */
  readonly windows: Record<StatsWindow, SlidingWindow> = {
    '5m': new SlidingWindow(5_000, 60),
    '1h': new SlidingWindow(60_000, 60),
    '24h': new SlidingWindow(1_800_000, 48),
  };

  read(now: number): QueuePart {
    const { windows } = this;
    return {
      ...this.counts,
      windows: {
        '5m': windows['5m'].read(now),
        '1h': windows['1h'].read(now),
        '24h': windows['24h'].read(now),
      },
    };
  }
}

function perPriority<T>(make: (priority: Priority) => T): Record<Priority, T> {
  return Object.fromEntries(PRIORITIES.map((priority) => [priority, make(priority)])) as Record<Priority, T>;
}

function classOf(org: string, { job }: JobState): JobClass | null {
  return job && { org, pool: job.pool, priority: job.priority };
}

function availableAt({ available_at, job }: JobState): number {
  return Date.parse(available_at ?? job?.at ?? '');
}

function endedAttempt(event: JobEvent, before: JobState | null, at: number): EndedAttempts | null {
  const failed = ENDS[event.type];
  if (failed === undefined || !(before?.status === 'CLAIMED' || before?.status === 'RUNNING')) return null;
  const started = before.status === 'RUNNING' ? Date.parse(before.started_at ?? '') : null;
  return {
    at,
    ended: 1,
    failed: failed ? 1 : 0,
    waits: durations(Date.parse(before.claimed_at ?? '') - availableAt(before)),
    executions: started === null ? null : durations(Date.parse(event.data.at) - started),
  };
}

function durations(milliseconds: number): Durations {
  const sum = Math.max(0, milliseconds);
  return { bin: binOf(sum), count: 1, sum };
}
