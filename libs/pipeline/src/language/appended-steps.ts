/** Steps that a step of a run appends to it: a YAML list, checked as if it stood at the end of the pipeline. */
import type { FieldError } from '@hybrid/contracts';
import type { Definition, StepDefinition } from './definition.js';
import { readPipeline } from './read-pipeline.js';

const INDENT = 2;

export function readAppendedSteps(
  text: string,
  existing: Definition,
): { steps: StepDefinition[] } | { errors: FieldError[] } {
  const known = existing.steps.map(
    ({ name }) => `  - {name: ${JSON.stringify(name)}, type: step.shell_exec, config: {commands: ["true"]}}`,
  );
  const header = ['name: appended', 'steps:', ...known];
  const lines = text.split('\n').map((line) => ' '.repeat(INDENT) + line);
  const read = readPipeline([...header, ...lines].join('\n'));
  if (!('errors' in read)) return { steps: read.definition.steps.slice(known.length) };
  return {
    errors: read.errors.map(({ line = 1, column = 1, ...error }) => ({
      ...error,
      line: Math.max(1, line - header.length),
      column: Math.max(1, column - INDENT),
    })),
  };
}
