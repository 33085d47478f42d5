/** The streams that keep what a group must not forget: its checkpoint and its parked messages, as EventStoreDB's. */
import { randomUUID } from 'node:crypto';
import type { ProposedEvent } from '../store/event-record.js';
import type { EventStore } from '../store/event-store.js';
import type { ResolvedEvent } from '../store/links.js';
import { StreamDeletedError } from '../store/store-errors.js';
import { firstVisible, metastreamOf } from '../store/stream-limits.js';
import type { StreamState } from '../store/stream-state.js';
import type { WriteOutcome, WriteTransaction } from '../store/write-transaction.js';

const PREFIX = '$persistentsubscription-';
const ADMINS_ONLY = { $r: '$admins', $w: '$admins', $d: '$admins', $mr: '$admins', $mw: '$admins' };

export function checkpointStream(key: string): string {
  return `${PREFIX}${key}-checkpoint`;
}

export function parkedStream(key: string): string {
  return `${PREFIX}${key}-parked`;
}

/** What groups on $all write as they go; shown to them it would keep them busy with themselves for ever. */
export function isBookkeeping(stream: string): boolean {
  return (
    stream.startsWith(`${PREFIX}$all::`) && (stream.endsWith('-checkpoint') || stream.endsWith('-parked'))
  );
}

/** The text of the last checkpoint, a JSON string, if there is one. Throws DamagedRecordError. */
export function readCheckpoint(store: EventStore, key: string): string | undefined {
  const data = lastEvent(store, checkpointStream(key));
  if (!data) return undefined;
  const json = Buffer.from(data).toString();
  return /^"(.*)"$/.exec(json)?.[1] ?? json;
}

/** Keeps a checkpoint; resolves when it is on disk. Rejects as `store.write`. */
export function writeCheckpoint(store: EventStore, key: string, text: string): Promise<WriteOutcome> {
  return replaceLast(store, checkpointStream(key), '$SubscriptionCheckpoint', text, { $mr: '$all' });
}

/** Adds a link to the event to the parked messages; resolves when it is on disk. Rejects as `store.write`. */
export function park(
  store: EventStore,
  key: string,
  { event, link }: ResolvedEvent,
  reason: string,
): Promise<WriteOutcome> {
  const original = link ?? event;
  const data = event ? Buffer.from(`${event.revision}@${event.stream}`) : (link?.data ?? Buffer.alloc(0));
  const metadata = {
    added: new Date().toISOString(),
    reason,
    subscriptionEventNumber: Number(original?.revision ?? 0),
  };
  const parked: ProposedEvent = {
    ...{ id: randomUUID(), type: '$>', contentType: 'application/octet-stream', data },
    customMetadata: Buffer.from(JSON.stringify(metadata)),
  };
  return store.write((transaction) => transaction.append(parkedStream(key), { kind: 'any' }, [parked]));
}

/** Hides the parked messages before a revision. Rejects as `store.write`. */
export function truncateParked(store: EventStore, key: string, before: number): Promise<WriteOutcome> {
  const metadata = jsonEvent('$metadata', { $tb: before, $acl: ADMINS_ONLY });
  return store.write((transaction) =>
    transaction.append(metastreamOf(parkedStream(key)), { kind: 'any' }, [metadata]),
  );
}

/** Soft-deletes both streams, inside a transaction that does more. */
export function deleteBookkeeping(store: EventStore, transaction: WriteTransaction, key: string): void {
  for (const stream of [checkpointStream(key), parkedStream(key)])
    if (visibleRange(store, stream)) transaction.softDelete(stream, { kind: 'any' });
}

/** Revisions of the first and the last visible event, and the state they were found in; nothing if none is visible. */
export function visibleRange(
  store: EventStore,
  stream: string,
): { first: number; last: number; state: StreamState } | undefined {
  const state = stateOf(store, stream);
  const first = state && firstVisible(stream, state);
  return state && first !== undefined && first <= state.last ? { first, last: state.last, state } : undefined;
}

/** The data of the last visible event of a stream. Throws DamagedRecordError. */
export function lastEvent(store: EventStore, stream: string): Uint8Array | undefined {
  const range = visibleRange(store, stream);
  return range && store.eventOf(stream, range.state, range.last)?.data;
}

/** Appends an event to a stream of which only the last two are kept. Rejects as `store.write`. */
export function replaceLast(
  store: EventStore,
  stream: string,
  type: string,
  value: unknown,
  acl: object = {},
  more: (transaction: WriteTransaction) => void = () => undefined,
): Promise<WriteOutcome> {
  const event = jsonEvent(type, value);
  const limited = stateOf(store, stream)?.limits?.maxCount === 2;
  const metadata = jsonEvent('$metadata', { $maxCount: 2, $acl: { ...ADMINS_ONLY, ...acl } });
  return store.write((transaction) => {
    if (!limited) {
      const outcome = transaction.append(metastreamOf(stream), { kind: 'any' }, [metadata]);
      if (outcome.kind !== 'done') return outcome;
    }
    const outcome = transaction.append(stream, { kind: 'any' }, [event]);
    if (outcome.kind === 'done') more(transaction);
    return outcome;
  });
}

function stateOf(store: EventStore, stream: string): StreamState | undefined {
  try {
    return store.streamState(stream);
  } catch (error) {
    // Somebody ended the stream for good: then it is empty, and writing to it is answered 'deleted'.
    if (error instanceof StreamDeletedError) return undefined;
    throw error;
  }
}

function jsonEvent(type: string, value: unknown): ProposedEvent {
  const data = Buffer.from(JSON.stringify(value));
  return {
    ...{ id: randomUUID(), type, contentType: 'application/json', data },
    customMetadata: new Uint8Array(0),
  };
}
