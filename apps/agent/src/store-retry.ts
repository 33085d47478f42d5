import { Backoff } from '@hybrid/steps';
import { StoreProblem } from '@hybrid/stores';

/** Tries again, with growing pauses, while a store is away: the job's time-out ends it. */
export async function retryAway<T>(attempt: () => Promise<T>, signal: AbortSignal): Promise<T> {
  const backoff = new Backoff();
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof StoreProblem && error.fault === 'away')) throw error;
      await backoff.pause(signal);
    }
  }
}
