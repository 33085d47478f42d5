/**
 * Checks all of a store: the file's pages and trees, then every event and everything that leads to it, both ways.
 *
 * It can run while the server writes. The pages are walked in one snapshot, which takes seconds and keeps the writer
 * from using freed pages again for so long; the tables are then walked piece by piece, up to the position that was
 * last when it began, without holding on to anything.
 */
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { holderOf } from '../data-directory.js';
import { readCleanStop } from '../store/clean-stop.js';
import { eventFaults } from '../store/event-faults.js';
import { DamagedRecordError, DamagedStoreError } from '../store/store-errors.js';
import type { StreamState } from '../store/stream-state.js';
import { decodeState } from '../store/stream-state.js';
import { decodeCounters, readU64, Tables, type Entry, type WalkedTable } from '../store/tables.js';
import { Findings } from './findings.js';
import { checkHead, DATA_FILE } from './head-check.js';
import { PageFile, type Meta } from './page-file.js';
import { checkTrees, type TreeReport } from './tree-check.js';

/** Entries between two looks at the clock and at newer snapshots. */
const PIECE = 5_000;
const PROGRESS_EVERY_MS = 5_000;
/** States kept while the log is walked; a miss costs one read. */
const CACHED_STATES = 100_000;
/** Address space; the file of a running server may grow to any part of it meanwhile. */
const MAP_SIZE = 64 * 1024 ** 3;
/** The disk may be slow, but a commit that takes longer has failed with its server. */
const COMMIT_MS = 60_000;

export interface VerifyReport {
  lastPosition: number;
  streams: number;
  /** Bytes of the file. */
  bytes: number;
  seconds: number;
  /** What is bad, the first places of it; nothing when the store is sound. */
  findings: Findings;
}

/**
 * Checks the store in `directory`; `say` hears how far it is. What is bad is in the report.
 * Throws the system's error when the files cannot be read.
 */
export async function verifyStore(
  directory: string,
  say: (progress: string) => void = () => undefined,
): Promise<VerifyReport> {
  const started = performance.now();
  const findings = new Findings();
  const report = (lastPosition: number, streams: number, bytes: number): VerifyReport => ({
    ...{ lastPosition, streams, bytes, findings },
    seconds: (performance.now() - started) / 1000,
  });
  try {
    if (!checkHead(directory)) return report(0, 0, 0);
  } catch (error) {
    if (!(error instanceof DamagedStoreError)) throw error;
    error.faults.forEach((fault) => findings.add(fault));
    return report(0, 0, 0);
  }
  const file = PageFile.open(join(directory, DATA_FILE));
  try {
    // A file that nobody writes is walked before LMDB, which trusts its pages, sees it.
    const [still] = file.metas();
    const before = holderOf(directory) === undefined ? checkTrees(file, still, findings) : undefined;
    if (findings.count > 0) return report(0, 0, file.size);
    const tables = Tables.openReadOnly(directory, Math.max(MAP_SIZE, 2 * file.size));
    try {
      const walked = before && { meta: still, report: before };
      const { lastPosition, streams, sound } = checkSnapshot(tables, file, findings, walked);
      const stopped = readCleanStop(directory);
      if (before && stopped !== undefined && stopped !== lastPosition)
        findings.add(`the store was stopped at position ${stopped}, but ends at ${lastPosition}`);
      if (sound) await seen(tables, lastPosition);
      if (sound) await new TableWalk(tables, lastPosition, findings, say).run();
      return report(lastPosition, streams, file.size);
    } catch (error) {
      if (!(error instanceof DamagedRecordError)) throw error;
      findings.add(error.message);
      return report(0, 0, file.size);
    } finally {
      await tables.close();
    }
  } finally {
    file.close();
  }
}

/**
 * Walks the trees of one snapshot and holds them against the counters in it; `sound` if the trees can be read. The
 * snapshot is the file's, not LMDB's: a server writes a meta page and syncs it before LMDB's readers see the commit.
 */
function checkSnapshot(
  tables: Tables,
  file: PageFile,
  findings: Findings,
  walked: { meta: Meta; report: TreeReport } | undefined,
): { lastPosition: number; streams: number; sound: boolean } {
  // What is read of the file from here on stays: a writer leaves alone what any snapshot since the pinned one uses.
  const release = tables.pin();
  try {
    const [meta] = file.metas();
    const { entries, counters } =
      walked?.meta.transaction === meta.transaction ? walked.report : checkTrees(file, meta, findings);
    const sound = findings.count === 0;
    const { lastPosition, nextStreamId } = decodeCounters(counters);
    const streams = nextStreamId - 1;
    if (entries.get('log') !== lastPosition)
      findings.add(`${entries.get('log')} events are in the log, but the last position is ${lastPosition}`);
    if (entries.get('streams') !== streams)
      findings.add(`${entries.get('streams')} streams are known, but ${streams} were made`);
    return { lastPosition, streams, sound };
  } finally {
    release();
  }
}

