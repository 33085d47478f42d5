/** The language's front door: the text of a pipeline file in, a checked definition or every error out. */
import type { FieldError } from '@hybrid/contracts';
import { checkArtifacts } from './checks/check-artifacts.js';
import { checkGraph } from './checks/check-graph.js';
import { checkMatrix } from './checks/check-matrix.js';
import { checkSteps } from './checks/check-steps.js';
import { checkTexts } from './checks/check-texts.js';
import { checkValues } from './checks/check-values.js';
import { MAX_DEFINITION_BYTES, MAX_STEPS, type Definition } from './definition.js';
import { pathOf, readDocument, type SourceDocument } from './document.js';
import type { Draft } from './checks/draft.js';
import { graphOf } from './graph.js';
import { normalise } from './normalise/normalise.js';
import { listOf, mapOf } from './normalise/raw.js';
import { shapeErrors } from './shape.js';

/** Errors that are shown; whoever has more starts with these. Bounds the time too: wording an error is not free. */
const MAX_ERRORS = 100;

class EnoughErrors extends Error {
  override readonly name = 'EnoughErrors';
}

/**
 * Checks a pipeline file. Answers the definition, or all errors in the order of the text (at most 100), each with
 * path, line and column counted from 1. Never throws; takes less than a second whatever the text is.
 */
export function readPipeline(text: string): { definition: Definition } | { errors: FieldError[] } {
  const { document, errors } = readDocument(text);
  if (!document) return { errors };
  errors.push(...shapeErrors(document, MAX_ERRORS + 1));
  let definition: Definition | undefined;
  if (errors.length <= MAX_ERRORS && listOf(mapOf(document.value).steps).length <= MAX_STEPS) {
    definition = check(document, errors);
  }
  if (errors.length === 0 && definition) return { definition };
  return { errors: presentable(errors) };
}

/** Adds the errors of meaning to those of shape. */
function check(document: SourceDocument, errors: FieldError[]): Definition {
  const misshapen = errors.map(({ path }) => path);
  const sound = (pointer: string): boolean => {
    const path = pathOf(pointer);
    return !misshapen.some(
      (other) => other === path || other.startsWith(`${path}.`) || other.startsWith(`${path}[`),
    );
  };
  const definition = normalise(document, sound);
  const draft: Draft = {
    definition,
    document,
    sound,
    graph: graphOf(definition.steps),
    templates: new Map(),
    report(pointer, message) {
      errors.push({ path: pathOf(pointer), message, ...document.positionOf(pointer) });
      if (errors.length > MAX_ERRORS) throw new EnoughErrors();
    },
  };
  try {
    for (const examine of [
      checkValues,
      checkMatrix,
      checkSteps,
      checkGraph,
      checkTexts,
      checkArtifacts,
      checkSize,
    ])
      examine(draft);
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

function presentable(errors: FieldError[]): FieldError[] {
  const sorted = errors.toSorted(
    (a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0),
  );
  if (sorted.length <= MAX_ERRORS) return sorted;
  const { line, column } = sorted[MAX_ERRORS - 1]!;
  return [
    ...sorted.slice(0, MAX_ERRORS),
    { path: '', message: `there are more errors; only ${MAX_ERRORS} are shown`, line, column },
  ];
}
