/**
 * Many events in one message, for readers of long histories: one message per event is what limits EventStoreDB's Read.
 *
 * Layout 1, big endian: layout u8 · position up to which the log was looked at u64 · then per event: position u64 ·
 * revision u64 · created u64 (100 ns ticks since 1970) · id 16 bytes · stream, type and content type (u16 length +
 * UTF-8) · data, metadata (u32 length + bytes). So far a record on disk has the same form; should that change, records
 * are to be rewritten here, as readers of other versions know layout 1.
 */
import { recordBody } from '../store/event-record.js';

const LAYOUT = 1;
const HEADER = 1 + 8;

export class EventBatch {
  private readonly parts: Uint8Array[] = [];
  /** Bytes so far. */
  size = HEADER;

  /** Events so far. */
  get count(): number {
    return this.parts.length;
  }

  /** Takes a checked record. */
  add(record: Buffer): void {
    const part = recordBody(record);
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