/** Until LMDB's readers see the position, too; a commit is being synced meanwhile. */
async function seen(tables: Tables, lastPosition: number): Promise<void> {
  for (const end = performance.now() + COMMIT_MS; tables.counters().lastPosition < lastPosition;) {
    if (performance.now() > end)
      throw new Error(`The commit of position ${lastPosition} took over ${COMMIT_MS / 1000} s; try again.`);
    await setTimeout(1);
    tables.refresh();
  }
}

class TableWalk {
  private readonly states = new Map<string, StreamState>();
  /** Names by stream id would need memory for each; a bit will do. */
  private named = new Uint8Array(1024);
  private said = performance.now();

  constructor(
    private readonly tables: Tables,
    private readonly lastPosition: number,
    private readonly findings: Findings,
    private readonly say: (progress: string) => void,
  ) {}

  async run(): Promise<void> {
    await this.log();
    await this.walk('streams', (entry) => this.stream(entry));
    let before = { streamId: 0, revision: -1 };
    await this.walk('index', ({ key, value }) => (before = this.indexEntry(key, value, before)));
    await this.walk('ids', ({ key, value }) => this.idEntry(key, value));
  }

  private async log(): Promise<void> {
    for (let position = 1; position <= this.lastPosition; position++) {
      for (const fault of eventFaults(this.tables, position, (stream) => this.stateOf(stream)))
        this.findings.add(fault);
      if (position % PIECE === 0) await this.pause(`event ${position} of ${this.lastPosition}`);
    }
  }

  private stateOf(stream: string): StreamState | undefined {
    const cached = this.states.get(stream);
    if (cached) return cached;
    const state = this.tables.streamState(stream);
    if (this.states.size >= CACHED_STATES) this.states.clear();
    if (state) this.states.set(stream, state);
    return state;
  }

  private stream({ key, value }: Entry): void {
    const name = key.toString();
    const state = decodeState<StreamState>(value, `stream '${name}'`);
    if (this.hasName(state.id)) this.findings.add(`stream '${name}' has the id of another, ${state.id}`);
    this.setName(state.id);
    if (state.last >= 0) this.tables.eventOf(name, state.id, state.last);
    if (this.tables.positionOf(state.id, state.last + 1) !== undefined)
      this.findings.add(`stream '${name}' ends at revision ${state.last}, but the index goes on`);
  }

  private indexEntry(key: Buffer, value: Buffer, before: { streamId: number; revision: number }) {
    const [streamId, revision] = [readU64(key), readU64(key, 8)];
    const expected = streamId === before.streamId ? before.revision + 1 : 0;
    if (revision !== expected)
      this.findings.add(
        `stream id ${streamId}: the index has revision ${revision} where ${expected} should be`,
      );
    const position = value.length === 8 ? readU64(value) : 0;
    // Streams that came after the walk of the streams have only later events.
    if (position <= this.lastPosition && revision === 0 && !this.hasName(streamId))
      this.findings.add(
        `the events of stream id ${streamId}, from position ${position}, belong to no stream`,
      );
    return { streamId, revision };
  }

  private idEntry(key: Buffer, value: Buffer): void {
    const streamId = readU64(key);
    const id = key.subarray(8).toString('hex');
    const position = value.length === 8 ? this.tables.positionOf(streamId, readU64(value)) : undefined;
    if (position === undefined) this.findings.add(`stream id ${streamId}: id ${id} leads nowhere`);
    else if (this.tables.eventAt(position).id.replaceAll('-', '') !== id)
      this.findings.add(`stream id ${streamId}: id ${id} leads to position ${position}, which has another`);
  }

  private async walk(table: WalkedTable, visit: (entry: Entry) => void): Promise<void> {
    let after: Buffer | undefined;
    for (let seen = 0; ;) {
      const entries = this.tables.entries(table, after, PIECE);
      for (const entry of entries)
        try {
          visit(entry);
        } catch (error) {
          if (!(error instanceof DamagedRecordError)) throw error;
          this.findings.add(error.message);
        }
      after = entries.at(-1)?.key;
      if (!after || entries.length < PIECE) return;
      seen += entries.length;
      await this.pause(`${seen} entries of table '${table}'`);
    }
  }

  /** Lets go of the snapshot, so that the writer may use its pages again. */
  private async pause(progress: string): Promise<void> {
    this.tables.refresh();
    if (performance.now() - this.said > PROGRESS_EVERY_MS) {
      this.said = performance.now();
      this.say(progress);
    }
    await new Promise(setImmediate);
  }

  private hasName(streamId: number): boolean {
    return ((this.named[streamId >>> 3] ?? 0) & (1 << (streamId & 7))) !== 0;
  }

  private setName(streamId: number): void {
    const byte = streamId >>> 3;
    if (byte >= this.named.length) {
      const larger = new Uint8Array(byte * 2);
      larger.set(this.named);
      this.named = larger;
    }
    this.named[byte]! |= 1 << (streamId & 7);
  }
}
