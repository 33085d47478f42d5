/**
 * So many requests a minute for each key, by the generic cell rate algorithm: each key has a bucket that holds a
 * minute's requests and is filled evenly. A key is one number, the moment at which its bucket is full again, so there
 * is nothing to count, no timer for a key, and one that was idle for a minute is as good as one never seen.
 *
 * rate-limiter-flexible was looked at: its limiter in memory sets a timer for each key and has no bound.
 */
const WINDOW_MS = 60_000;
/** Of the keys in use. Two generations of them are some 20 MB; whoever has more addresses is not stopped by any limit. */
const MAX_KEYS = 100_000;
/** Sums of fractions: a hair must not cost a whole request. */
const ROUNDING_MS = 1e-6;

/** What is left of a limit. */
export interface Quota {
  /** Requests a minute. */
  limit: number;
  remaining: number;
  /** Until all of it is there again. */
  resetSeconds: number;
  /** Of a request that was refused: until it is worth another try. 0 where one is let through. */
  retrySeconds: number;
}

export class RateLimit {
  private readonly intervalMs: number;
  /** Until when the bucket is not full: of keys that were used since the last turn, and of those before. */
  private recent = new Map<string, number>();
  private older = new Map<string, number>();
  private turnAt = 0;

  constructor(
    private readonly perMinute: number,
    private readonly now: () => number = () => performance.now(),
    private readonly maxKeys = MAX_KEYS,
  ) {
    this.intervalMs = WINDOW_MS / perMinute;
  }

  /** Counts one, unless there is none left: `retrySeconds` is above 0 then. What is refused does not count. */
  take(key: string): Quota {
    const now = this.now();
    if (now >= this.turnAt || this.recent.size >= this.maxKeys) this.turn(now);
    const before = this.fullAt(key, now);
    const fullAt = before + this.intervalMs;
    const refused = fullAt - now > WINDOW_MS + ROUNDING_MS;
    // Also of who is refused: a turn that comes early must not be to anybody's good.
    this.recent.set(key, refused ? before : fullAt);
    return refused ? this.quota(before - now) : { ...this.quota(fullAt - now), retrySeconds: 0 };
  }

  /** What is left, without counting. */
  look(key: string): Quota {
    const now = this.now();
    return this.quota(this.fullAt(key, now) - now);
  }

  /** Keys in memory. */
  get size(): number {
    return this.recent.size + this.older.size;
  }

  private fullAt(key: string, now: number): number {
    return Math.max(now, this.recent.get(key) ?? this.older.get(key) ?? 0);
  }

  private quota(usedMs: number): Quota {
    const missingMs = usedMs + this.intervalMs - WINDOW_MS;
    return {
      limit: this.perMinute,
      remaining: Math.max(0, Math.floor((WINDOW_MS - usedMs + ROUNDING_MS) / this.intervalMs)),
      resetSeconds: Math.ceil(usedMs / 1_000),
      retrySeconds: missingMs > ROUNDING_MS ? Math.ceil(missingMs / 1_000) : 0,
    };
  }

  /** After a window every bucket of the older ones is full, and a full one need not be known. */
  private turn(now: number): void {
    this.older = now >= this.turnAt + WINDOW_MS ? new Map<string, number>() : this.recent;
    this.recent = new Map();
    this.turnAt = now + WINDOW_MS;
  }
}
