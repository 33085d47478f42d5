import { setImmediate as others } from 'node:timers/promises';

/** So long nobody else gets a word in: claims are to be answered meanwhile, within milliseconds. */
const SLICE_MS = 4;

/** Goes through all steps, and leaves room for others after a few milliseconds of work. */
export async function inSlices(steps: Iterable<void>): Promise<void> {
  let due = performance.now() + SLICE_MS;
  for (const _ of steps) {
    if (performance.now() < due) continue;
    await others();
    due = performance.now() + SLICE_MS;
  }
}
