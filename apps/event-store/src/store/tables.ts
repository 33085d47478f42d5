/**
 * The LMDB tables and their keys. Every read checks what it found; a record that is missing where the counters say
 * there is one is as damaged as a record with a wrong checksum.
 *
 * log: position → event · index: stream id, revision → position · ids: stream id, event id → revision
 * streams: name → state · counters: last position and next stream id
 */
import { open, type Database, type RootDatabase, type RootDatabaseOptions } from 'lmdb';
import { checkRecord, decodeRecord, encodeRecord, idBytes, type RecordedEvent } from './event-record.js';
import { DamagedRecordError } from './store-errors.js';
import { decodeState, encodeState, type StreamState } from './stream-state.js';

type Table = Database<Buffer, Buffer>;

export interface Counters {
  /** 0 before the first event, so that "after position 0" means everything. */
  lastPosition: number;
  nextStreamId: number;
}

const COUNTERS = Buffer.from('counters');
const BINARY = { encoding: 'binary', keyEncoding: 'binary' } as const;

/** The tables that a check walks, as distinct from the one record of counters. */
export type WalkedTable = 'log' | 'index' | 'ids' | 'streams';

export interface Entry {
  key: Buffer;
  value: Buffer;
}

export class Tables {
  private constructor(
    private readonly root: RootDatabase<Buffer, Buffer>,
    private readonly log: Table,
    private readonly index: Table,
    private readonly ids: Table,
    private readonly streams: Table,
    private readonly counterTable: Table,
  ) {}

  /** Opens or creates the tables in `directory`; `mapSize` bytes of address space are reserved and grow by themselves. */
  static open(directory: string, mapSize: number): Tables {
    return Tables.of(directory, {
      mapSize,
      // A commit is over only when it is on disk: with overlapping sync readers would see events that a power cut
      // can still take away, and a failed sync would go unnoticed.
      overlappingSync: false,
      // The writer makes its own batches; lmdb's batching leaves a rejection unhandled when a commit fails.
      eventTurnBatching: false,
    });
  }

  /** Opens existing tables to read them beside the server that writes them. Throws LMDB's own error. */
  static openReadOnly(directory: string, mapSize: number): Tables {
    return Tables.of(directory, { mapSize, readOnly: true });
  }

  private static of(directory: string, options: RootDatabaseOptions): Tables {
    const root = open<Buffer, Buffer>({
      ...BINARY,
      ...options,
      path: directory,
      noSubdir: false,
      maxDbs: 8,
    });
    const table = (name: string): Table => root.openDB<Buffer, Buffer>({ ...BINARY, name });
    return new Tables(root, table('log'), table('index'), table('ids'), table('streams'), table('counters'));
  }

  /** Runs `work` in one write transaction, all or nothing; resolves when it is on disk. */
  transaction<Result>(work: () => Result): Promise<Result> {
    return this.root.childTransaction(work);
  }

  counters(): Counters {
    return decodeCounters(this.counterTable.get(COUNTERS));
  }

  putCounters(counters: Counters): void {
    this.counterTable.putSync(COUNTERS, encodeState(counters));
  }

  /** The position of the last event in the log, whatever the counters say. */
  lastLogged(): number {
    for (const key of this.log.getKeys({ reverse: true, limit: 1 })) return readU64(key);
    return 0;
  }

  streamState(stream: string): StreamState | undefined {
    const record = this.streams.get(Buffer.from(stream));
    return record && decodeState<StreamState>(record, `stream '${stream}'`);
  }

  putStreamState(stream: string, state: StreamState): void {
    this.streams.putSync(Buffer.from(stream), encodeState(state));
  }

  /** Answers the record as it was written. */
  putEvent(event: RecordedEvent): Buffer {
    const record = encodeRecord(event);
    this.log.putSync(u64(event.position), record);
    return record;
  }

