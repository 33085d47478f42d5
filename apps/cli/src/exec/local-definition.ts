/** The definition that a local run follows: what the file says, but for what only a control plane can do. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readPipeline, type Definition } from '@hybrid/pipeline';
import { CommandError, UsageError } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import { git } from '../git-repository.js';
import type { Output } from '../output.js';
import { PIPELINE_FILE } from '../pipeline-definition.js';
import { reportDefinitionErrors } from '../text/definition-errors.js';
import type { Place } from './working-tree.js';

export interface LocalDefinitionOptions {
  file?: string;
  /** Of HEAD, where the user named no file. */
  clean?: boolean;
  step: string[];
  env: Record<string, string>;
}

export async function readLocalDefinition(
  out: Output,
  place: Place,
  options: LocalDefinitionOptions,
): Promise<Definition> {
  const { file, text } = await readText(place, options);
  const read = readPipeline(text);
  if ('errors' in read) {
    reportDefinitionErrors(out, { file, text }, read.errors);
    throw new CommandError(`${file} is no pipeline that can be run`, EXIT.failed);
  }
  // Other runs, which the concurrency of runs is about, are not known here.
  const { concurrency: _, ...definition } = read.definition;
  return {
    ...definition,
    env: { ...definition.env, ...options.env },
    steps: withTheirNeeds(definition.steps, options.step).map(decidedHere),
  };
}

async function readText(
  place: Place,
  { file, clean }: LocalDefinitionOptions,
): Promise<{ file: string; text: string }> {
  try {
    if (file !== undefined) return { file, text: await readFile(file, 'utf8') };
    if (clean) return { file: PIPELINE_FILE, text: await git(place.top, ['show', `HEAD:${PIPELINE_FILE}`]) };
    return { file: PIPELINE_FILE, text: await readFile(join(place.top, PIPELINE_FILE), 'utf8') };
  } catch (cause) {
    if (file !== undefined)
      throw new UsageError(`${file} (--file) cannot be read: ${(cause as Error).message}`, { cause });
    throw new CommandError(
      `${place.top} has no ${PIPELINE_FILE}${clean ? ' at HEAD' : ''}: \`hybrid init\` writes one, --file names another`,
      EXIT.failed,
      { cause },
    );
  }
}

/** A gate asks the person at the terminal, whoever else it names. */
function decidedHere(step: Definition['steps'][number]): Definition['steps'][number] {
  if (step.type !== 'step.gate' || step.config.type !== 'manual') return step;
  return { ...step, config: { ...step.config, approvers: [], required: 1 } };
}

/** The named steps and all that they need. */
function withTheirNeeds(steps: Definition['steps'], names: string[]): Definition['steps'] {
  if (names.length === 0) return steps;
  const byName = new Map(steps.map((step) => [step.name, step]));
  const wanted = new Set<string>();
  const want = (name: string): void => {
    if (wanted.has(name)) return;
    wanted.add(name);
    byName.get(name)?.needs.forEach(want);
  };
  for (const name of names) {
    if (!byName.has(name))
      throw new UsageError(
        `the pipeline has no step "${name}" (--step); it has ${[...byName.keys()].join(', ')}`,
      );
    want(name);
  }
  return steps.filter(({ name }) => wanted.has(name));
}

/** As the pipeline declares them: the command line knows only texts. What does not fit is left for the check of the inputs. */
export function typedInputs(
  declared: Definition['inputs'],
  given: Record<string, string>,
): Record<string, unknown> {
  const typed = (name: string, text: string): unknown => {
    switch (Object.hasOwn(declared, name) ? declared[name]?.type : undefined) {
      case 'number':
        return text.trim() === '' || Number.isNaN(Number(text)) ? text : Number(text);
      case 'boolean':
        return text === 'true' ? true : text === 'false' ? false : text;
      default:
        return text;
    }
  };
  return Object.fromEntries(Object.entries(given).map(([name, text]) => [name, typed(name, text)]));
}
