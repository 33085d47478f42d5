import { setTimeout as pause } from 'node:timers/promises';
import { UnreachableError } from './errors.js';

/** The control plane restarts within seconds; after this long somebody should look. */
const GIVE_UP_MS = 5 * 60_000;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5_000;

export interface Patience {
  /** Call with each failure: returns after a pause, or throws the failure when waiting makes no sense. */
  bear(error: unknown): Promise<void>;
  /** Call with each success. */
  recovered(): void;
}

/** Bears with a control plane that is away for a while; `say` hears once when it goes and once when it is back. */
export function patience(say: (text: string) => void, signal: AbortSignal): Patience {
  let awaySince: number | undefined;
  let next = FIRST_PAUSE_MS;
  return {
    async bear(error) {
      signal.throwIfAborted();
      if (!(error instanceof UnreachableError)) throw error;
      if (awaySince === undefined) {
        awaySince = performance.now();
        say(`connection lost, trying again: ${error.message}`);
      } else if (performance.now() - awaySince > GIVE_UP_MS) {
        throw error;
      }
      await pause(next, undefined, { signal });
      next = Math.min(next * 2, LONGEST_PAUSE_MS);
    },
    recovered() {
      if (awaySince !== undefined) say('connected again');
      awaySince = undefined;
      next = FIRST_PAUSE_MS;
    },
  };
}
