/** Counts what the logs of all attempts take on disk, and makes whoever writes more than allowed wait. */
import { Bell } from './bell.js';

export class SpoolRoom {
  #used = 0;
  readonly #changed = new Bell();

  constructor(private readonly limitBytes: number) {}

  /** Bytes of log lines that the gateway has not accepted yet. */
  get used(): number {
    return this.#used;
  }

  take(bytes: number): void {
    this.#used += bytes;
  }

  give(bytes: number): void {
    this.#used -= bytes;
    this.#changed.ring();
  }

  /** Resolves when less than the limit is used, or when the signal aborts. */
  async wait(signal: AbortSignal): Promise<void> {
    while (this.#used > this.limitBytes && !signal.aborted) await this.#changed.wait({ signal });
  }
}
