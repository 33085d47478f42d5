/** What the store knows of one stream besides its events: last revision, tombstone, and the limits of its metadata. */
import { crc32 } from 'node:zlib';
import { DamagedRecordError } from './store-errors.js';
import type { StreamLimits } from './stream-limits.js';

export interface StreamState {
  /** Key of the stream's events; a name can be longer than a key. */
  id: number;
  /** Revision of the last event; -1 before the first. */
  last: number;
  tombstoned?: true;
  limits?: StreamLimits;
}

/** A small record as JSON behind its crc32. */
export function encodeState(state: object): Buffer {
  const json = Buffer.from(JSON.stringify(state));
  const record = Buffer.allocUnsafe(4 + json.length);
  record.writeUInt32BE(crc32(json), 0);
  record.set(json, 4);
  return record;
}

/** Reads what `encodeState` wrote; throws DamagedRecordError naming `where`. */
export function decodeState<State>(record: Buffer, where: string): State {
  const json = record.subarray(4);
  if (record.length < 4 || record.readUInt32BE(0) !== crc32(json))
    throw new DamagedRecordError(where, 'its checksum does not match');
  return JSON.parse(json.toString()) as State;
}
