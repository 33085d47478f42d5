/** The language's front door: the text of a pipeline file in, a checked definition or every error out. */
import type { FieldError } from '@hybrid/contracts';
import { MAX_STEPS, type Definition, type StepDefinition } from './definition.js';
import { readDocument, type SourceDocument } from './document.js';
import { examine, MAX_ERRORS, presentable } from './examine.js';
import { listOf, mapOf } from './normalise/raw.js';
import { shapeErrors } from './shape.js';
import { splice, type Part } from './uses/splice.js';

/**
 * Checks a pipeline file. `files` holds the texts of what it names with `uses: ./path`, and of what those name in turn,
 * by their paths from the repository's root. Answers the definition, or all errors in the order of the text (at most
 * 100), each with path, line and column counted from 1, and `file` where it is not the pipeline's own. Never throws;
 * takes less than a second whatever the text is.
 */
export function readPipeline(
  text: string,
  files: Record<string, string> = {},
): { definition: Definition } | { errors: FieldError[] } {
  const { document, errors } = readDocument(text);
  if (!document) return { errors };
  errors.push(...shapeErrors(document, MAX_ERRORS + 1));
  let definition: Definition | undefined;
  if (errors.length <= MAX_ERRORS && stepsIn(document.value) <= MAX_STEPS) {
    const spliced = splice({ document, misshapen: errors.map(({ path }) => path) }, files);
    errors.push(...spliced.errors);
    if (errors.length <= MAX_ERRORS && stepsIn(spliced.value) <= MAX_STEPS) {
      definition = examine(spliced, errors);
    }
  }
  if (errors.length === 0 && definition) return { definition };
  return { errors: presentable(errors) };
}

/**
 * Checks steps that a dynamic step appends to its run: a YAML list of steps, or `{steps: […]}`. They may need the
 * steps that are there and each other; their names must be new, and the bounds of a run hold for all steps together.
 */
export function readAppendedSteps(
  text: string,
  existing: Definition,
): { steps: StepDefinition[] } | { errors: FieldError[] } {
  const { document: written, errors } = readDocument(text);
  if (!written) return { errors };
  const document = Array.isArray(written.value) ? inSteps(written) : written;
  errors.push(...shapeErrors(document, MAX_ERRORS + 1, 'appended'));
  const count = existing.steps.length + stepsIn(document.value);
  if (count > MAX_STEPS) {
    const message = `the run would have ${count} steps, more than ${MAX_STEPS}`;
    return { errors: presentable([...errors, { path: '', message, line: 1, column: 1 }]) };
  }
  if (errors.length > MAX_ERRORS) return { errors: presentable(errors) };
  const part: Part = { document, misshapen: errors.map(({ path }) => path) };
  const before: Part = { document, misshapen: [] };
  listOf(mapOf(document.value).steps).forEach((step, index) => {
    const { uses } = mapOf(step);
    if (typeof uses !== 'string' || !uses.startsWith('./')) return;
    const message = 'steps that a step appends cannot use templates; write the steps themselves';
    errors.push({ path: `steps[${index}].uses`, message, ...document.positionOf(`/steps/${index}/uses`) });
  });
  const none = existing.steps.map(() => ({}));
  const definition = examine(
    {
      value: { steps: [...none, ...listOf(mapOf(document.value).steps)] },
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

function stepsIn(value: unknown): number {
  return listOf(mapOf(value).steps).length;
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
