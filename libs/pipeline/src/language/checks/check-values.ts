/** Checks of single values that a JSON Schema cannot express. */
import {
  MAX_BACKOFF_SECONDS,
  MAX_INSTANCES,
  MAX_MATRIX,
  MAX_TIMEOUT_SECONDS,
  type StepDefinition,
} from '../definition.js';
import { child } from '../document.js';
import type { Draft } from './draft.js';
import { durationSeconds } from '../duration.js';
import { instancesOf, matrixSize } from '../expand.js';
import { isOfType } from '../inputs.js';
import { listOf, mapOf } from '../normalise.js';

/** Ids are shown in lists and travel in messages. */
const MAX_ID = 200;

export function checkValues(draft: Draft): void {
  const { definition, document, report, sound } = draft;
  const root = mapOf(document.value);
  checkDurations(draft, mapOf(root.defaults), '/defaults');
  listOf(root.steps).forEach((value, index) => {
    const step = mapOf(value);
    checkDurations(draft, step, `/steps/${index}`);
    checkDuration(
      draft,
      mapOf(step.config).timeout,
      `/steps/${index}/config/timeout`,
      1,
      MAX_TIMEOUT_SECONDS,
    );
  });

  for (const [name, input] of Object.entries(definition.inputs)) {
    const pointer = child('/on/manual/inputs', name);
    if (input.default !== undefined && !isOfType(input.default, input.type)) {
      report(`${pointer}/default`, `the default of a ${input.type} must be a ${input.type}`);
    }
  }

  let instances = 0;
  definition.steps.forEach((step, index) => {
    if (sound(`/steps/${index}/matrix`)) checkMatrix(draft, step, `/steps/${index}/matrix`);
    instances += matrixSize(step);
  });
  if (instances > MAX_INSTANCES) {
    report(
      '/steps',
      `the run would have ${instances} steps with those of the matrices, more than ${MAX_INSTANCES}`,
    );
  }
}

function checkDurations(draft: Draft, owner: Record<string, unknown>, pointer: string): void {
  checkDuration(draft, owner.timeout, `${pointer}/timeout`, 1, MAX_TIMEOUT_SECONDS);
  checkDuration(draft, mapOf(owner.retry).backoff, `${pointer}/retry/backoff`, 0, MAX_BACKOFF_SECONDS);
}

function checkDuration(
  { report, sound }: Draft,
  value: unknown,
  pointer: string,
  min: number,
  max: number,
): void {
  if ((typeof value !== 'string' && typeof value !== 'number') || !sound(pointer)) return;
  const seconds = durationSeconds(value);
  if (seconds === undefined || seconds < min || seconds > max) {
    report(pointer, `must be between ${min} and ${max} seconds, not \`${value}\``);
  }
}

function checkMatrix({ report }: Draft, step: StepDefinition, pointer: string): void {
  const size = matrixSize(step);
  if (size > MAX_MATRIX)
    return report(pointer, `the matrix has ${size} combinations, more than ${MAX_MATRIX}`);
  for (const [key, values] of Object.entries(step.matrix)) {
    values.forEach((value, index) => {
      const at = `${child(pointer, key)}/${index}`;
      if (values.indexOf(value) !== index) report(at, `\`${value}\` is there twice`);
      // The values are part of the step's id: test[node=20,os=linux].
      if (!/^[^,[\]{}\p{Cc}]+$/u.test(value))
        report(at, 'a value of a matrix must not be empty or hold , [ ] { } or line breaks');
    });
  }
  if (instancesOf(step, 0).some(({ id }) => id.length > MAX_ID)) {
    report(pointer, `name and values together must have at most ${MAX_ID} characters`);
  }
}
