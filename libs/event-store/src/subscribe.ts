/**
 * The log, followed: batches in order, resumed after the last handled one whenever the server was away. What is old is
 * read in bulk, and what is new comes from the process's feed, where the event store can do that; from another one the
 * official client's subscription brings all.
 */
import type { EventStoreDBClient, Position } from '@eventstore/db-client';
import { setTimeout as pause } from 'node:timers/promises';
import { bulkRead, BulkReadUnsupportedError } from './bulk-read.js';
import { Feed, type Batch } from './feed.js';
import { followOfficially } from './official-subscription.js';
import { toStoredEvent } from './stored-event.js';

export type { Batch } from './feed.js';

interface SubscribeOptions {
  client: EventStoreDBClient;
  /** Stream names begin with one of these: `job-`. */
  prefixes: string[];
  /** Asked at each (re)connection: where to go on. Null: from the beginning. */
  from: () => Promise<Position | null> | Position | null;
  /** Handled one after the other. A failure ends the connection; the batch comes again. Events are shared: not to be changed. */
  handle: (batch: Batch) => Promise<void>;
  /** From the beginning of one batch of new events to the next one at least; for who is cheaper with larger batches. */
  paceMs?: number;
  signal: AbortSignal;
  log: (message: string) => void;
  /** Told true once all that was there is handled and news will come, and false when the connection is lost. */
  following?: (now: boolean) => void;
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
  const { client, prefixes, handle, signal, following } = options;
  let reached = await options.from();
  for (let behind = false; !signal.aborted; behind = true) {
    const before = reached;
    const caughtUp = await catchUp(options, before);
    ({ reached } = caughtUp);
    if (behind && reached === before)
      throw new Error(`the log ends before ${before?.commit ?? 0n}: is it an older one, from a backup?`);
    const followed = caughtUp.supported && (await follow(options, reached));
    if (!followed) {
      const maxBatch = MAX_BATCH;
      return followOfficially({ client, prefixes, after: reached, maxBatch, handle, signal, following });
    }
    ({ reached } = followed);
  }
}

/** Handles what the log has, in bulk. */
async function catchUp({ client, prefixes, handle, signal }: SubscribeOptions, after: Position | null) {
  let reached = after;
  try {
    for await (const { events, position } of bulkRead({ client, prefixes, after, signal })) {
      await handle({ events: events.flatMap((event) => toStoredEvent({ event }) ?? []), position });
      reached = position;
    }
  } catch (error) {
    if (!(error instanceof BulkReadUnsupportedError)) throw error;
    return { reached, supported: false };
  }
  return { reached, supported: true };
}

/** Handles what comes, until the signal is aborted or others are too far ahead. Null: the event store cannot. */
async function follow(
  { client, prefixes, handle, paceMs = 0, signal, following }: SubscribeOptions,
  after: Position | null,
): Promise<{ reached: Position | null } | null> {
  const feed = Feed.join(client, prefixes, after);
  const stop = () => feed.nudge();
  signal.addEventListener('abort', stop, { once: true });
  let reached = after;
  let told = false;
  try {
    while (!signal.aborted) {
      // Asked for before looking: what arrives during the look must not be missed.
      const arrival = feed.arrival();
      const taken = feed.take(reached, MAX_BATCH);
      if (taken === 'ended') return null;
      if (taken === 'behind') break;
      if (!taken) {
        if (feed.live && !told) following?.((told = true));
        await arrival;
        continue;
      }
      const begun = performance.now();
      await handle(taken);
      reached = taken.position;
      const early = begun + paceMs - performance.now();
      if (early > 0) await pause(early, undefined, { signal });
    }
  } finally {
    if (told) following?.(false);
    signal.removeEventListener('abort', stop);
    feed.leave();
  }
  return { reached };
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
