/** Figures of the attempts that ended within the last minutes or hours: a ring of buckets and their sum. */
import type { QueueFigures } from '@hybrid/contracts';
import { Histogram } from './histogram.js';

/** Attempts that ended at about the same time, and how long they took. */
export interface EndedAttempts {
  /** Milliseconds since the epoch. */
  at: number;
  ended: number;
  failed: number;
  /** Null: nothing is said of them here, or, of executions, none of them started. */
  waits: Durations | null;
  executions: Durations | null;
}

/** So many of about the same length: the bin of a histogram, and the sum of all in milliseconds. */
export interface Durations {
  bin: number;
  count: number;
  sum: number;
}

/** What happened within a bucket, or within the whole window. */
class Tally {
  ended = 0;
  failed = 0;
  readonly waits = new Histogram();
  readonly executions = new Histogram();

  add({ ended, failed, waits, executions }: EndedAttempts): void {
    this.ended += ended;
    this.failed += failed;
    if (waits) this.waits.add(waits.bin, waits.count, waits.sum);
    if (executions) this.executions.add(executions.bin, executions.count, executions.sum);
  }

  minus(other: Tally): void {
    this.ended -= other.ended;
    this.failed -= other.failed;
    this.waits.minus(other.waits);
    this.executions.minus(other.executions);
  }
}

/**
 * Holds the bucket of the newest time that it was told of and so many full ones before: at least the length of the
 * window, at most one bucket more.
 */
export class SlidingWindow {
  /** By number: the time divided by the bucket's width. Those where nothing ended are not there. */
  private readonly buckets = new Map<number, Tally>();
  private total = new Tally();
  private newest = -Infinity;

  constructor(
    private readonly bucketMs: number,
    private readonly full: number,
  ) {}

  /** What is older than the window changes nothing. */
  add(attempts: EndedAttempts): void {
    const number = Math.floor(attempts.at / this.bucketMs);
    this.moveTo(number);
    if (number < this.newest - this.full) return;
    let bucket = this.buckets.get(number);
    if (!bucket) this.buckets.set(number, (bucket = new Tally()));
    bucket.add(attempts);
    this.total.add(attempts);
  }

  /** As of a time in milliseconds since the epoch. */
  read(now: number): QueueFigures {
    this.moveTo(Math.floor(now / this.bucketMs));
    const { ended, failed, waits, executions } = this.total;
    return {
      ended,
      avg_wait_seconds: seconds(waits.average()),
      p95_wait_seconds: seconds(waits.quantile(0.95)),
      avg_execution_seconds: seconds(executions.average()),
      p95_execution_seconds: seconds(executions.quantile(0.95)),
      failure_rate: ended ? failed / ended : 0,
    };
  }

  private moveTo(number: number): void {
    if (number <= this.newest) return;
    this.newest = number;
    // All are looked at, as there are few; they need not stand in the order of time.
    for (const [old, bucket] of this.buckets) {
      if (old >= number - this.full) continue;
      this.buckets.delete(old);
      this.total.minus(bucket);
    }
  }
}

function seconds(milliseconds: number): number {
  return Math.round(milliseconds) / 1000;
}
