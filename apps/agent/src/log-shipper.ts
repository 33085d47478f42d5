/** Sends the log of one attempt to the gateway: in order, in batches, again until accepted. */
import type { LogLine } from '@hybrid/contracts';
import { pause } from './backoff.js';

/** Milliseconds between two batches: what a person watching feels as at once. */
const INTERVAL_MS = 100;
/** Bytes of NDJSON in a batch; a quarter of NATS' payload limit. */
const BATCH_MAX = 256 * 1024;
/** Bytes kept while the gateway is away; past that whoever reads the output waits. */
const BUFFER_MAX = 8 * 1024 * 1024;

/** Sends one batch until it is accepted; throws when it never will be. */
export type SendBatch = (ndjson: string) => Promise<void>;

export class LogShipper {
  #lines: Buffer[] = [];
  #buffered = 0;
  #seq = 0;
  #ended = false;
  #sending: Promise<void> | null = null;
  #waiting: (() => void)[] = [];

  constructor(
    private readonly send: SendBatch,
    private readonly bufferMax = BUFFER_MAX,
  ) {}

  add(stream: LogLine['stream'], text: string): void {
    if (this.#ended) return;
    const line: LogLine = { seq: this.#seq++, time: new Date().toISOString(), stream, text };
    const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
    this.#lines.push(bytes);
    this.#buffered += bytes.length;
    this.#sending ??= this.#sendAll();
  }

  /** Resolves when less than the buffer's limit waits to be sent. */
  async room(): Promise<void> {
    while (this.#buffered > this.bufferMax && !this.#ended) {
      await new Promise<void>((wake) => this.#waiting.push(wake));
    }
  }

  /** Resolves when every line is accepted, or sending was ended. */
  async flush(): Promise<void> {
    while (this.#sending) await this.#sending;
  }

  /** Drops what is left and every line to come. */
  end(): void {
    this.#ended = true;
    this.#lines = [];
    this.#buffered = 0;
    this.#wake();
  }

  async #sendAll(): Promise<void> {
    try {
      while (this.#lines.length > 0) {
        if (this.#buffered < BATCH_MAX) await pause(INTERVAL_MS);
        const batch = this.#nextBatch();
        if (batch.length === 0) break;
        await this.send(Buffer.concat(batch).toString('utf8'));
        if (this.#ended) break;
        this.#lines.splice(0, batch.length);
        for (const line of batch) this.#buffered -= line.length;
        this.#wake();
      }
    } catch {
      // Whoever sends has said why; the log ends here.
      this.end();
    } finally {
      this.#sending = null;
    }
  }

  #nextBatch(): Buffer[] {
    let bytes = 0;
    let count = 0;
    for (const line of this.#lines) {
      bytes += line.length;
      if (count > 0 && bytes > BATCH_MAX) break;
      count++;
    }
    return this.#lines.slice(0, count);
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
