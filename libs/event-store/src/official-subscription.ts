/** Follows the log of an event store that is not ours, by the official client's means: a message for each event. */
import {
  type AllStreamResolvedEvent,
  type EventStoreDBClient,
  type Position,
  START,
  streamNameFilter,
} from '@eventstore/db-client';
import type { Batch } from './feed.js';
import { toStoredEvent, type StoredEvent } from './stored-event.js';

interface Follow {
  client: EventStoreDBClient;
  prefixes: string[];
  /** Excluded; null: from the beginning. */
  after: Position | null;
  /** Events in a batch at most. */
  maxBatch: number;
  handle: (batch: Batch) => Promise<void>;
  signal: AbortSignal;
  /** See `subscribe`. */
  following?: (now: boolean) => void;
}

/** Runs until the signal is aborted. @throws what ends the subscription, and what `handle` throws. */
export async function followOfficially(options: Follow): Promise<void> {
  const { client, prefixes, after, maxBatch, handle, signal, following } = options;
  let checkpoint: Position | undefined;
  const subscription = client.subscribeToAll({
    fromPosition: after ?? START,
    filter: streamNameFilter({
      prefixes,
      checkpointInterval: 10,
      checkpointReached: async (_, position) => void (checkpoint = position),
    }),
  });
  let failure: Error | undefined;
  let wake = () => {};
  let confirmed = false;
  let told = false;
  subscription.on('confirmation', () => (confirmed = true));
  for (const event of ['confirmation', 'readable', 'end', 'close']) subscription.on(event, () => wake());
  subscription.on('error', (error) => {
    failure = error;
    subscription.destroy();
  });
  const stop = () => void subscription.unsubscribe().then(() => subscription.destroy());
  signal.addEventListener('abort', stop, { once: true });
  try {
    while (!subscription.destroyed && !subscription.readableEnded && !signal.aborted) {
      // Made before reading: what arrives during the look must not be missed.
      const arrival = new Promise<void>((resolve) => (wake = resolve));
      const batch: StoredEvent[] = [];
      let position: Position | undefined;
      let drained = false;
      for (let read = 0; read < maxBatch; read++) {
        const resolved = subscription.read() as AllStreamResolvedEvent | null;
        if (resolved === null) {
          // All that came before the checkpoint has been read now, and maybe more.
          position = later(position, checkpoint);
          checkpoint = undefined;
          drained = true;
          break;
        }
        position = resolved.event?.position ?? position;
        const stored = toStoredEvent(resolved);
        if (stored) batch.push(stored);
      }
      if (position) await handle({ events: batch, position });
      if (drained && confirmed && !told) following?.((told = true));
      if (!position) await arrival;
    }
    if (failure) throw failure;
  } finally {
    if (told) following?.(false);
    signal.removeEventListener('abort', stop);
    subscription.destroy();
  }
}

function later(one: Position | undefined, other: Position | undefined): Position | undefined {
  if (!one || !other) return one ?? other;
  return one.commit < other.commit ? other : one;
}
