/** Reads that end: a stretch of one stream, or of $all, forwards or backwards. */
import type { RecordedEvent } from './event-record.js';
import type { EventStore } from './event-store.js';
import { firstVisible } from './stream-limits.js';

export type Direction = 'forwards' | 'backwards';
/** A revision or a position; both may be larger than any that exists. */
export type From = 'start' | 'end' | bigint;

/**
 * The events of a stream as it is now, `from` included, with undefined in place of one that is too old to be shown,
 * so that the caller can pause between them. Answers undefined if the stream does not exist.
 * Throws StreamDeletedError; the generator throws DamagedRecordError.
 */
export function readStream(
  store: EventStore,
  stream: string,
  from: From,
  direction: Direction,
): Generator<RecordedEvent | undefined> | undefined {
  const state = store.streamState(stream);
  if (!state || state.last < 0 || state.limits?.softDeleted) return undefined;
  const start = clamp(from, state.last + 1);
  const first = firstVisible(stream, state);
  return (function* () {
    if (direction === 'forwards') {
      for (let revision = Math.max(start, first); revision <= state.last; revision++)
        yield store.eventOf(stream, state, revision);
    } else {
      for (let revision = Math.min(start, state.last); revision >= first; revision--)
        yield store.eventOf(stream, state, revision);
    }
  })();
}

/**
 * All events as of now. As in EventStoreDB a position stands before its event: it is included forwards, excluded
 * backwards.
 */
export function* readAll(store: EventStore, from: From, direction: Direction): Generator<RecordedEvent> {
  const last = store.lastPosition;
  const start = clamp(from, last + 1);
  if (direction === 'forwards') {
    for (let position = Math.max(start, 1); position <= last; position++) yield store.eventAt(position);
  } else {
    for (let position = start - 1; position >= 1; position--) yield store.eventAt(position);
  }
}

function clamp(from: From, end: number): number {
  if (from === 'start') return 0;
  return from === 'end' || from > BigInt(end) ? end : Number(from);
}
