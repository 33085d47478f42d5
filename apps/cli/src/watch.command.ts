import type { RunView } from '@hybrid/contracts';
import type { CommandContext } from './context.js';
import { CommandError } from './errors.js';
import { EXIT } from './exit-codes.js';
import { plainAudience } from './watch/plain-audience.js';
import { watchRun, type RunAudience } from './watch/run-watcher.js';

/** Watches to the end and sets the exit code by the result; Ctrl-C ends the watching, not the run. */
export async function watchToTheEnd(
  { api, out, logs }: CommandContext,
  runId: string,
  only?: RunAudience,
): Promise<void> {
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort();
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  try {
    const audience = only ?? (out.format === 'json' ? silentAudience(out.note) : plainAudience(out));
    const run = await watchRun(api, logs, runId, audience, interrupted.signal);
    if (out.format === 'json' && !only) out.json(run);
    process.exitCode = exitCodeOf(run);
  } catch (error) {
    if (!interrupted.signal.aborted) throw error;
    throw new CommandError(`the run goes on; come back with: hybrid run watch ${runId}`, EXIT.interrupted, {
      cause: error,
    });
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
}

export function silentAudience(note: (text: string) => void): RunAudience {
  const nothing = () => undefined;
  return {
    begins: nothing,
    runWaits: nothing,
    stepWaits: nothing,
    stepStarted: nothing,
    gateWaits: nothing,
    logLine: nothing,
    stepEnded: nothing,
    ends: nothing,
    note,
  };
}

export function exitCodeOf({ status }: RunView): number {
  switch (status) {
    case 'SUCCEEDED':
    case 'WAITING':
    case 'RUNNING':
      return EXIT.success;
    case 'FAILED':
      return EXIT.failed;
    case 'CANCELLING':
    case 'CANCELLED':
      return EXIT.cancelled;
  }
}
