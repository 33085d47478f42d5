/**
 * Many events in one message, for readers of long histories: one message per event is what limits EventStoreDB's Read.
 *
 * Layout 1, big endian: layout u8 · position up to which the log was looked at u64 · then per event: position u64 ·
 * revision u64 · created u64 (100 ns ticks since 1970) · id 16 bytes · 1 if JSON, else 0 u8 · stream, type (u16 length +
 * UTF-8) · data, metadata (u32 length + bytes).
 */
import { idBytes, type RecordedEvent } from '../store/event-record.js';

const LAYOUT = 1;
const HEADER = 1 + 8;
const FIXED = 8 + 8 + 8 + 16 + 1;
const LENGTHS = 2 * 2 + 2 * 4;

export class EventBatch {
  private readonly parts: Uint8Array[] = [];
  /** Bytes so far. */
  size = HEADER;

  add(event: RecordedEvent): void {
    const part = encode(event);
    this.parts.push(part);
    this.size += part.length;
  }

  /** The message; `position` is the last one looked at, whether it had an event that is wanted or not. */
  bytes(position: number): Buffer {
    const header = Buffer.allocUnsafe(HEADER);
    header.writeUInt8(LAYOUT, 0);
    header.writeBigUInt64BE(BigInt(position), 1);
    return Buffer.concat([header, ...this.parts], this.size);
  }
}

function encode(event: RecordedEvent): Buffer {
  const { data, customMetadata: metadata } = event;
  const stream = Buffer.from(event.stream);
  const type = Buffer.from(event.type);
  const part = Buffer.allocUnsafe(
    FIXED + LENGTHS + stream.length + type.length + data.length + metadata.length,
  );
  part.writeBigUInt64BE(BigInt(event.position), 0);
  part.writeBigUInt64BE(event.revision, 8);
  part.writeBigUInt64BE(event.created, 16);
  part.set(idBytes(event.id), 24);
  part.writeUInt8(event.contentType === 'application/json' ? 1 : 0, 40);
  let at = FIXED;
  for (const text of [stream, type]) {
    at = part.writeUInt16BE(text.length, at);
    part.set(text, at);
    at += text.length;
  }
  for (const bytes of [data, metadata]) {
    at = part.writeUInt32BE(bytes.length, at);
    part.set(bytes, at);
    at += bytes.length;
  }
  return part;
}
