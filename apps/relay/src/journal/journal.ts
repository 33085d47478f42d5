/**
 * The relay's ledger and its spool in one: files of lines, appended to, each line a webhook that was taken. An entry is on
 * disk before the host hears of it. What follows the position `sent` is to be put on the queue still; what is before it
 * is kept for a week, to know a webhook that comes again, and as proof of what crossed.
 */
import {
  mkdir,
  open,
  readFile,
  rename,
  rm,
  stat,
  truncate,
  writeFile,
  type FileHandle,
} from 'node:fs/promises';
import { join } from 'node:path';
import { entryOf, keyOf, lineOf, type JournalEntry } from './entry.js';
import { linesOf, segmentFile, segmentsIn, syncFolder } from './segment.js';

const SENT = 'sent.json';
const DAY_MS = 86_400_000;
/** Bytes of a line, but for those that tell of many branches at once. */
const ENTRY_MAX = 64 * 1024;

export interface JournalLimits {
  /** Of entries that are not on the queue yet. */
  unsentBytes: number;
  /** Milliseconds that the others are known. */
  keptMs: number;
  /** Of them: about 250 bytes of memory each. */
  keptEntries: number;
  keptBytes: number;
  /** After which the next file is begun. */
  segmentBytes: number;
}

export const JOURNAL_LIMITS: JournalLimits = {
  unsentBytes: 1024 ** 3,
  keptMs: 7 * DAY_MS,
  keptEntries: 200_000,
  keptBytes: 1024 ** 3,
  segmentBytes: 4 * 1024 ** 2,
};

/** There is no room for more that is not on the queue yet, or the disk takes nothing. */
export class JournalFull extends Error {
  override readonly name = 'JournalFull';
}

export interface Position {
  segment: number;
  offset: number;
}

export interface Batch {
  entries: JournalEntry[];
  /** Lines, the damaged ones included. */
  count: number;
  /** Where the next one begins. */
  end: Position;
}

interface Segment {
  number: number;
  bytes: number;
  /** Of its entries, to forget them with it. */
  keys: string[];
  /** By the clock, when it was begun and last appended to. */
  begun: number;
  changed: number;
}

interface Waiting {
  line: Buffer;
  key: string;
  id: string;
  done(): void;
  failed(error: unknown): void;
}

export class Journal {
  /** The oldest first; the last is appended to. */
  readonly #segments: Segment[] = [];
  /** Source and digest of a webhook → id of its delivery. */
  readonly #known = new Map<string, string>();
  #sent: Position = { segment: 0, offset: 0 };
  #unsent = { count: 0, bytes: 0 };
  #file?: FileHandle;
  #waiting: Waiting[] = [];
  /** Of those, and of what is being written. */
  #waitingBytes = 0;
  #committing?: Promise<void>;
  #problem?: string;

  private constructor(
    private readonly folder: string,
    private readonly limits: JournalLimits,
    private readonly appended: () => void,
  ) {}

