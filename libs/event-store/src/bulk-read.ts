/**
 * The log in messages of many events, read past the official client, whose one message per event is the limit of any
 * long read. Only our own event store has the call (apps/event-store/src/grpc/event-batches.ts has the layout); on
 * another one `bulkRead` answers that it cannot, before anything was read.
 */
import type { EventStoreDBClient, Position, RecordedEvent } from '@eventstore/db-client';
import { makeClientConstructor, status, type Client, type ClientReadableStream } from '@grpc/grpc-js';

const LAYOUT = 1;
const raw = (bytes: Buffer) => bytes;

const BatchesClient = makeClientConstructor(
  {
    read: {
      path: '/hybrid.eventstore.Batches/Read',
      requestStream: false,
      responseStream: true,
      requestSerialize: raw,
      requestDeserialize: raw,
      responseSerialize: raw,
      responseDeserialize: raw,
    },
  },
  'Batches',
);

/** What of the official client's inside is needed: its channel, with its TLS, and the caller's credentials. */
interface ClientInside {
  GRPCStreamCreator(
    client: typeof BatchesClient,
    name: string,
    open: (client: Client & { read: ReadBatches }) => ClientReadableStream<Buffer>,
  ): () => Promise<ClientReadableStream<Buffer>>;
  callArguments(options: object, call: { deadline: number }): unknown[];
}

type ReadBatches = (request: Buffer, ...more: unknown[]) => ClientReadableStream<Buffer>;

export interface BulkBatch {
  events: RecordedEvent[];
  /** Everything up to here was looked at. */
  position: Position;
  /** Of the message. */
  bytes: number;
}

interface BulkRead {
  client: EventStoreDBClient;
  /** Stream names begin with one of these. */
  prefixes: string[];
  /** Excluded; null: from the beginning. */
  after: Position | null;
  signal: AbortSignal;
  /** Do not end there: go on with what comes. An event store of ours that is too old for it ends all the same. */
  follow?: boolean;
}

/** The event store is not ours: read it by the official client's means. */
export class BulkReadUnsupportedError extends Error {
  override readonly name = 'BulkReadUnsupportedError';
}

/**
 * Reads to the end that the log has at the call, or past it. Throws BulkReadUnsupportedError before the first batch; anything else
 * as the client throws it. Ends early, without an error, when the signal is aborted.
 */
export async function* bulkRead(options: BulkRead): AsyncGenerator<BulkBatch> {
  const { client, prefixes, after, signal, follow } = options;
  const inside = client as unknown as ClientInside;
  const request = Buffer.from(JSON.stringify({ after: Number(after?.commit ?? 0), prefixes, follow }));
  const open = inside.GRPCStreamCreator(BatchesClient, 'readBatches', (batches) =>
    batches.read(request, ...inside.callArguments({}, { deadline: Infinity })),
  );
  const messages = await open();
  const stop = () => messages.cancel();
  signal.addEventListener('abort', stop, { once: true });
  try {
    // Meanwhile: an event that is past is not heard.
    if (signal.aborted) stop();
    for await (const message of messages as AsyncIterable<Buffer>) yield decode(message);
  } catch (error) {
    if (signal.aborted) return;
    if ((error as { code?: status }).code === status.UNIMPLEMENTED)
      throw new BulkReadUnsupportedError('the event store has no batches', { cause: error });
    throw error;
  } finally {
    signal.removeEventListener('abort', stop);
    messages.cancel();
  }
}

function decode(message: Buffer): BulkBatch {
  const layout = message.readUInt8(0);
  if (layout !== LAYOUT)
    throw new BulkReadUnsupportedError(
      `the event store sends layout ${layout}; this version reads ${LAYOUT}`,
    );
  const looked = message.readBigUInt64BE(1);
  const events: RecordedEvent[] = [];
  let at = 9;
  const text = () => {
    const start = at + 2;
    at = start + message.readUInt16BE(at);
    return message.toString('utf8', start, at);
  };
  const bytes = () => {
    const start = at + 4;
    at = start + message.readUInt32BE(at);
    return message.subarray(start, at);
  };
  while (at < message.length) {
    const commit = message.readBigUInt64BE(at);
    const revision = message.readBigUInt64BE(at + 8);
    const ticks = message.readBigUInt64BE(at + 16);
    const id = uuid(message.toString('hex', at + 24, at + 40));
    at += 40;
    const streamId = text();
    const type = text();
    const isJson = text() === 'application/json';
    const data = bytes();
    const metadata = bytes();
    events.push({
      streamId,
      id,
      type,
      isJson,
      revision,
      position: { commit, prepare: commit },
      created: new Date(Number(ticks / 10_000n)),
      data: isJson ? parse(data, String) : data,
      metadata: metadata.length ? parse(metadata, (bytes) => bytes) : undefined,
    } as RecordedEvent);
  }
  return { events, position: { commit: looked, prepare: looked }, bytes: message.length };
}

function uuid(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** Like the official client: what claims to be JSON and is not comes as it is. */
function parse(json: Buffer, otherwise: (json: Buffer) => unknown): unknown {
  try {
    return JSON.parse(json.toString());
  } catch {
    return otherwise(json);
  }
}
