/**
 * The store: one writer that groups waiting commands into one transaction, and readers that take one event at a time.
 *
 * A command's promise resolves after its transaction is on disk. Positions are dense and start at 1; so are revisions
 * from 0. A reader therefore needs no cursor: it asks for the next number, and memory does not grow with history.
 */
import { statfs } from 'node:fs/promises';
import { Changes } from './changes.js';
import { eventFaults } from './event-faults.js';
import type { RecordedEvent } from './event-record.js';
import { NewestEvents } from './newest-events.js';
import {
  DamagedRecordError,
  StoreClosedError,
  StreamDeletedError,
  WriteFailedError,
} from './store-errors.js';
import { firstVisible, oldestVisible, originalOf } from './stream-limits.js';
import type { StreamState } from './stream-state.js';
import { Tables } from './tables.js';
import { WriteTransaction, type WriteCommand, type WriteOutcome } from './write-transaction.js';

/** Commands in one transaction: enough to share a sync among all who wait, few enough to keep the loop responsive. */
const BATCH = 500;
/** Below this the disk is called full: LMDB needs room for a few pages of 4 KiB in every commit. */
const FULL_DISK_BYTES = 1024 * 1024;

interface Waiting {
  command: WriteCommand;
  resolve(outcome: WriteOutcome): void;
  reject(error: Error): void;
}

export class EventStore {
  readonly changes = new Changes();
  private readonly queue: Waiting[] = [];
  private writing: Promise<void> | undefined;
  private closed = false;
  private failure: Error | undefined;
  private last: number;
  private readonly newest = new NewestEvents();

  private constructor(
    private readonly directory: string,
    private readonly tables: Tables,
  ) {
    this.last = tables.counters().lastPosition;
    const logged = tables.lastLogged();
    if (logged !== this.last)
      throw new DamagedRecordError('the log', `it ends at position ${logged}, but ${this.last} was recorded`);
  }

  /** Opens or creates the store in an existing directory. Throws DamagedRecordError or LMDB's own error. */
  static open(directory: string, mapSize: number): EventStore {
    return new EventStore(directory, Tables.open(directory, mapSize));
  }

  /** Position of the last event on disk; 0 when there is none. */
  get lastPosition(): number {
    return this.last;
  }

  /** Why the last write failed; undefined when it did not. */
  get writeFailure(): Error | undefined {
    return this.failure;
  }

  /**
   * Runs one command; resolves with its outcome once it is on disk.
   * Rejects with WriteFailedError (nothing stored), DamagedRecordError or StoreClosedError.
   */
  write(command: WriteCommand): Promise<WriteOutcome> {
    if (this.closed) return Promise.reject(new StoreClosedError());
    return new Promise((resolve, reject) => {
      this.queue.push({ command, resolve, reject });
      this.writing ??= this.drain();
    });
  }

  /** Streams that were ever written. */
  get streamCount(): number {
    return this.tables.counters().nextStreamId - 1;
  }

  /** What is wrong with the last `count` events, their index and their streams; empty when all is well. */
  faultsAtTheEnd(count: number): string[] {
    const faults: string[] = [];
    for (let position = Math.max(1, this.last - count + 1); position <= this.last; position++)
      faults.push(...eventFaults(this.tables, position));
    return faults;
  }

  eventAt(position: number): RecordedEvent {
    return this.newest.at(position) ?? this.tables.eventAt(position);
  }

  /** The checked record of an event. Throws DamagedRecordError. */
  recordAt(position: number): Buffer {
    return this.newest.recordAt(position) ?? this.tables.recordAt(position);
  }

  /** State of a stream that was ever written. Throws StreamDeletedError for a tombstoned one or its metadata. */
  streamState(stream: string): StreamState | undefined {
    const state = this.tables.streamState(stream);
    const original = originalOf(stream);
    if (state?.tombstoned || (original !== undefined && this.tables.streamState(original)?.tombstoned))
      throw new StreamDeletedError(stream);
    return state;
  }

  /** The event at a revision up to `state.last`, or nothing if the stream's metadata hides it. */
  eventOf(stream: string, state: StreamState, revision: number): RecordedEvent | undefined {
    if (revision < firstVisible(stream, state)) return undefined;
    const event = this.tables.eventOf(stream, state.id, revision);
    return event.created < oldestVisible(stream, state, nowTicks()) ? undefined : event;
  }

  /** Refuses new commands, finishes those that wait, closes the files. */
  async close(): Promise<void> {
    this.closed = true;
    await this.writing;
    await this.tables.close();
  }

  private async drain(): Promise<void> {
    // One turn's wait lets the other appends of the same turn join the first transaction.
    await new Promise(setImmediate);
    while (this.queue.length > 0) await this.commit(this.queue.splice(0, BATCH));
    // In the same turn as the look at the queue: whoever comes after it starts the next drain.
    this.writing = undefined;
  }

  private async commit(batch: Waiting[]): Promise<void> {
    try {
      const { outcomes, touched, recorded, last } = await this.tables.transaction(() => {
        const transaction = new WriteTransaction(this.tables, nowTicks());
        const outcomes = batch.map(({ command }) => run(command, transaction));
        transaction.finish();
        const { touched, recorded, lastPosition } = transaction;
        return { outcomes, touched, recorded, last: lastPosition };
      });
      this.last = last;
      this.failure = undefined;
      for (const { position, record } of recorded) this.newest.add(position, record);
      batch.forEach(({ resolve, reject }, index) => {
        const outcome = outcomes[index];
        if (outcome instanceof Error) reject(outcome);
        else if (outcome) resolve(outcome);
      });
      if (touched.size > 0) this.changes.announce(touched);
    } catch (cause) {
      const error = await this.explain(cause);
      this.failure = error;
      process.stderr.write(`event-store: ${error.message}\n`);
      for (const { reject } of batch) reject(error);
    }
  }

  private async explain(cause: unknown): Promise<Error> {
    if (cause instanceof DamagedRecordError) return cause;
    const detail = await causeOfCommit(cause);
    const disk = await statfs(this.directory).catch(() => undefined);
    const full = /no space/i.test(detail) || (disk && disk.bavail * disk.bsize < FULL_DISK_BYTES);
    return new WriteFailedError(
      full
        ? `The disk of ${this.directory} is full; nothing was stored. Free some space and retry. (${detail})`
        : `Writing to ${this.directory} failed; nothing was stored. Check the disk and retry. (${detail})`,
      { cause },
    );
  }
}

function run(command: WriteCommand, transaction: WriteTransaction): WriteOutcome | DamagedRecordError {
  const before = transaction.lastPosition;
  try {
    return command(transaction);
  } catch (error) {
    // A command that has changed nothing yet fails alone; otherwise the whole transaction must go.
    if (error instanceof DamagedRecordError && transaction.lastPosition === before) return error;
    throw error;
  }
}

/** lmdb rejects with a generic error that carries the real one as a promise. */
async function causeOfCommit(error: unknown): Promise<string> {
  const real =
    error instanceof Error && 'commitError' in error
      ? await Promise.resolve(error.commitError).then(
          () => error,
          (reason: unknown) => reason,
        )
      : error;
  return real instanceof Error ? real.message : String(real);
}

function nowTicks(): bigint {
  return BigInt(Date.now()) * 10_000n;
}