  /** Reads what is there. `appended` is called when there is more to send. */
  static async open(
    folder: string,
    appended: () => void = () => undefined,
    limits: Partial<JournalLimits> = {},
  ): Promise<Journal> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const journal = new Journal(folder, { ...JOURNAL_LIMITS, ...limits }, appended);
    await journal.#load();
    return journal;
  }

  /** Lines that are not on the queue yet. */
  get unsent(): { count: number; bytes: number } {
    return { ...this.#unsent };
  }

  /** Deliveries that are known. */
  get known(): number {
    return this.#known.size;
  }

  /** Why nothing can be taken; nothing while it can. */
  get problem(): string | undefined {
    if (this.#unsent.bytes + ENTRY_MAX > this.limits.unsentBytes)
      return `${this.#unsent.count} webhooks (${this.#unsent.bytes} bytes) wait for the queue, and no more fit`;
    return this.#problem;
  }

  /** The id of the delivery that this very body of this source became. */
  find(source: string, sha256: string): string | undefined {
    return this.#known.get(keyFor(source, sha256));
  }

  /** Resolves when the entry would survive a loss of power. Many at once share one write. Throws JournalFull. */
  async append(entry: JournalEntry): Promise<void> {
    const line = Buffer.from(lineOf(entry));
    if (this.#unsent.bytes + this.#waitingBytes + line.length > this.limits.unsentBytes)
      throw new JournalFull(this.problem ?? 'the spool is full');
    this.#waitingBytes += line.length;
    const { source, id } = entry.deliveries[0];
    await new Promise<void>((done, failed) => {
      this.#waiting.push({ line, key: keyFor(source, entry.sha256), id, done, failed });
      this.#committing ??= this.#commitAll().finally(() => (this.#committing = undefined));
    });
  }

  /** The oldest entries that are not on the queue, at most `max` of them and about `maxBytes`; nothing where there are none. */
  async next(max: number, maxBytes: number): Promise<Batch | undefined> {
    const segment = this.#segmentToSend();
    if (!segment) return undefined;
    const batch: Batch = { entries: [], count: 0, end: { ...this.#sent } };
    const begin = this.#sent.offset;
    for await (const { text, end } of linesOf(
      segmentFile(this.folder, segment.number),
      begin,
      segment.bytes,
    )) {
      const entry = entryOf(text);
      if (entry) batch.entries.push(entry);
      batch.count += 1;
      batch.end = { segment: segment.number, offset: end };
      if (batch.count >= max || end - begin >= maxBytes) break;
    }
    if (batch.count === 0)
      throw new Error(
        `${segmentFile(this.folder, segment.number)} is shorter than it was: its disk is damaged`,
      );
    return batch;
  }

  /** The queue has them. A crash before this is on disk sends them again. */
  async sent(batch: Batch): Promise<void> {
    this.#unsent.count -= batch.count;
    this.#unsent.bytes -= batch.end.offset - this.#sent.offset;
    this.#sent = batch.end;
    await this.#write(SENT, JSON.stringify(this.#sent));
  }

  /** Forgets the oldest files, as far as the queue has them: after a week, or where there are too many. */
  async prune(now = Date.now()): Promise<void> {
    const kept = (): number => this.#segments.reduce((sum, { bytes }) => sum + bytes, -this.#unsent.bytes);
    for (const segment of this.#segments.slice(0, -1)) {
      const { keptMs, keptEntries, keptBytes } = this.limits;
      const old = now - segment.changed > keptMs;
      if (segment.number >= this.#sent.segment) return;
      if (!old && this.#known.size <= keptEntries && kept() <= keptBytes) return;
      await rm(segmentFile(this.folder, segment.number), { force: true });
      this.#segments.shift();
      for (const key of segment.keys) this.#known.delete(key);
    }
  }

  async close(): Promise<void> {
    await this.#committing;
    await this.#file?.close();
  }

  async #load(): Promise<void> {
    const numbers = await segmentsIn(this.folder);
    this.#sent = await this.#readSent(numbers);
    for (const number of numbers) {
      const file = segmentFile(this.folder, number);
      const { mtimeMs, birthtimeMs, size } = await stat(file);
      const segment: Segment = {
        number,
        bytes: 0,
        keys: [],
        begun: birthtimeMs || mtimeMs,
        changed: mtimeMs,
      };
      for await (const { text, end } of linesOf(file)) {
        if (number > this.#sent.segment || (number === this.#sent.segment && end > this.#sent.offset)) {
          this.#unsent.count += 1;
          this.#unsent.bytes += end - segment.bytes;
        }
        segment.bytes = end;
        const key = keyOf(text);
        if (key) this.#know(segment, keyFor(key.source, key.sha256), key.id);
      }
      // A line that was cut off was never acknowledged: what is appended now must not become part of it.
      if (size > segment.bytes) await truncate(file, segment.bytes);
      this.#segments.push(segment);
    }
  }

  /** Without a position all is sent again: the other side takes each once. */
  async #readSent(numbers: number[]): Promise<Position> {
    const first = { segment: numbers[0] ?? 0, offset: 0 };
    try {
      const { segment, offset } = JSON.parse(await readFile(join(this.folder, SENT), 'utf8')) as Position;
      if (!Number.isSafeInteger(segment) || !Number.isSafeInteger(offset)) return first;
      const { size } = await stat(segmentFile(this.folder, segment));
      return offset <= size ? { segment, offset } : first;
    } catch {
      return first;
    }
  }

  #segmentToSend(): Segment | undefined {
    for (const segment of this.#segments) {
      if (segment.number < this.#sent.segment) continue;
      if (segment.number > this.#sent.segment) this.#sent = { segment: segment.number, offset: 0 };
      if (this.#sent.offset < segment.bytes) return segment;
    }
    return undefined;
  }

  async #commitAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      const bytes = batch.reduce((sum, { line }) => sum + line.length, 0);
      this.#waiting = [];
      try {
        await this.#commit(batch, bytes);
        this.#problem = undefined;
        for (const { done } of batch) done();
        this.appended();
      } catch (cause) {
        this.#problem = `nothing can be written to ${this.folder}: ${(cause as Error).message}`;
        const failure = new JournalFull(this.#problem, { cause });
        for (const { failed } of batch) failed(failure);
      } finally {
        this.#waitingBytes -= bytes;
      }
    }
  }

  async #commit(batch: Waiting[], bytes: number): Promise<void> {
    const segment = await this.#segmentToAppendTo();
    const file = this.#file as FileHandle;
    try {
      await writeAt(file, Buffer.concat(batch.map(({ line }) => line)), segment.bytes);
      await file.datasync();
    } catch (error) {
      // Half a line may be there: it is written over, by the next one or by what is read at the next start.
      await file.truncate(segment.bytes).catch(() => undefined);
      throw error;
    }
    segment.bytes += bytes;
    segment.changed = Date.now();
    this.#unsent.count += batch.length;
    this.#unsent.bytes += bytes;
    for (const { key, id } of batch) this.#know(segment, key, id);
  }

  async #segmentToAppendTo(): Promise<Segment> {
    const last = this.#segments.at(-1);
    const full = last && (last.bytes >= this.limits.segmentBytes || Date.now() - last.begun > DAY_MS);
    if (last && this.#file && !full) return last;
    await this.#file?.close();
    this.#file = undefined;
    if (last && !full) {
      this.#file = await open(segmentFile(this.folder, last.number), 'r+');
      return last;
    }
    const number = (last?.number ?? 0) + 1;
    this.#file = await open(segmentFile(this.folder, number), 'w', 0o600);
    await syncFolder(this.folder);
    const now = Date.now();
    const segment: Segment = { number, bytes: 0, keys: [], begun: now, changed: now };
    this.#segments.push(segment);
    return segment;
  }

  #know(segment: Segment, key: string, id: string): void {
    if (!this.#known.has(key)) segment.keys.push(key);
    this.#known.set(key, id);
  }

  async #write(name: string, text: string): Promise<void> {
    const target = join(this.folder, name);
    await writeFile(`${target}.new`, text, { mode: 0o600 });
    await rename(`${target}.new`, target);
  }
}

/** A disk that fills up takes a part before it fails. */
async function writeAt(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;)
    done += (await file.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
}

function keyFor(source: string, sha256: string): string {
  return `${source} ${sha256}`;
}
