/**
 * The parked messages of one group: kept as links in a stream of their own, given again when somebody asks for it.
 *
 * A replayed message stays in the stream until it is settled again: a stop in between loses none.
 */
import type { RecordedEvent } from '../store/event-record.js';
import type { EventStore } from '../store/event-store.js';
import { resolveLink, type ResolvedEvent } from '../store/links.js';
import { parkedStream, visibleRange } from './bookkeeping.js';

/** One revision of the parked stream; `resolved` is missing when it leads to nothing any more. */
export interface Replayed {
  number: number;
  resolved: ResolvedEvent | undefined;
}

export class ParkedMessages {
  private readonly stream: string;
  /** Revisions still to be replayed: `next` included, `end` excluded. */
  private replay: { next: number; end: number } | undefined;
  private replayedTo = 0;

  constructor(
    private readonly store: EventStore,
    key: string,
  ) {
    this.stream = parkedStream(key);
  }

  get isReplaying(): boolean {
    return this.replay !== undefined;
  }

  /** How many wait in the stream to be replayed. */
  get count(): number {
    const range = visibleRange(this.store, this.stream);
    return range ? Math.max(0, range.last + 1 - Math.max(range.first, this.replayedTo)) : 0;
  }

  /** Starts to replay the first `count`, or all that are there now; answers whether it did. */
  startReplay(count: number | undefined): boolean {
    const range = visibleRange(this.store, this.stream);
    if (!range || this.replay) return false;
    const next = Math.max(range.first, this.replayedTo);
    const end = Math.min(range.last + 1, next + (count ?? Infinity));
    if (next < end) this.replay = { next, end };
    return next < end;
  }

  /** The next ones to replay, at most `room`. Throws DamagedRecordError. */
  *next(room: number): Generator<Replayed> {
    for (let left = room; left > 0 && this.replay; left--) {
      const number = this.replay.next++;
      this.replayedTo = number + 1;
      if (this.replay.next >= this.replay.end) this.replay = undefined;
      const resolved = this.resolve(number);
      yield { number, resolved: resolved?.event && resolved };
    }
  }

  /** The parked event with the one it links to. Throws DamagedRecordError. */
  resolve(number: number): ResolvedEvent | undefined {
    const link = this.eventOf(number);
    return link && resolveLink(this.store, link);
  }

  private eventOf(number: number): RecordedEvent | undefined {
    const range = visibleRange(this.store, this.stream);
    return range && number <= range.last ? this.store.eventOf(this.stream, range.state, number) : undefined;
  }
}
