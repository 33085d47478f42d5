/** Steps that a step of a run appends to it, checked as the pipeline's own are. */
import type { FieldError } from '@hybrid/contracts';
import { MAX_STEPS, type Definition, type StepDefinition } from './definition.js';
import { appendedSchema } from './definition.schema.js';
import { readDocument, type SourceDocument } from './document.js';
import { examine, MAX_ERRORS, presentable } from './examine.js';
import { listOf, mapOf } from './normalise/raw.js';
import { shapeCheck } from './shape.js';
import type { Part } from './uses/splice.js';

const shapeErrors = shapeCheck(appendedSchema);

/**
 * Checks steps that a dynamic step appends to its run: a YAML list of steps, or `{steps: […]}`; there may be none. They
 * may need the steps that are there and each other; their names must be new, and the bounds of a run hold for all steps
 * together. Answers them, or all errors, with line and column.
 */
export function readAppendedSteps(
  text: string,
  existing: Definition,
): { steps: StepDefinition[] } | { errors: FieldError[] } {
  if (text.trim() === '') return { steps: [] };
  const { document: written, errors } = readDocument(text);
  if (!written) return { errors };
  const document = Array.isArray(written.value) ? inSteps(written) : written;
  errors.push(...shapeErrors(document, MAX_ERRORS + 1));
  const added = listOf(mapOf(document.value).steps);
  const count = existing.steps.length + added.length;
  if (count > MAX_STEPS) {
    const message = `the run would have ${count} steps, more than ${MAX_STEPS}`;
    return { errors: presentable([...errors, { path: '', message, line: 1, column: 1 }]) };
  }
  if (errors.length > MAX_ERRORS) return { errors: presentable(errors) };
  const part: Part = { document, misshapen: errors.map(({ path }) => path) };
  const before: Part = { document, misshapen: [] };
  added.forEach((step, index) => {
    const { uses } = mapOf(step);
    if (typeof uses !== 'string' || !uses.startsWith('./')) return;
    const message = 'steps that a step appends cannot use templates; write the steps themselves';
    errors.push({ path: `steps[${index}].uses`, message, ...document.positionOf(`/steps/${index}/uses`) });
  });
  const none = existing.steps.map(() => ({}));
  const definition = examine(
    {
      value: { steps: [...none, ...added] },
      templates: new Map(),
      originOf(pointer) {
        const [, index, rest = ''] = /^\/steps\/(\d+)(\/.*)?$/s.exec(pointer) ?? [];
        const own = Number(index ?? -1) - none.length;
        return own < 0 ? { part: before, pointer: '' } : { part, pointer: `/steps/${own}${rest}` };
      },
    },
    errors,
    existing,
  );
  if (errors.length > 0) return { errors: presentable(errors) };
  return { steps: definition.steps.slice(existing.steps.length) };
}

/** A list of steps as a map that holds it. */
function inSteps(list: SourceDocument): SourceDocument {
  const inner = (pointer: string): string => pointer.replace(/^\/steps/, '');
  return {
    value: { steps: list.value },
    positionOf: (pointer) => list.positionOf(inner(pointer)),
    positionOfKey: (pointer) => list.positionOfKey(inner(pointer)),
    textOf: (pointer) => list.textOf(inner(pointer)),
  };
}
