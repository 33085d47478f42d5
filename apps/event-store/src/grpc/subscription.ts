/**
 * A catch-up subscription: everything after a point, then everything that comes.
 *
 * It reads one event at a time from the store, live events too, and goes on when its reader has taken the last one: a
 * slow reader costs no memory and is never dropped. CaughtUp is sent once, at the first end. Checkpoints come on
 * filtered $all only, after every `checkpointEvery` events looked at and before CaughtUp, so that a reader whose filter
 * lets little through need not start over.
 */
import { randomUUID } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import type pb from '@eventstore/db-client/generated/streams_pb.js';
import type { EventFilter } from '../store/event-filter.js';
import type { RecordedEvent } from '../store/event-record.js';
import type { EventStore } from '../store/event-store.js';
import { StoreClosedError } from '../store/store-errors.js';
import { firstVisible } from '../store/stream-limits.js';
import type { From } from '../store/stream-reader.js';
import { caughtUp, checkpoint, confirmation } from './read-responses.js';
import type { ReplyStream } from './reply-stream.js';

/** Events looked at before other calls get their turn, when none of them is sent. */
export const SCAN_BEFORE_TURN = 200;

export interface SubscriptionTarget {
  /** Left out: $all. */
  stream: string | undefined;
  /** Excluded, unless it is the start. */
  from: From;
  matches: EventFilter;
  checkpointEvery: number | undefined;
  /** The message for an event, its link followed if the reader wants that. */
  present: (event: RecordedEvent) => pb.ReadResp;
}

/** Events from `next` on; each pass ends where the store ends at that moment. */
interface Source {
  pass(): Generator<RecordedEvent | undefined>;
}

/** Serves the subscription until its reader has gone; rejects with StoreClosedError when the server stops. */
export async function subscribe(
  store: EventStore,
  { stream, from, matches, checkpointEvery, present }: SubscriptionTarget,
  replies: ReplyStream<pb.ReadResp>,
): Promise<void> {
  const source = stream === undefined ? allSource(store, from) : streamSource(store, stream, from);
  let scanned = 0;
  /** Position of the last event looked at; 0 when a checkpoint there was sent. */
  let unmarked = 0;
  let live = false;
  await replies.send(confirmation(randomUUID()));
  for (;;) {
    let found = false;
    for (const event of source.pass()) {
      found = true;
      if (replies.closing.aborted) throw new StoreClosedError();
      scanned++;
      if (event && matches(event)) await replies.send(present(event));
      else if (scanned % SCAN_BEFORE_TURN === 0) await turn();
      if (!event || !checkpointEvery) continue;
      unmarked = scanned % checkpointEvery === 0 ? 0 : event.position;
      if (unmarked === 0) await replies.send(checkpoint(event.position));
    }
    if (replies.closing.aborted) throw new StoreClosedError();
    // Events may have come while the last ones were sent: wait only after a pass that found none, in the same turn.
    if (found) continue;
    if (live) {
      await store.changes.next(stream, replies.closing);
      continue;
    }
    if (unmarked > 0) await replies.send(checkpoint(unmarked));
    await replies.send(caughtUp());
    live = true;
  }
}

function allSource(store: EventStore, from: From): Source {
  let next = after(from, store.lastPosition, 1);
  return {
    *pass() {
      while (next <= store.lastPosition) yield store.eventAt(next++);
    },
  };
}

function streamSource(store: EventStore, stream: string, from: From): Source {
  let next = after(from, store.streamState(stream)?.last ?? -1, 0);
  return {
    *pass() {
      const state = store.streamState(stream);
      if (!state) return;
      next = Math.max(next, firstVisible(stream, state));
      while (next <= state.last) yield store.eventOf(stream, state, next++);
    },
  };
}

/** The number after `from`, which may lie beyond the last one: then it is waited for. */
function after(from: From, last: number, first: number): number {
  if (from === 'start') return first;
  return from === 'end' ? last + 1 : Math.max(first, Number(from) + 1);
}
