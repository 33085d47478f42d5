/** Work of which there is one piece at a time for each key, in the order in which it came. */
import { problem } from '@hybrid/contracts';

/** Below the callers' five seconds: what waited longer would be done for nobody. */
const PATIENCE_MS = 4_000;

export class Turns {
  /** The last piece of each key that has any; settled when it is done, whatever came of it. */
  private readonly last = new Map<string, Promise<unknown>>();

  constructor(private readonly patienceMs = PATIENCE_MS) {}

  /** @throws ProblemError `organisation_busy` where its turn came too late; what the work throws. */
  take<T>(key: string, work: () => Promise<T>): Promise<T> {
    const end = performance.now() + this.patienceMs;
    const before = this.last.get(key) ?? Promise.resolve();
    const mine = before.then(() => {
      if (performance.now() <= end) return work();
      throw problem('unavailable', 'organisation_busy', `${key} is changed by too many at once; try again`);
    });
    const done: Promise<unknown> = mine
      .catch(() => undefined)
      .then(() => {
        if (this.last.get(key) === done) this.last.delete(key);
      });
    this.last.set(key, done);
    return mine;
  }

  get size(): number {
    return this.last.size;
  }
}
