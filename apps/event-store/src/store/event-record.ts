/**
 * One event as it lies on disk: a flat record with a checksum in front, so that a damaged byte is seen, never served.
 *
 * Layout, big endian: crc32 u32 of all that follows · layout u8 · position u64 · revision u64 · created u64 (100 ns
 * ticks since 1970) · id 16 bytes · then stream, type and content type (u16 length + UTF-8), data and custom metadata
 * (u32 length + bytes).
 */
import { crc32 } from 'node:zlib';
import { DamagedRecordError } from './store-errors.js';

const LAYOUT = 1;
const FIXED = 4 + 1 + 8 + 8 + 8 + 16;
const LENGTHS = 3 * 2 + 2 * 4;

/** An event as a client proposes it; `id` is a lower-case UUID. */
export interface ProposedEvent {
  id: string;
  type: string;
  contentType: string;
  data: Uint8Array;
  customMetadata: Uint8Array;
}

/** An event as it was recorded. `created` counts 100 ns ticks since the Unix epoch. */
export interface RecordedEvent extends ProposedEvent {
  stream: string;
  revision: bigint;
  position: number;
  created: bigint;
}

/** The record of an event; strings longer than 65,535 bytes throw RangeError (requests are checked before). */
export function encodeRecord(event: RecordedEvent): Buffer {
  const stream = Buffer.from(event.stream);
  const type = Buffer.from(event.type);
  const contentType = Buffer.from(event.contentType);
  const { data, customMetadata } = event;
  const record = Buffer.allocUnsafe(
    FIXED + LENGTHS + stream.length + type.length + contentType.length + data.length + customMetadata.length,
  );
  record.writeUInt8(LAYOUT, 4);
  record.writeBigUInt64BE(BigInt(event.position), 5);
  record.writeBigUInt64BE(event.revision, 13);
  record.writeBigUInt64BE(event.created, 21);
  record.set(idBytes(event.id), 29);
  let at = FIXED;
  for (const text of [stream, type, contentType]) {
    at = record.writeUInt16BE(text.length, at);
    record.set(text, at);
    at += text.length;
  }
  for (const bytes of [data, customMetadata]) {
    at = record.writeUInt32BE(bytes.length, at);
    record.set(bytes, at);
    at += bytes.length;
  }
  record.writeUInt32BE(crc32(record.subarray(4)), 0);
  return record;
}

/**
 * Checks that a record is what was written for `position`.
 * Throws DamagedRecordError, naming `where`, when a byte differs or the record is another's.
 */
export function checkRecord(record: Buffer, position: number, where: string): void {
  if (record.length < FIXED + LENGTHS || record.readUInt32BE(0) !== crc32(record.subarray(4)))
    throw new DamagedRecordError(where, 'its checksum does not match');
  const layout = record.readUInt8(4);
  if (layout !== LAYOUT)
    throw new DamagedRecordError(where, `it has layout ${layout}; this version reads layout ${LAYOUT}`);
  const stored = Number(record.readBigUInt64BE(5));
  if (stored !== position) throw new DamagedRecordError(where, `it holds the event of position ${stored}`);
}

/** What follows checksum and layout in a checked record; a view. */
export function recordBody(record: Buffer): Buffer {
  return record.subarray(5);
}

/** The stream's name in a checked record, UTF-8; a view. */
export function recordStream(record: Buffer): Buffer {
  return record.subarray(FIXED + 2, FIXED + 2 + record.readUInt16BE(FIXED));
}

/** Reads a record back; data and metadata are views into `record`. Throws as `checkRecord`. */
export function decodeRecord(record: Buffer, position: number, where: string): RecordedEvent {
  checkRecord(record, position, where);
  let at = FIXED;
  const text = () => {
    const start = at + 2;
    at = start + record.readUInt16BE(at);
    return record.toString('utf8', start, at);
  };
  const bytes = () => {
    const start = at + 4;
    at = start + record.readUInt32BE(at);
    return record.subarray(start, at);
  };
  return {
    position,
    revision: record.readBigUInt64BE(13),
    created: record.readBigUInt64BE(21),
    id: idText(record.subarray(29, 45)),
    stream: text(),
    type: text(),
    contentType: text(),
    data: bytes(),
    customMetadata: bytes(),
  };
}

/** The 16 bytes of a UUID in text form. */
export function idBytes(id: string): Buffer {
  return Buffer.from(id.replaceAll('-', ''), 'hex');
}

/** The text form, in lower case, of the 16 bytes of a UUID. */
export function idText(bytes: Buffer): string {
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
