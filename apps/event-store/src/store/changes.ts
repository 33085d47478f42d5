/** Wakes the subscriptions that wait for new events, of one stream or of any. */
const ALL = Symbol('all streams');

export class Changes {
  private readonly waiting = new Map<string | typeof ALL, Set<() => void>>();

  /** Wakes who waits for one of these streams, and who waits for all. */
  announce(streams: Iterable<string>): void {
    for (const stream of streams) this.wake(stream);
    this.wake(ALL);
  }

  /** Resolves at the next change of `stream` (of any stream when left out), or when `signal` aborts. */
  next(stream: string | undefined, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    const key = stream ?? ALL;
    return new Promise((resolve) => {
      const waiters = this.waiting.get(key) ?? new Set();
      this.waiting.set(key, waiters);
      const done = () => {
        signal.removeEventListener('abort', done);
        waiters.delete(done);
        if (waiters.size === 0 && this.waiting.get(key) === waiters) this.waiting.delete(key);
        resolve();
      };
      waiters.add(done);
      signal.addEventListener('abort', done);
    });
  }

  private wake(key: string | typeof ALL): void {
    for (const done of [...(this.waiting.get(key) ?? [])]) done();
  }
}
