/** The log from a position to its present end, in large batches: for rebuilding, where `subscribe` is for following. */
import {
  BACKWARDS,
  END,
  FORWARDS,
  START,
  type EventStoreDBClient,
  type Position,
} from '@eventstore/db-client';
import { bulkRead, BulkReadUnsupportedError } from './bulk-read.js';
import { toStoredEvent, type StoredEvent } from './stored-event.js';
import type { Batch } from './subscribe.js';
import { readWithin } from './read-within.js';

/** Measured: larger ones bring nothing more to a rebuild. */
const BATCH = 5_000;
/** Where hardly any event is wanted: how far it has come is worth a batch, too. */
const LONGEST_MS = 2_000;
/** The client waits for ever for a server that fell silent. */
const HEAD_MS = 5_000;
const PAGE_MS = 30_000;

interface ReadBatches {
  client: EventStoreDBClient;
  /** Stream names begin with one of these. */
  prefixes: string[];
  /** Excluded; null: from the beginning. */
  from: Position | null;
  signal: AbortSignal;
}

/** Where the last event of the log stands, whoever's it is; null in an empty log. */
export async function headOfLog(client: EventStoreDBClient): Promise<Position | null> {
  const reading = client.readAll({
    direction: BACKWARDS,
    fromPosition: END,
    maxCount: 1,
  });
  let head: Position | null = null;
  // To its end: a read that was left kept the client's `dispose` waiting.
  for await (const { event } of readWithin(HEAD_MS, reading)) head = event?.position ?? head;
  return head;
}

/**
 * Batches of several thousand events in the order of the log, to the end that it has at the call or past it. Everything
 * up to a batch's position is in it or before it. Ends early, without an error, when the signal is aborted.
 */
export async function* readAllBatches(options: ReadBatches): AsyncGenerator<Batch> {
  let events: StoredEvent[] = [];
  let position: Position | undefined;
  let due = performance.now() + LONGEST_MS;
  for await (const part of readParts(options)) {
    events.push(...part.events);
    position = part.position;
    if (events.length < BATCH && performance.now() < due) continue;
    yield { events, position };
    events = [];
    position = undefined;
    due = performance.now() + LONGEST_MS;
  }
  if (position && !options.signal.aborted) yield { events, position };
}

async function* readParts({ client, prefixes, from, signal }: ReadBatches): AsyncGenerator<Batch> {
  try {
    for await (const { events, position } of bulkRead({ client, prefixes, after: from, signal }))
      yield { events: events.flatMap((event) => toStoredEvent({ event }) ?? []), position };
  } catch (error) {
    if (!(error instanceof BulkReadUnsupportedError)) throw error;
    yield* readPages({ client, prefixes, from, signal });
  }
}

/** As `readAllBatches`, by the official client's means: one message per event, of all streams; in pages, each read to its end. */
export async function* readPages({ client, prefixes, from, signal }: ReadBatches): AsyncGenerator<Batch> {
  for (let position = from; !signal.aborted;) {
    const events: StoredEvent[] = [];
    let read = 0;
    const page = client.readAll({
      direction: FORWARDS,
      fromPosition: position ?? START,
      maxCount: BATCH,
    });
    let last = position;
    for await (const resolved of readWithin(PAGE_MS, page)) {
      read++;
      const { event } = resolved;
      // The page begins with the event at its position.
      if (!event || (position && event.position.commit <= position.commit)) continue;
      last = event.position;
      if (!prefixes.some((prefix) => event.streamId.startsWith(prefix))) continue;
      const stored = toStoredEvent(resolved);
      if (stored) events.push(stored);
    }
    position = last;
    if (position && read > 0) yield { events, position };
    if (read < BATCH) return;
  }
}

/** Reads the next one while the one before is worked on. */
export async function* ahead<T>(source: AsyncGenerator<T>): AsyncGenerator<T> {
  let next = source.next();
  try {
    for (let result = await next; !result.done; result = await next) {
      next = source.next();
      // Its failure is thrown when its turn comes.
      next.catch(() => undefined);
      yield result.value;
    }
  } finally {
    await next.catch(() => undefined);
    await source.return(undefined);
  }
}
