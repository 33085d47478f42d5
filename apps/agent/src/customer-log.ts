/**
 * The log of one attempt as its customer keeps it: NDJSON, gzip, in the customer's own store. While the step runs it
 * goes there in parts, of which a crash loses the last at most; in the end it is one object, and the parts are removed.
 * Several gzip files in a row are one.
 */
import type { LogReference } from '@hybrid/contracts';
import { StoreProblem, type ObjectStore, type Source } from '@hybrid/stores';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { appendFile, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Notify } from './notices.js';
import { retryAway } from './store-retry.js';

/** Bytes of NDJSON in a part; milliseconds until a smaller one goes. */
const PART_MAX = 4 * 1024 * 1024;
const PART_MS = 30_000;
/** Milliseconds for which a store that is away is waited for at the end of a step; then its result goes without the log. */
const PATIENCE_MS = 300_000;
/** Within the attempt's folder. */
const FOLDER = 'log';
const OPEN = 'open.ndjson';

interface Part {
  file: string;
  lines: number;
}

export class CustomerLog {
  #parts: Part[] = [];
  /** How many of them are stored. */
  #stored = 0;
  #open = { lines: 0, bytes: 0 };
  #working: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #failing = false;

  constructor(
    /** Without an end: what is left of an earlier life is gone on with. */
    private readonly folder: string,
    /** Of the whole in the store, less the ending. */
    private readonly key: string,
    private readonly store: ObjectStore,
    private readonly notify: Notify,
  ) {}

  /** Resolves when the lines are on disk. @param bytes NDJSON, whole lines. */
  async write(bytes: Buffer): Promise<void> {
    await this.#inTurn(async () => {
      if (this.#timer === undefined) await this.#begin();
      await appendFile(join(this.folder, FOLDER, OPEN), bytes, { mode: 0o600 });
      this.#open.lines += newlines(bytes);
      this.#open.bytes += bytes.length;
    });
    if (this.#open.bytes >= PART_MAX) this.#send();
  }

  /** Stores the whole. Throws StoreProblem where the store does not take it, or is away for too long. */
  async finish(patienceMs = PATIENCE_MS): Promise<LogReference> {
    const patience = AbortSignal.timeout(patienceMs);
    await this.#inTurn(async () => {
      if (this.#timer === undefined) await this.#begin();
      clearInterval(this.#timer);
      await this.#seal();
    });
    const files = this.#parts.map(({ file }) => join(this.folder, FOLDER, file));
    const source = await filesSource(files);
    const key = `${this.key}.ndjson.gz`;
    try {
      await retryAway(() => this.store.put(key, source, patience), patience);
    } catch (error) {
      if (!patience.aborted) throw error;
      throw new StoreProblem('away', `${this.store.location} is away for too long`, { cause: error });
    }
    for (let number = 0; number < this.#stored; number++)
      await this.store.delete(this.#partKey(number)).catch(() => undefined);
    const lines = this.#parts.reduce((sum, part) => sum + part.lines, 0);
    return { location: `${this.store.location}/${key}`, sha256: source.sha256, size: source.size, lines };
  }

  /** Nothing of it is written any more. */
  close(): void {
    clearInterval(this.#timer);
  }

  async #begin(): Promise<void> {
    this.#timer = setInterval(() => this.#send(), PART_MS).unref();
    const folder = join(this.folder, FOLDER);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    for (const file of (await readdir(folder)).sort()) {
      const [, lines] = /^\d{6}-(\d+)\.ndjson\.gz$/.exec(file) ?? [];
      if (lines !== undefined) this.#parts.push({ file, lines: Number(lines) });
    }
    // Which of them are stored is not known: they are stored again, in the same places.
    const left = await readFile(join(folder, OPEN)).catch(() => Buffer.alloc(0));
    // A line that a crash has torn can only be the last.
    const whole = left.subarray(0, left.lastIndexOf('\n') + 1);
    if (whole.length < left.length) await writeFile(join(folder, OPEN), whole, { mode: 0o600 });
    this.#open = { lines: newlines(whole), bytes: whole.length };
  }

  /** Makes a part of what is there, and stores it; what fails is tried again with the next. */
  #send(): void {
    void this.#inTurn(async () => {
      await this.#seal();
      for (; this.#stored < this.#parts.length; this.#stored++) {
        const file = join(this.folder, FOLDER, this.#parts[this.#stored]!.file);
        await this.store.put(this.#partKey(this.#stored), await filesSource([file]));
      }
      this.#failing = false;
    }).catch((error: Error) => {
      if (!this.#failing) this.notify(`a log cannot be stored in ${this.store.location}: ${error.message}`);
      this.#failing = true;
    });
  }

  async #seal(): Promise<void> {
    if (this.#open.lines === 0) return;
    const folder = join(this.folder, FOLDER);
    const packed = await promisify(gzip)(await readFile(join(folder, OPEN)));
    const { lines } = this.#open;
    const file = `${String(this.#parts.length).padStart(6, '0')}-${lines}.ndjson.gz`;
    await writeFile(join(folder, `${file}.new`), packed, { mode: 0o600, flush: true });
    await rename(join(folder, `${file}.new`), join(folder, file));
    await rm(join(folder, OPEN));
    this.#parts.push({ file, lines });
    this.#open = { lines: 0, bytes: 0 };
  }

  #partKey(number: number): string {
    return `${this.key}.parts/${String(number).padStart(6, '0')}.ndjson.gz`;
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#working.then(work);
    this.#working = done.catch(() => undefined);
    return done;
  }
}

/** Files in a row, as one object; read once for its SHA-256. */
async function filesSource(files: string[]): Promise<Source> {
  const sizes = await Promise.all(files.map(async (file) => (await stat(file)).size));
  async function* open(offset: number): AsyncGenerator<Uint8Array> {
    let skip = offset;
    for (const [index, file] of files.entries()) {
      const size = sizes[index]!;
      if (skip < size) yield* createReadStream(file, { start: skip }) as AsyncIterable<Buffer>;
      skip = Math.max(0, skip - size);
    }
  }
  const hash = createHash('sha256');
  for await (const chunk of open(0)) hash.update(chunk);
  return { size: sizes.reduce((sum, size) => sum + size, 0), sha256: hash.digest('hex'), open };
}

function newlines(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) count++;
  return count;
}
