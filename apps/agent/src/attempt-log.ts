/**
 * The log of one attempt on its way to the gateway: numbered lines, in batches of one file each, which is removed when
 * the gateway has accepted it. What is in the files outlives the process; memory holds one open batch.
 */
import type { LogLine } from '@hybrid/contracts';
import { open, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { Bell } from './bell.js';
import type { Notify } from './notices.js';
import type { SpoolRoom } from './spool-room.js';

/**
 * Milliseconds from one batch to the next that is not full. The first line of a quiet log does not wait: what a person
 * watching feels as at once; a busy log costs ten requests a second.
 */
const INTERVAL_MS = 100;
/** Bytes of NDJSON in a batch; a quarter of NATS' payload limit. */
export const BATCH_MAX = 256 * 1024;
/** Bytes that the disk has not taken yet (it is slow, or full); past that whoever reads the output waits. */
const UNWRITTEN_MAX = 8 * 1024 * 1024;

export interface Batch {
  /** Name of its file; names sort in the order of the lines. */
  file: string;
  size: number;
  /** The lines, until they are in the file. */
  bytes: Buffer | null;
  /** Resolves when the file is written, or could not be. */
  written: Promise<void>;
}

export class AttemptLog {
  #lines: string[] = [];
  /** Bytes of these lines. */
  #open = 0;
  #seq = 0;
  #sealed = -Infinity;
  #kept = 0;
  #batches: Batch[];
  #number: number;
  #unwritten = 0;
  #closed = false;
  #dropped = false;
  /** Lines that were left out since the log is as long as one may be; null while it is not. */
  #leftOut: number | null = null;
  #failing = false;
  #writing: Promise<void> = Promise.resolve();
  readonly #changed = new Bell();

  constructor(
    private readonly folder: string,
    private readonly spool: SpoolRoom,
    private readonly notify: Notify,
    /** Of an earlier life of the agent, in order; their log gets no more lines. */
    left?: { file: string; size: number }[],
  ) {
    this.#batches = (left ?? []).map((batch) => ({ ...batch, bytes: null, written: Promise.resolve() }));
    this.#number = this.#batches.length;
    this.#closed = left !== undefined;
    for (const { size } of this.#batches) this.#take(size);
  }

  add(stream: LogLine['stream'], text: string): void {
    if (this.#closed) return;
    if (this.#leftOut !== null) return void this.#leftOut++;
    const line = lineOf(this.#seq++, stream, text);
    const size = Buffer.byteLength(line);
    if (this.#open + size > BATCH_MAX) this.#seal();
    if (this.#open === 0) this.#changed.ring();
    this.#lines.push(line);
    this.#open += size;
  }

  /** The control plane takes no more of it: from now on lines are counted alone. */
  cut(): void {
    this.#leftOut ??= 0;
  }

  /** Lines that came after `cut`. */
  get leftOut(): number {
    return this.#leftOut ?? 0;
  }

  /** Resolves when there is room for more, or when the signal aborts. */
  async room(signal: AbortSignal): Promise<void> {
    while (this.#unwritten > UNWRITTEN_MAX && !this.#dropped && !signal.aborted)
      await this.#changed.wait({ signal });
    if (!this.#dropped) await this.spool.wait(() => (this.#dropped ? 0 : this.#kept), signal);
  }

  /** The oldest batch that is not accepted yet; nothing when the log is closed and empty, or the signal aborts. */
  async next(signal: AbortSignal): Promise<Batch | undefined> {
    while (this.#batches.length === 0 && !signal.aborted) {
      const ms = this.#sealed + INTERVAL_MS - performance.now();
      if (this.#open > 0 && (this.#closed || ms <= 0)) {
        // What else the same piece of output holds goes with it.
        await setImmediate();
        this.#seal();
      } else if (this.#closed) return undefined;
      else await this.#changed.wait({ signal, ms: this.#open > 0 ? ms : undefined });
    }
    return signal.aborted ? undefined : this.#batches[0];
  }

  /** NDJSON. A line that a crash has torn, which can only be the last, is left out; so is what cannot be read again. */
  async bytesOf(batch: Batch): Promise<Buffer> {
    try {
      const bytes = batch.bytes ?? (await readFile(join(this.folder, batch.file)));
      return bytes.subarray(0, bytes.lastIndexOf('\n') + 1);
    } catch (error) {
      if (!this.#dropped) this.notify(`log lines are lost: ${(error as Error).message}`);
      return Buffer.alloc(0);
    }
  }

  /** Forgets the oldest batch: the gateway has it, or will never take it. */
  async forget(batch: Batch): Promise<void> {
    if (this.#batches[0] !== batch) return;
    this.#batches.shift();
    await batch.written;
    if (batch.bytes) this.#unwritten -= batch.size;
    await rm(join(this.folder, batch.file), { force: true });
    this.#give(batch.size);
    this.#changed.ring();
  }

  /** No more lines come. */
  close(): void {
    this.#closed = true;
    this.#seal();
    this.#changed.ring();
  }

  /** Resolves when every line that is not accepted yet would survive a loss of power. */
  async persist(): Promise<void> {
    await this.#writing;
    for (const { file, bytes } of [...this.#batches]) if (!bytes) await syncFile(join(this.folder, file));
  }

  /** Nothing of it is wanted any more: nobody waits for room. */
  drop(): void {
    this.#closed = this.#dropped = true;
    this.#lines = [];
    this.#open = 0;
    for (const { size } of this.#batches.splice(0)) this.#give(size);
    this.#changed.ring();
  }

  #seal(): void {
    if (this.#open === 0) return;
    const batch: Batch = {
      file: `${String(this.#number++).padStart(9, '0')}.ndjson`,
      size: this.#open,
      bytes: Buffer.from(this.#lines.join('')),
      written: Promise.resolve(),
    };
    this.#lines = [];
    this.#open = 0;
    this.#sealed = performance.now();
    this.#unwritten += batch.size;
    this.#take(batch.size);
    batch.written = this.#writing = this.#writing.then(() => this.#write(batch));
    this.#batches.push(batch);
    this.#changed.ring();
  }

  #take(bytes: number): void {
    this.#kept += bytes;
    this.spool.take(bytes);
  }

  #give(bytes: number): void {
    this.#kept -= bytes;
    this.spool.give(bytes);
  }

  async #write(batch: Batch): Promise<void> {
    if (!batch.bytes || this.#dropped) return;
    try {
      await writeFile(join(this.folder, batch.file), batch.bytes, { mode: 0o600 });
      batch.bytes = null;
      this.#unwritten -= batch.size;
      this.#changed.ring();
    } catch (error) {
      if (this.#dropped || this.#failing) return;
      this.#failing = true;
      this.notify(
        `log lines cannot be kept in ${this.folder} (${(error as Error).message}): they stay in memory until they are sent; make room on that disk`,
      );
    }
  }
}

/** JSON of a LogLine, as a line: at a hundred thousand a second its parts count. */
function lineOf(seq: number, stream: LogLine['stream'], text: string): string {
  return `{"seq":${seq},"time":"${isoNow()}","stream":"${stream}","text":${JSON.stringify(text)}}\n`;
}

let iso = { ms: 0, text: '' };

function isoNow(): string {
  const ms = Date.now();
  if (ms !== iso.ms) iso = { ms, text: new Date(ms).toISOString() };
  return iso.text;
}

async function syncFile(path: string): Promise<void> {
  try {
    const file = await open(path, 'r+');
    await file.datasync().finally(() => file.close());
  } catch (error) {
    // Accepted and removed meanwhile.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
