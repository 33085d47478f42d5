import { setTimeout as delay } from 'node:timers/promises';

const FIRST_MS = 250;
const LONGEST_MS = 10_000;

/** Pauses that double from 250 ms to 10 s, or as told, each shortened by up to half so that many agents do not return at once. */
export class Backoff {
  #next = FIRST_MS;

  constructor(private readonly longestMs = LONGEST_MS) {}

  /** Waits; throws the signal's reason when it aborts. */
  async pause(signal?: AbortSignal): Promise<void> {
    const ms = this.#next * (0.5 + Math.random() / 2);
    this.#next = Math.min(this.#next * 2, this.longestMs);
    await pause(ms, signal);
  }

  reset(): void {
    this.#next = FIRST_MS;
  }
}

/** Waits `ms`; throws the signal's reason when it aborts. With `ref: false` the process may end meanwhile. */
export async function pause(ms: number, signal?: AbortSignal, { ref = true } = {}): Promise<void> {
  signal?.throwIfAborted();
  try {
    await delay(ms, undefined, { signal, ref });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}
