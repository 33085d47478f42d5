/**
 * Appends of JSON events: all of one turn of the event loop in one message, where the event store is ours (the layout
 * stands in apps/event-store/src/grpc/append-messages.ts); on another one, one by one by the official client's means.
 */
import {
  type EventStoreDBClient,
  jsonEvent,
  NO_STREAM,
  type Position,
  WrongExpectedVersionError,
} from '@eventstore/db-client';
import { type Client, type ClientDuplexStream, makeClientConstructor, status } from '@grpc/grpc-js';

export interface NewEvent {
  /** A lower-case UUID. */
  id: string;
  type: string;
  data: object;
  metadata: object;
}

export interface Append {
  stream: string;
  /** That of the stream's last event; null: the stream must not exist. */
  expected: bigint | null;
  events: NewEvent[];
  /** Milliseconds in which the event store shall carry it out. */
  deadline: number;
}

export interface Appended {
  /** Of the last event. */
  revision: bigint;
  position: Position | undefined;
}

/**
 * Appends; null where the stream is not at the expected revision. The same ids at the same revision again are no second
 * append.
 * @throws what the official client throws, or an Error with a gRPC `code`.
 */
export async function append(client: EventStoreDBClient, request: Append): Promise<Appended | null> {
  let call = calls.get(client);
  if (!call) calls.set(client, (call = new AppendCall(client)));
  if (call.supported !== false) {
    try {
      return await call.append(request);
    } catch (error) {
      if (!(error instanceof UnsupportedError)) throw error;
    }
  }
  return appendOfficially(client, request);
}

async function appendOfficially(client: EventStoreDBClient, request: Append): Promise<Appended | null> {
  const { stream, expected, events, deadline } = request;
  try {
    const { nextExpectedRevision, position } = await client.appendToStream(
      stream,
      events.map((event) => jsonEvent(event as never)),
      { expectedRevision: expected ?? NO_STREAM, deadline },
    );
    return { revision: nextExpectedRevision, position };
  } catch (error) {
    if (error instanceof WrongExpectedVersionError) return null;
    throw error;
  }
}

const LAYOUT = 1;
const EXPECTS = { noStream: 1, revision: 3 };
const JSON_DATA = 1;
const RESULTS = { done: 0, wrongRevision: 1 };
/** Well below the 17 MiB that the server takes; one append may be a little over 1 MiB. */
const MESSAGE_BYTES = 1024 * 1024;

const raw = (bytes: Buffer) => bytes;
const AppendsClient = makeClientConstructor(
  {
    append: {
      path: '/hybrid.eventstore.Batches/Append',
      requestStream: true,
      responseStream: true,
      requestSerialize: raw,
      requestDeserialize: raw,
      responseSerialize: raw,
      responseDeserialize: raw,
    },
  },
  'Batches',
);

type Call = ClientDuplexStream<Buffer, Buffer>;

/** What of the official client's inside is needed: its channel, with its TLS, and the caller's credentials. */
interface ClientInside {
  GRPCStreamCreator(
    client: typeof AppendsClient,
    name: string,
    open: (client: Client & { append: (...more: unknown[]) => Call }) => Call,
  ): () => Promise<Call>;
  callArguments(options: object, call: { deadline: number }): unknown[];
}

class UnsupportedError extends Error {
  override readonly name = 'UnsupportedError';
}

interface Waiting {
  resolve: (appended: Appended | null) => void;
  reject: (error: unknown) => void;
}

/** The call of one client, opened when it is needed and again after it broke. */
class AppendCall {
  /** Undefined until the first answer. */
  supported: boolean | undefined;
  private call: Promise<Call> | undefined;
  private waiting = new Map<number, Waiting>();
  private unsent: Buffer[] = [];
  private bytes = 0;
  private asked = 0;

  constructor(private readonly client: EventStoreDBClient) {}

  append(request: Append): Promise<Appended | null> {
    return new Promise((resolve, reject) => {
      const number = (this.asked = (this.asked + 1) % 2 ** 32);
      const message = encode(number, request);
      this.waiting.set(number, { resolve, reject });
      if (this.unsent.length === 0) setImmediate(() => void this.send());
      this.unsent.push(message);
      this.bytes += message.length;
      if (this.bytes > MESSAGE_BYTES) void this.send();
    });
  }

