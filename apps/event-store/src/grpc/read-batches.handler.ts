/**
 * hybrid.eventstore.Batches/Read: the log from a position to its present end, filtered by stream prefixes, many events a
 * message (layout: event-batches.ts). Ours alone: a client falls back to EventStoreDB's own Read where it is UNIMPLEMENTED.
 */
import { setImmediate as turn } from 'node:timers/promises';
import type { handleServerStreamingCall, ServerWritableStream, ServiceDefinition } from '@grpc/grpc-js';
import type { AccessControl } from '../access/access-control.js';
import { recordStream } from '../store/event-record.js';
import type { EventStore } from '../store/event-store.js';
import { StoreClosedError } from '../store/store-errors.js';
import { EventBatch } from './event-batches.js';
import { ReplyStream, type OpenCalls } from './reply-stream.js';
import { BadRequestError, toServiceError } from './rpc-failure.js';

/** A message: a good size for one transaction of a reader; with the largest event on top still below the 4 MiB that gRPC clients take. */
const MESSAGE_BYTES = 1024 * 1024;
/** Events looked at before the reader hears how far it is, wanted or not. */
const MESSAGE_EVENTS = 50_000;
/** Events looked at before other calls get their turn. */
const SCAN_BEFORE_TURN = 500;

const raw = (bytes: Buffer) => bytes;

export const batchesService = {
  read: {
    path: '/hybrid.eventstore.Batches/Read',
    requestStream: false,
    responseStream: true,
    requestSerialize: raw,
    requestDeserialize: raw,
    responseSerialize: raw,
    responseDeserialize: raw,
  },
} satisfies ServiceDefinition;

export function readBatchesHandler(
  store: EventStore,
  openCalls: OpenCalls,
  access: AccessControl | undefined,
): handleServerStreamingCall<Buffer, Buffer> {
  return (call) => {
    const replies = new ReplyStream<Buffer>(call, openCalls);
    serve(store, access, call, replies).then(
      () => call.end(),
      (error: unknown) => {
        if (!call.cancelled) call.emit('error', toServiceError(error));
      },
    );
  };
}

async function serve(
  store: EventStore,
  access: AccessControl | undefined,
  call: ServerWritableStream<Buffer, Buffer>,
  replies: ReplyStream<Buffer>,
): Promise<void> {
  if (access) (await access.callerOf(call.metadata)).require('read', '$all');
  const { after, prefixes } = parseRequest(call.request);
  const matches = prefixFilter(prefixes);
  const last = store.lastPosition;
  let batch = new EventBatch();
  for (let position = after + 1; position <= last; position++) {
    const record = store.recordAt(position);
    if (matches(recordStream(record))) batch.add(record);
    if (batch.size >= MESSAGE_BYTES || position % MESSAGE_EVENTS === 0 || position === last) {
      await replies.send(batch.bytes(position));
      batch = new EventBatch();
    }
    if (position % SCAN_BEFORE_TURN === 0) await turn();
    if (replies.closing.aborted) throw new StoreClosedError();
  }
}

/** By bytes: most events are not wanted, and need no text. */
function prefixFilter(prefixes: string[]): (stream: Buffer) => boolean {
  if (prefixes.length === 0) return () => true;
  const wanted = prefixes.map((prefix) => Buffer.from(prefix));
  return (stream) => wanted.some((prefix) => stream.subarray(0, prefix.length).equals(prefix));
}

/** `{"after": position, "prefixes": ["job-"]}`; no prefixes: every event, those of the system included. */
function parseRequest(request: Buffer): { after: number; prefixes: string[] } {
  try {
    const { after, prefixes } = JSON.parse(request.toString()) as Record<string, unknown>;
    if (Number.isSafeInteger(after) && (after as number) >= 0)
      if (Array.isArray(prefixes) && prefixes.every((prefix) => typeof prefix === 'string'))
        return { after: after as number, prefixes };
  } catch {
    // Falls through: what is not JSON is as wrong as what has other properties.
  }
  throw new BadRequestError('A read of batches needs {"after": position, "prefixes": ["…"]} as JSON.');
}
