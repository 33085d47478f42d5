/** One attempt of a job: its folders, its time-out, and its result in words that may leave this machine. */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { visibleControls } from './output/control-characters.js';
import type { Masker } from './output/masking.js';
import { pause } from './sandbox/backoff.js';
import { StepProblem, StepStopped, type StepContext, type StepResult } from './step.js';

/** Exit codes of steps that did not end by themselves; 124 is what timeout(1) says. */
const TIMED_OUT = 124;
export const COULD_NOT_RUN = -1;
/** Characters; the contract's limit. */
const MESSAGE_MAX = 4000;

/** New and empty, for this machine's user alone. */
export async function makeAttemptFolders(
  folder: string,
): Promise<Pick<StepContext, 'workspace' | 'scratch'>> {
  const workspace = join(folder, 'workspace');
  const scratch = join(folder, 'scratch');
  await rm(folder, { recursive: true, force: true });
  await mkdir(workspace, { recursive: true, mode: 0o700 });
  await mkdir(scratch, { mode: 0o700 });
  return { workspace, scratch };
}

/** Stops the step after so long; answers how to call that off. */
export function stopAfter(seconds: number, control: AbortController): () => void {
  const over = new AbortController();
  pause(seconds * 1000, over.signal).then(
    () => control.abort(new StepStopped('timed_out', `timed out after ${seconds} s`)),
    () => undefined,
  );
  return () => over.abort();
}

/** Failures of every kind become results; only a StepStopped for another reason than time is thrown. `notify` hears of faults of ours. */
export async function resultOf(
  step: () => Promise<StepResult>,
  signal: AbortSignal,
  notify: (text: string) => void,
): Promise<StepResult> {
  try {
    signal.throwIfAborted();
    return await step();
  } catch (error) {
    const cause: unknown = signal.aborted ? signal.reason : error;
    const timedOut = cause instanceof StepStopped && cause.why === 'timed_out';
    if (cause instanceof StepStopped && !timedOut) throw cause;
    if (!timedOut && !(cause instanceof StepProblem)) notify((cause as Error).message);
    return {
      exitCode: timedOut ? TIMED_OUT : COULD_NOT_RUN,
      errorMessage: (cause as Error).message,
      outputs: {},
      artifacts: [],
    };
  }
}

/** A text of ours in lines without secrets and without what a terminal would obey. */
export function maskedLines(text: string, masker: Masker): string[] {
  const lines = masker.mask(text).split(/\r\n|\n|\r/);
  return lines.map((line) => masker.mask(visibleControls(line)));
}

export function maskedResult(result: StepResult, masker: Masker): StepResult {
  const { errorMessage, outputs } = result;
  const masked = Object.entries(outputs).map(([name, value]) => [masker.mask(name), masker.mask(value)]);
  return {
    ...result,
    ...(errorMessage && { errorMessage: maskedLines(errorMessage, masker).join('\n').slice(0, MESSAGE_MAX) }),
    outputs: Object.fromEntries(masked) as Record<string, string>,
  };
}
