/**
 * Counts what the logs of all attempts take on disk, and makes whoever writes more than allowed wait. An attempt may
 * take as much as is still free: one that writes without end takes half, and leaves room for the others' lines.
 */
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

  /** Resolves when an attempt that has taken `own()` bytes may take more, or when the signal aborts. */
  async wait(own: () => number, signal: AbortSignal): Promise<void> {
    while (own() > this.limitBytes - this.#used && !signal.aborted) await this.#changed.wait({ signal });
  }
}