  private async send(): Promise<void> {
    if (this.unsent.length === 0) return;
    const message = Buffer.concat([Buffer.of(LAYOUT), ...this.unsent], 1 + this.bytes);
    this.unsent = [];
    this.bytes = 0;
    // Those that this message carries are among them; a call that breaks later answers for its own only.
    const waiting = this.waiting;
    try {
      this.call ??= this.open(waiting);
      (await this.call).write(message);
    } catch (error) {
      this.broken(waiting, error);
    }
  }

  private async open(waiting: Map<number, Waiting>): Promise<Call> {
    const inside = this.client as unknown as ClientInside;
    const open = inside.GRPCStreamCreator(AppendsClient, 'append', (client) =>
      client.append(...inside.callArguments({}, { deadline: Infinity })),
    );
    const call = await open();
    call.on('data', (message: Buffer) => {
      this.supported = true;
      for (const { number, answer } of decode(message)) {
        const asked = waiting.get(number);
        waiting.delete(number);
        if (answer instanceof Error) asked?.reject(answer);
        else asked?.resolve(answer);
      }
    });
    call.on('error', (error) => this.broken(waiting, error));
    call.on('end', () => this.broken(waiting, failure(status.UNAVAILABLE, 'the event store ended the call')));
    return call;
  }

  private broken(waiting: Map<number, Waiting>, cause: unknown): void {
    if (waiting === this.waiting) {
      this.call = undefined;
      this.waiting = new Map();
      this.unsent = [];
      this.bytes = 0;
    }
    const unsupported = (cause as { code?: status }).code === status.UNIMPLEMENTED;
    if (unsupported) this.supported = false;
    const error = unsupported ? new UnsupportedError() : cause;
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  }
}

const calls = new WeakMap<EventStoreDBClient, AppendCall>();

function encode(number: number, { stream, expected, events }: Append): Buffer {
  const name = Buffer.from(stream);
  const parts = events.map(({ id, type, data, metadata }) => ({
    id: Buffer.from(id.replaceAll('-', ''), 'hex'),
    type: Buffer.from(type),
    data: Buffer.from(JSON.stringify(data)),
    metadata: Buffer.from(JSON.stringify(metadata)),
  }));
  const size = parts.reduce(
    (sum, { type, data, metadata }) => sum + 16 + 1 + 2 + type.length + 4 + data.length + 4 + metadata.length,
    4 + 1 + 8 + 2 + name.length + 2,
  );
  const message = Buffer.allocUnsafe(size);
  let at = message.writeUInt32BE(number);
  at = message.writeUInt8(expected === null ? EXPECTS.noStream : EXPECTS.revision, at);
  at = message.writeBigUInt64BE(expected ?? 0n, at);
  at = message.writeUInt16BE(name.length, at);
  at += name.copy(message, at);
  at = message.writeUInt16BE(parts.length, at);
  for (const { id, type, data, metadata } of parts) {
    at += id.copy(message, at);
    at = message.writeUInt8(JSON_DATA, at);
    at = message.writeUInt16BE(type.length, at);
    at += type.copy(message, at);
    for (const bytes of [data, metadata]) {
      at = message.writeUInt32BE(bytes.length, at);
      at += bytes.copy(message, at);
    }
  }
  return message;
}

function* decode(message: Buffer): Generator<{ number: number; answer: Appended | null | Error }> {
  for (let at = 1; at < message.length;) {
    const number = message.readUInt32BE(at);
    const result = message.readUInt8(at + 4);
    at += 5;
    if (result === RESULTS.done || result === RESULTS.wrongRevision) {
      const revision = message.readBigInt64BE(at);
      const commit = message.readBigUInt64BE(at + 8);
      at += 16;
      const position = commit > 0n ? { commit, prepare: commit } : undefined;
      yield { number, answer: result === RESULTS.done ? { revision, position } : null };
    } else {
      const code = message.readUInt8(at);
      const end = at + 3 + message.readUInt16BE(at + 1);
      yield { number, answer: failure(code, message.toString('utf8', at + 3, end)) };
      at = end;
    }
  }
}

function failure(code: status, text: string): Error & { code: status } {
  return Object.assign(new Error(text), { code });
}
