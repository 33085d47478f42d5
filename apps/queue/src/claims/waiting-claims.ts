/**
 * Claims that found no job and wait for one. A job is handed to exactly one of them, the one that fits and waits longest,
 * out of the schedule: nobody is woken in vain, and no job lies beside somebody who waits for it.
 */
import type { Claimant } from '../schedule/schedule.js';

interface Waiting<T> {
  claimant: Claimant;
  /** Those of one shape can have the same jobs. */
  shape: string;
  finish: (found: T | undefined) => void;
}

interface WaitingPool<T> {
  org: string;
  name: string;
  /** In the order in which they came. */
  claims: Set<Waiting<T>>;
  /** For the next job that becomes available by itself. */
  timer?: NodeJS.Timeout;
  /** As performance.now() counts. */
  due: number;
}

interface Source<T> {
  /** The next job for the claimant, taken out of the reach of others. */
  take: (claimant: Claimant) => T | undefined;
  /** Milliseconds until the next one becomes available by itself; null: none will. */
  nextIn: (claimant: Claimant) => number | null;
}

/** Longer than any claim waits at one replica, and far below what a timer can count to. */
const MAX_WAIT_MS = 60_000;

export class WaitingClaims<T> {
  private readonly pools = new Map<string, WaitingPool<T>>();
  private readonly dirty = new Set<WaitingPool<T>>();

  constructor(private readonly source: Source<T>) {}

  get size(): number {
    return [...this.pools.values()].reduce((sum, { claims }) => sum + claims.size, 0);
  }

  /** What was taken for the claimant; nothing after `waitMs`, when it is abandoned, or when nobody waits any more. */
  next(claimant: Claimant, waitMs: number, abandoned: AbortSignal): Promise<T | undefined> {
    return new Promise((resolve) => {
      if (waitMs <= 0 || abandoned.aborted) return resolve(undefined);
      const pool = this.poolOf(claimant);
      const end = () => waiting.finish(undefined);
      const timer = setTimeout(end, waitMs);
      const waiting: Waiting<T> = {
        claimant,
        shape: JSON.stringify([claimant.labels, claimant.capabilities]),
        finish: (found) => {
          clearTimeout(timer);
          abandoned.removeEventListener('abort', end);
          pool.claims.delete(waiting);
          if (pool.claims.size === 0) this.close(pool);
          resolve(found);
        },
      };
      pool.claims.add(waiting);
      abandoned.addEventListener('abort', end);
      // Later ones come when this claim, and all like it, are gone.
      this.lookIn(pool, this.source.nextIn(claimant) ?? Infinity, waitMs);
    });
  }

  /** There may be something new: in the pool, or, null, in any of the organisation's. Looked at once what is going on is done. */
  changed(org: string, pool: string | null): void {
    if (this.pools.size === 0) return;
    const named = pool === null ? [...this.pools.values()] : [this.pools.get(keyOf(org, pool))];
    for (const one of named) if (one?.org === org) this.mark(one);
  }

  /** Nobody waits any longer. */
  endAll(): void {
    for (const { claims } of [...this.pools.values()])
      for (const waiting of [...claims]) waiting.finish(undefined);
  }

  private poolOf({ org, pool: name }: Claimant): WaitingPool<T> {
    const key = keyOf(org, name);
    let pool = this.pools.get(key);
    if (!pool) this.pools.set(key, (pool = { org, name, claims: new Set(), due: Infinity }));
    return pool;
  }

  private close(pool: WaitingPool<T>): void {
    clearTimeout(pool.timer);
    this.pools.delete(keyOf(pool.org, pool.name));
  }

  private mark(pool: WaitingPool<T>): void {
    if (this.dirty.size === 0)
      queueMicrotask(() => {
        const pools = [...this.dirty];
        this.dirty.clear();
        for (const one of pools) this.handOut(one);
      });
    this.dirty.add(pool);
  }

  private handOut(pool: WaitingPool<T>): void {
    const none = new Map<string, Claimant>();
    for (const { claimant, shape, finish } of pool.claims) {
      if (none.has(shape)) continue;
      const found = this.source.take(claimant);
      if (found) finish(found);
      else none.set(shape, claimant);
    }
    for (const claimant of none.values()) this.lookIn(pool, this.source.nextIn(claimant) ?? Infinity);
  }

  /** Looks again after a time, unless that is done sooner or nobody will wait by then. */
  private lookIn(pool: WaitingPool<T>, ms: number, waitMs = MAX_WAIT_MS): void {
    const due = performance.now() + ms;
    if (ms > waitMs || due >= pool.due) return;
    clearTimeout(pool.timer);
    pool.due = due;
    pool.timer = setTimeout(() => {
      pool.due = Infinity;
      this.handOut(pool);
      // A timer may be up to a millisecond early.
    }, ms + 1);
  }
}

function keyOf(org: string, pool: string): string {
  return `${org}\n${pool}`;
}
