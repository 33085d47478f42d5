/** Adds the errors of meaning to those of shape, and answers the definition. */
import type { FieldError } from '@hybrid/contracts';
import { checkArtifacts } from './checks/check-artifacts.js';
import { checkGraph } from './checks/check-graph.js';
import { checkMatrix } from './checks/check-matrix.js';
import { checkSteps } from './checks/check-steps.js';
import { checkTexts } from './checks/check-texts.js';
import { checkValues } from './checks/check-values.js';
import type { Draft } from './checks/draft.js';
import { MAX_DEFINITION_BYTES, type Definition } from './definition.js';
import { pathOf, type SourceDocument } from './document.js';
import { graphOf } from './graph.js';
import { normalise } from './normalise/normalise.js';
import type { Spliced } from './uses/splice.js';

/** Errors that are shown; whoever has more starts with these. Bounds the time too: wording an error is not free. */
export const MAX_ERRORS = 100;

class EnoughErrors extends Error {
  override readonly name = 'EnoughErrors';
}

/** `existing`: steps that come before those that were written, and have been checked. */
export function examine(
  { value, originOf, templates }: Omit<Spliced, 'errors'>,
  errors: FieldError[],
  existing?: Definition,
): Definition {
  const document: SourceDocument = {
    value,
    positionOf(pointer) {
      const { part, pointer: local } = originOf(pointer);
      return part.document.positionOf(local);
    },
    positionOfKey(pointer) {
      const { part, pointer: local } = originOf(pointer);
      return part.document.positionOfKey(local);
    },
    textOf(pointer) {
      const { part, pointer: local } = originOf(pointer);
      return part.document.textOf(local);
    },
  };
  const sound = (pointer: string): boolean => {
    const { part, pointer: local } = originOf(pointer);
    const path = pathOf(local);
    return !part.misshapen.some(
      (other) => other === path || other.startsWith(`${path}.`) || other.startsWith(`${path}[`),
    );
  };
  const read = normalise(document, sound);
  const definition = existing
    ? { ...existing, steps: [...existing.steps, ...read.steps.slice(existing.steps.length)] }
    : read;
  const draft: Draft = {
    definition,
    document,
    sound,
    graph: graphOf(definition.steps),
    templates,
    report(pointer, message) {
      const { part, pointer: local } = originOf(pointer);
      const place = part.document.positionOf(local);
      errors.push({ path: pathOf(local), message, ...(part.file && { file: part.file }), ...place });
      if (errors.length > MAX_ERRORS) throw new EnoughErrors();
    },
  };
  try {
    for (const check of [
      checkValues,
      checkMatrix,
      checkSteps,
      checkGraph,
      checkTexts,
      checkArtifacts,
      checkSize,
    ]) {
      check(draft);
    }
  } catch (error) {
    if (!(error instanceof EnoughErrors)) throw error;
  }
  return definition;
}

function checkSize({ definition, report }: Draft): void {
  const bytes = Buffer.byteLength(JSON.stringify(definition));
  if (bytes > MAX_DEFINITION_BYTES) {
    report(
      '',
      `the definition has ${bytes} bytes once aliases are expanded, more than ${MAX_DEFINITION_BYTES}; split it`,
    );
  }
}

/** In the order of the text, the pipeline's own before those of its templates; each once. */
export function presentable(errors: FieldError[]): FieldError[] {
  const unique = new Map(errors.map((error) => [JSON.stringify(error), error]));
  const sorted = [...unique.values()].toSorted(
    (a, b) =>
      (a.file ?? '').localeCompare(b.file ?? '') ||
      (a.line ?? 0) - (b.line ?? 0) ||
      (a.column ?? 0) - (b.column ?? 0),
  );
  if (sorted.length <= MAX_ERRORS) return sorted;
  const { line, column } = sorted[MAX_ERRORS - 1]!;
  return [
    ...sorted.slice(0, MAX_ERRORS),
    { path: '', message: `there are more errors; only ${MAX_ERRORS} are shown`, line, column },
  ];
}
