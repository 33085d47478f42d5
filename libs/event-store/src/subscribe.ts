/**
 * The log, followed: batches in order, resumed after the last handled one whenever the server was away. What is old is
 * read in bulk where the event store can do that; from there on the official client's subscription brings the rest.
 */
import {
  type AllStreamResolvedEvent,
  type EventStoreDBClient,
  type Position,
  START,
  streamNameFilter,
} from '@eventstore/db-client';
import { bulkRead, BulkReadUnsupportedError } from './bulk-read.js';
import { toStoredEvent, type StoredEvent } from './stored-event.js';

export interface Batch {
  events: StoredEvent[];
  /** Everything up to here is in this batch or before it; may be past the last event where others were filtered out. */
  position: Position;
}

interface SubscribeOptions {
  client: EventStoreDBClient;
  /** Stream names begin with one of these: `job-`. */
  prefixes: string[];
  /** Asked at each (re)connection: where to go on. Null: from the beginning. */
  from: () => Promise<Position | null> | Position | null;
  /** Handled one after the other. A failure ends the connection; the batch comes again. */
  handle: (batch: Batch) => Promise<void>;
  signal: AbortSignal;
  log: (message: string) => void;
}

/** Measured: past this, larger transactions bring nothing. */
const MAX_BATCH = 500;
const RECONNECT_MS = 200;

/** Runs until the signal is aborted. */
export async function subscribe(options: SubscribeOptions): Promise<void> {
  const { signal, log } = options;
  while (!signal.aborted) {
    try {
      await readOn(options);
    } catch (error) {
      if (!signal.aborted) log(`subscription to ${options.prefixes.join(', ')}: ${text(error)}; resuming`);
    }
    if (!signal.aborted) await new Promise((wake) => setTimeout(wake, RECONNECT_MS));
  }
}

async function readOn(options: SubscribeOptions): Promise<void> {
  const { client, prefixes, handle, signal } = options;
  const start = await catchUp(options);
  let checkpoint: Position | undefined;
  const subscription = client.subscribeToAll({
    fromPosition: start ?? START,
    filter: streamNameFilter({
      prefixes,
      checkpointInterval: 10,
      checkpointReached: async (_, position) => void (checkpoint = position),
    }),
  });
  let failure: Error | undefined;
  let wake = () => {};
  for (const event of ['readable', 'end', 'close']) subscription.on(event, () => wake());
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
      for (let read = 0; read < MAX_BATCH; read++) {
        const resolved = subscription.read() as AllStreamResolvedEvent | null;
        if (resolved === null) {
          // All that came before the checkpoint has been read now, and maybe more.
          position = later(position, checkpoint);
          checkpoint = undefined;
          break;
        }
        position = resolved.event?.position ?? position;
        const stored = toStoredEvent(resolved);
        if (stored) batch.push(stored);
      }
      if (position) await handle({ events: batch, position });
      else await arrival;
    }
    if (failure) throw failure;
  } finally {
    signal.removeEventListener('abort', stop);
    subscription.destroy();
  }
}

/** Handles what the log has, in bulk; answers where the subscription shall go on. */
async function catchUp({
  client,
  prefixes,
  from,
  handle,
  signal,
}: SubscribeOptions): Promise<Position | null> {
  let reached = await from();
  try {
    for await (const { events, position } of bulkRead({ client, prefixes, after: reached, signal })) {
      await handle({ events: events.flatMap((event) => toStoredEvent({ event }) ?? []), position });
      reached = position;
    }
  } catch (error) {
    if (!(error instanceof BulkReadUnsupportedError)) throw error;
  }
  return reached;
}

function later(one: Position | undefined, other: Position | undefined): Position | undefined {
  if (!one || !other) return one ?? other;
  return one.commit < other.commit ? other : one;
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
