/** The language's front door: the text of a pipeline file in, a checked definition or every error out. */
import type { FieldError } from '@hybrid/contracts';
import { MAX_STEPS, type Definition } from './definition.js';
import { pipelineSchema } from './definition.schema.js';
import { readDocument } from './document.js';
import { examine, MAX_ERRORS, presentable } from './examine.js';
import { listOf, mapOf } from './normalise/raw.js';
import { shapeCheck } from './shape.js';
import { splice } from './uses/splice.js';

const shapeErrors = shapeCheck(pipelineSchema);

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

function stepsIn(value: unknown): number {
  return listOf(mapOf(value).steps).length;
}