  /** Makes the event at `position` findable as `revision` of the stream and by its id. */
  putIndex(streamId: number, revision: number, id: string, position: number): void {
    this.index.putSync(u64(streamId, revision), u64(position));
    this.ids.putSync(Buffer.concat([u64(streamId), idBytes(id)]), u64(revision));
  }

  /** The event at a position that the counters say is taken. Throws DamagedRecordError. */
  eventAt(position: number): RecordedEvent {
    return decodeRecord(this.logged(position), position, `position ${position}`);
  }

  /** The checked record at a position that the counters say is taken. Throws DamagedRecordError. */
  recordAt(position: number): Buffer {
    const record = this.logged(position);
    checkRecord(record, position, `position ${position}`);
    return record;
  }

  private logged(position: number): Buffer {
    const record = this.log.get(u64(position));
    if (!record) throw new DamagedRecordError(`position ${position}`, 'it is missing');
    return record;
  }

  /** The event at a revision that the stream's state says is there. Throws DamagedRecordError. */
  eventOf(stream: string, streamId: number, revision: number): RecordedEvent {
    const where = `stream '${stream}' revision ${revision}`;
    const pointer = this.index.get(u64(streamId, revision));
    if (pointer?.length !== 8) throw new DamagedRecordError(where, 'its index entry is missing');
    const position = readU64(pointer);
    const record = this.log.get(u64(position));
    if (!record) throw new DamagedRecordError(where, `position ${position} is missing`);
    const event = decodeRecord(record, position, where);
    if (event.stream !== stream || event.revision !== BigInt(revision))
      throw new DamagedRecordError(where, `its index points to '${event.stream}' revision ${event.revision}`);
    return event;
  }

  /** The revision at which the stream holds the event id, if it does. */
  revisionOfId(streamId: number, id: string): number | undefined {
    const record = this.ids.get(Buffer.concat([u64(streamId), idBytes(id)]));
    return record && readU64(record);
  }

  /** The position at which the stream's index has the revision, if it has it. */
  positionOf(streamId: number, revision: number): number | undefined {
    const pointer = this.index.get(u64(streamId, revision));
    return pointer?.length === 8 ? readU64(pointer) : undefined;
  }

  /** Up to `limit` entries behind the key `after`, as they lie there: for checks that walk everything. */
  entries(table: WalkedTable, after: Buffer | undefined, limit: number): Entry[] {
    const range = { limit, ...(after && { start: after, exclusiveStart: true }) };
    return [...this[table].getRange(range)].map(({ key, value }) => ({ key, value }));
  }

  /** Holds on to the store as it is now, which keeps the writer from using old pages again: answers how to let go. */
  pin(): () => void {
    this.root.resetReadTxn();
    const transaction = this.root.useReadTransaction();
    return () => {
      transaction.done();
      this.root.resetReadTxn();
    };
  }

  /** Lets the next read see what was written since the last one. */
  refresh(): void {
    this.root.resetReadTxn();
  }

  /** Copies the store as it is now into an existing directory; `compact` leaves free pages out. Not synced to disk. */
  copyTo(directory: string, compact: boolean): Promise<void> {
    return this.root.backup(directory, compact);
  }

  async close(): Promise<void> {
    await this.root.close();
  }
}

/** The counters of a record, or of a store without events. Throws DamagedRecordError. */
export function decodeCounters(record: Buffer | undefined): Counters {
  return record ? decodeState<Counters>(record, 'the counters') : { lastPosition: 0, nextStreamId: 1 };
}

function u64(...values: number[]): Buffer {
  const key = Buffer.allocUnsafe(8 * values.length);
  values.forEach((value, index) => {
    key.writeUInt32BE(Math.floor(value / 2 ** 32), index * 8);
    key.writeUInt32BE(value % 2 ** 32, index * 8 + 4);
  });
  return key;
}

export function readU64(bytes: Buffer, at = 0): number {
  return bytes.readUInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4);
}
