/** Batches.Append over the connection of an official client, and its messages as a writer of the layout makes them. */
import type { EventStoreDBClient } from '@eventstore/db-client';
import {
  makeClientConstructor,
  type CallOptions,
  type ClientDuplexStream,
  type ClientReadableStream,
  type Metadata,
} from '@grpc/grpc-js';
import { randomBytes } from 'node:crypto';
import { batchesService } from '../src/grpc/batches-service.js';

export type AppendCall = ClientDuplexStream<Buffer, Buffer>;
const Batches = makeClientConstructor(batchesService, 'Batches');
type Batches = InstanceType<typeof Batches> & {
  append(metadata: Metadata, options: CallOptions): AppendCall;
  read(request: Buffer, metadata: Metadata, options: CallOptions): ClientReadableStream<Buffer>;
};

/** What the client has and does not show. */
interface Internals {
  execute<Call>(service: typeof Batches, name: string, action: (grpc: Batches) => Call): Promise<Call>;
  callArguments(options: object, more: CallOptions): [Metadata, CallOptions];
}

export async function openAppends(client: EventStoreDBClient): Promise<AppendCall> {
  const internals = client as unknown as Internals;
  return internals.execute(Batches, 'appends', (grpc) =>
    grpc.append(...internals.callArguments({}, { deadline: Infinity })),
  );
}

/** Batches.Read that follows the streams of a prefix, over the same connection; the messages as they come. */
export async function openFollowing(
  client: EventStoreDBClient,
  prefix: string,
): Promise<ClientReadableStream<Buffer>> {
  const internals = client as unknown as Internals;
  const request = Buffer.from(JSON.stringify({ after: 0, prefixes: [prefix], follow: true }));
  return internals.execute(Batches, 'follow', (grpc) =>
    grpc.read(request, ...internals.callArguments({}, { deadline: Infinity })),
  );
}

export interface RawAppend {
  number: number;
  stream: string;
  /** 0 any, 1 no stream, 2 stream exists, 3 revision; any unless told. */
  expected?: number;
  revision?: bigint;
  type?: string;
  data?: Buffer;
}

/** A message of appends of one event each. */
export function appending(...appends: RawAppend[]): Buffer {
  const parts = appends.flatMap(({ number, stream, expected = 0, revision = 0n, type = 'Tried', data }) => [
    u32(number),
    Buffer.of(expected),
    u64(revision),
    short(Buffer.from(stream)),
    u16(1),
    randomBytes(16),
    Buffer.of(1),
    short(Buffer.from(type)),
    long(data ?? Buffer.from('{}')),
    long(Buffer.from('{"org":"default"}')),
  ]);
  return Buffer.concat([Buffer.of(1), ...parts]);
}

/** Answers by number: result 0 done, 1 wrong revision, 2 refused; the revision, or status and text. */
export type Answers = Map<number, { result: number; revision?: bigint; status?: number; text?: string }>;

/** Resolves with `count` answers; rejects with what ends the call. */
export function answers(call: AppendCall, count: number): Promise<Answers> {
  const found: Answers = new Map();
  return new Promise((resolve, reject) => {
    call.on('error', reject);
    call.on('data', (message: Buffer) => {
      for (let at = 1; at < message.length;) {
        const number = message.readUInt32BE(at);
        const result = message.readUInt8(at + 4);
        if (result < 2) {
          found.set(number, { result, revision: message.readBigInt64BE(at + 5) });
          at += 21;
        } else {
          const end = at + 8 + message.readUInt16BE(at + 6);
          const text = message.toString('utf8', at + 8, end);
          found.set(number, { result, status: message.readUInt8(at + 5), text });
          at = end;
        }
      }
      if (found.size === count) resolve(found);
    });
  });
}

function short(bytes: Buffer): Buffer {
  return Buffer.concat([u16(bytes.length), bytes]);
}

function long(bytes: Buffer): Buffer {
  return Buffer.concat([u32(bytes.length), bytes]);
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}
