/**
 * Many appends in one message, and many answers: for writers that have much to write at once.
 *
 * Layout 1, big endian. An appending message: layout u8 · then per append: its number u32 (the writer's, for the answer)
 * · expected u8 (0 any, 1 no stream, 2 stream exists, 3 revision) · revision u64 · stream (u16 length + UTF-8) · events
 * u16 · per event: id 16 bytes · JSON u8 (1 or 0) · type (u16 length + UTF-8) · data, metadata (u32 length + bytes).
 * An answering message: layout u8 · per append: number u32 · result u8 · for 0 (done) and 1 (wrong revision): revision
 * of the stream's last event i64, -1 without one · position u64, 0 without one · for 2 (refused or failed): gRPC status
 * u8 · text (u16 length + UTF-8).
 */
import type { ExpectedRevision } from '../store/append-decision.js';
import { idText, type ProposedEvent } from '../store/event-record.js';
import type { WriteOutcome } from '../store/write-transaction.js';
import { checkStreamName, checkWritable, ProposedEvents, requireText } from './requests.js';
import { BadRequestError, logFailure, statusOf } from './rpc-failure.js';
import { status } from '@grpc/grpc-js';

const LAYOUT = 1;
const EXPECTED = ['any', 'noStream', 'streamExists', 'revision'] as const;
const MAX_TEXT_BYTES = 60_000;

export interface AppendRequest {
  number: number;
  expected: ExpectedRevision;
  /** What is wrong with the append is thrown here; the others of the message are sound or not by themselves. */
  sound(): { stream: string; events: readonly ProposedEvent[] };
}

/** Throws BadRequestError where the message does not have the layout. */
export function* readAppends(message: Buffer): Generator<AppendRequest> {
  const bytes = new Reader(message);
  if (bytes.u8() !== LAYOUT) throw new BadRequestError(`Appends must have layout ${LAYOUT}.`);
  while (!bytes.atEnd) {
    const number = bytes.u32();
    const kind = EXPECTED[bytes.u8()];
    if (!kind) throw new BadRequestError('An append expects something unknown.');
    const revision = bytes.u64();
    const expected = kind === 'revision' ? { kind, revision } : { kind };
    const name = bytes.take(bytes.u16());
    const proposed = new ProposedEvents();
    for (let left = bytes.u16(); left > 0; left--) {
      const event = {
        id: idText(bytes.take(16)),
        contentType: bytes.u8() === 1 ? 'application/json' : 'application/octet-stream',
        type: bytes.take(bytes.u16()).toString(),
        data: bytes.take(bytes.u32()),
        customMetadata: bytes.take(bytes.u32()),
      };
      proposed.take(() => ({ ...event, type: requireText('type', event.type) }));
    }
    yield {
      number,
      expected,
      sound: () => ({ stream: checkWritable(checkStreamName(name)), events: proposed.complete() }),
    };
  }
}

/** Answers gathered for one message. */
export class AppendAnswers {
  private parts: Buffer[] = [Buffer.of(LAYOUT)];

  get empty(): boolean {
    return this.parts.length === 1;
  }

  add(number: number, outcome: WriteOutcome): void {
    if (outcome.kind === 'deleted')
      return this.fail(number, status.FAILED_PRECONDITION, 'The stream is deleted.');
    const done = outcome.kind === 'done';
    const part = Buffer.allocUnsafe(4 + 1 + 16);
    part.writeUInt32BE(number);
    part.writeUInt8(done ? 0 : 1, 4);
    part.writeBigInt64BE(BigInt(done ? outcome.revision : outcome.current), 5);
    part.writeBigUInt64BE(BigInt((done && outcome.position) || 0), 13);
    this.parts.push(part);
  }

  addFailure(number: number, error: unknown): void {
    logFailure(error);
    this.fail(number, statusOf(error), error instanceof Error ? error.message : String(error));
  }

  /** The message; empties the gathering. */
  bytes(): Buffer {
    const message = Buffer.concat(this.parts);
    this.parts = [Buffer.of(LAYOUT)];
    return message;
  }

  private fail(number: number, code: status, text: string): void {
    const words = Buffer.from(text).subarray(0, MAX_TEXT_BYTES);
    const part = Buffer.allocUnsafe(4 + 1 + 1 + 2);
    part.writeUInt32BE(number);
    part.writeUInt8(2, 4);
    part.writeUInt8(code, 5);
    part.writeUInt16BE(words.length, 6);
    this.parts.push(part, words);
  }
}

class Reader {
  private at = 0;

  constructor(private readonly message: Buffer) {}

  get atEnd(): boolean {
    return this.at === this.message.length;
  }

  take(length: number): Buffer {
    const end = this.at + length;
    if (end > this.message.length) throw new BadRequestError('A message of appends ends within one.');
    const bytes = this.message.subarray(this.at, end);
    this.at = end;
    return bytes;
  }

  u8 = () => this.take(1).readUInt8();
  u16 = () => this.take(2).readUInt16BE();
  u32 = () => this.take(4).readUInt32BE();
  u64 = () => this.take(8).readBigUInt64BE();
}
