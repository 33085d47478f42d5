/** Makes a definition out of a document: defaults filled in, durations in seconds, scalars as texts. */
import type { Definition, RunConcurrency } from '../definition.js';
import type { SourceDocument } from '../document.js';
import { listOf, mapOf, present, scalarsOf, secondsOf, textOf } from './raw.js';
import { stepOf } from './step.js';
import { inputsOf, triggersOf } from './triggers.js';

/**
 * Reads what has the right shape and leaves the rest out, so that the checks which follow can run beside the errors of
 * shape. `sound` tells whether the value at a pointer, with all in it, has the right shape.
 */
export function normalise(document: SourceDocument, sound: (pointer: string) => boolean): Definition {
  const root = mapOf(document.value);
  const defaults = mapOf(root.defaults);
  return present<Definition>({
    name: textOf(root.name) ?? '',
    env: {
      ...scalarsOf(document, defaults.env, '/defaults/env'),
      ...scalarsOf(document, root.env, '/env'),
    },
    inputs: sound('/on') ? inputsOf(mapOf(mapOf(root.on).manual).inputs) : {},
    triggers: sound('/on') ? triggersOf(root.on) : undefined,
    timeout_seconds: secondsOf(root.timeout),
    concurrency: concurrencyOf(root.concurrency),
    steps: listOf(root.steps).map((_, index) => stepOf(document, index, defaults, sound)),
  });
}

function concurrencyOf(value: unknown): RunConcurrency | undefined {
  if (value === undefined) return undefined;
  const { group, cancel_in_progress } = mapOf(value);
  return {
    group: textOf(value) ?? textOf(group) ?? '',
    cancel_in_progress: cancel_in_progress === true,
  };
}
