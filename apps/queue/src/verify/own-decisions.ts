/** The decisions of one replica that left no claim: numbers that are missing among those of its claims. */
import type { PastDecision } from './log-replay.js';

interface Missing {
  turn: number;
  /** It was made by then, as `clock` counts. */
  by: number;
}

/**
 * For so long what became of a decision may keep a job back: the event store's patience for each of the appends of a
 * claim, and the time after which a group that refused is asked again.
 */
const OPEN_MS = 30_000;
/** A process that stood still did not get on with its claims either. */
const STOOD_STILL_MS = 10_000;
/** More decisions in a row never come to nothing. */
const MAX_MISSING = 1_000;

export class OwnDecisions {
  private last = 0;
  private lastAt = 0;
  /** Milliseconds that the replica was at work. */
  private clock = 0;
  private missing: Missing[] = [];
  /** Some of its decisions came to nothing, however long ago. */
  failedSome = false;

  /** Takes over the next one of the replica. False: a decision with this number, or a later one, was there before. */
  next({ turn, at }: PastDecision): boolean {
    this.clock += Math.min(Math.max(0, at - this.lastAt), STOOD_STILL_MS);
    const inOrder = turn > this.last;
    const begin = inOrder ? Math.max(this.last + 1, turn - MAX_MISSING) : turn;
    for (let each = begin; each < turn; each++) this.missing.push({ turn: each, by: this.clock });
    this.failedSome ||= begin < turn;
    this.missing = this.missing.filter(({ by }) => by >= this.clock - OPEN_MS).slice(-MAX_MISSING);
    this.last = turn;
    this.lastAt = at;
    return inOrder;
  }

  /** Numbers of those that may still keep a job from being given away, the newest first. */
  get open(): number[] {
    return this.missing.map(({ turn }) => turn).reverse();
  }
}
