import { describe, expect, it } from '@jest/globals';
import { decodeRecord, encodeRecord, type RecordedEvent } from './event-record.js';
import { DamagedRecordError } from './store-errors.js';

const event: RecordedEvent = {
  stream: 'größe-☃',
  revision: 9223372036854775807n,
  position: 2 ** 40 + 3,
  created: 17_000_000_000_000_000n,
  id: '0f8fad5b-d9cb-469f-a165-70867728950e',
  type: 'Grown',
  contentType: 'application/json',
  data: Buffer.from('{"a":1}'),
  customMetadata: Buffer.from([0, 255, 10]),
};

describe('an event record', () => {
  it('gives back what was written', () => {
    expect(decodeRecord(encodeRecord(event), event.position, 'here')).toEqual(event);
  });

  it('gives back empty data and metadata', () => {
    const empty = { ...event, data: Buffer.alloc(0), customMetadata: Buffer.alloc(0) };
    expect(decodeRecord(encodeRecord(empty), event.position, 'here')).toEqual(empty);
  });

  it('shows every flipped bit and every missing byte', () => {
    const record = encodeRecord(event);
    for (let bit = 0; bit < record.length * 8; bit++) {
      const damaged = Buffer.from(record);
      damaged.writeUInt8(damaged.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      expect(() => decodeRecord(damaged, event.position, 'here')).toThrow(DamagedRecordError);
    }
    for (let length = 0; length < record.length; length++)
      expect(() => decodeRecord(record.subarray(0, length), event.position, 'here')).toThrow(
        DamagedRecordError,
      );
  });

  it('is refused in the place of another', () => {
    expect(() => decodeRecord(encodeRecord(event), 7, "stream 's' revision 7")).toThrow(
      "stream 's' revision 7 is damaged",
    );
  });
});
