/**
 * hybrid.eventstore.Batches/Read: the log from a position to its present end, and on if it is asked to follow, filtered by
 * stream prefixes, many events a message (layout: event-batches.ts). Ours alone: a client falls back to EventStoreDB's own Read where it is UNIMPLEMENTED.
 */
import { setImmediate as turn } from 'node:timers/promises';
import type { handleServerStreamingCall, ServerWritableStream } from '@grpc/grpc-js';
import type { AccessControl } from '../access/access-control.js';
import { recordStream } from '../store/event-record.js';
import type { EventStore } from '../store/event-store.js';
import { StoreClosedError } from '../store/store-errors.js';
import { EventBatch } from './event-batches.js';
import { endAfter, ReplyStream, type OpenCalls } from './reply-stream.js';
import { BadRequestError } from './rpc-failure.js';

/** A message: a good size for one transaction of a reader; with the largest event on top still below the 4 MiB that gRPC clients take. */
const MESSAGE_BYTES = 1024 * 1024;
/** Events looked at before the reader hears how far it is, wanted or not. */
const MESSAGE_EVENTS = 50_000;
/** As above, for a reader that follows: it writes down how far it is, and that should be seldom. */
const LIVE_EVENTS = 500;
/** Events looked at before other calls get their turn. */
const SCAN_BEFORE_TURN = 500;

export function readBatchesHandler(
  store: EventStore,
  openCalls: OpenCalls,
  access: AccessControl | undefined,
): handleServerStreamingCall<Buffer, Buffer> {
  return (call) => endAfter(call, serve(store, access, call, new ReplyStream<Buffer>(call, openCalls)));
}

async function serve(
  store: EventStore,
  access: AccessControl | undefined,
  call: ServerWritableStream<Buffer, Buffer>,
  replies: ReplyStream<Buffer>,
): Promise<void> {
  if (access) (await access.callerOf(call.metadata)).require('read', '$all');
  const { after, prefixes, follow } = parseRequest(call.request);
  const matches = prefixFilter(prefixes);
  let batch = new EventBatch();
  let next = after + 1;
  /** The reader knows of everything up to here. */
  let told = after;
  const tell = async (position: number) => {
    await replies.send(batch.bytes(position));
    batch = new EventBatch();
    told = position;
  };
  for (let live = false; ; live = true) {
    const last = store.lastPosition;
    for (; next <= last; next++) {
      const record = store.recordAt(next);
      if (matches(recordStream(record))) batch.add(record);
      if (batch.size >= MESSAGE_BYTES || next % MESSAGE_EVENTS === 0) await tell(next);
      if (next % SCAN_BEFORE_TURN === 0) await turn();
      if (replies.closing.aborted) throw new StoreClosedError();
    }
    // Who follows hears at once that it does, whatever there is.
    const due = live ? batch.count > 0 || last - told >= LIVE_EVENTS : follow || told < last;
    if (due) await tell(Math.max(last, after));
    if (!follow) return;
    // Events may have come while the last ones were sent: wait only where there are none, in the same turn.
    if (store.lastPosition < next) await store.changes.next(undefined, replies.closing);
    if (replies.closing.aborted) throw new StoreClosedError();
  }
}

/** By bytes: most events are not wanted, and need no text. */
function prefixFilter(prefixes: string[]): (stream: Buffer) => boolean {
  if (prefixes.length === 0) return () => true;
  const wanted = prefixes.map((prefix) => Buffer.from(prefix));
  return (stream) => wanted.some((prefix) => stream.subarray(0, prefix.length).equals(prefix));
}

interface Request {
  after: number;
  prefixes: string[];
  follow: boolean;
}

/** `{"after": position, "prefixes": ["job-"], "follow": true}`; no prefixes: every event, those of the system included. */
function parseRequest(request: Buffer): Request {
  try {
    const { after, prefixes, follow = false } = JSON.parse(request.toString()) as Record<string, unknown>;
    if (Number.isSafeInteger(after) && (after as number) >= 0 && typeof follow === 'boolean')
      if (Array.isArray(prefixes) && prefixes.every((prefix) => typeof prefix === 'string'))
        return { after: after as number, prefixes, follow };
  } catch {
    // Falls through: what is not JSON is as wrong as what has other properties.
  }
  throw new BadRequestError(
    'A read of batches needs {"after": position, "prefixes": ["…"], "follow": true or false} as JSON.',
  );
}
