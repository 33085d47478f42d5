/** The definition that a local run follows: what the file says, but for what only a control plane can do. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readPipeline, type Definition } from '@hybrid/pipeline';
import { filesNamedIn } from '../definition-files.js';
import { CommandError, UsageError } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import { git } from '../git-repository.js';
import type { Output } from '../output.js';
import { PIPELINE_FILE, readDefinitionFile } from '../pipeline-definition.js';
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
  const { file, text } = await readDefinition(place, options);
  const files = await filesNamedIn(text, (path) => readText(place, path, options.clean));
  const read = readPipeline(text, files);
  if ('errors' in read) {
    reportDefinitionErrors(out, { file, text, files }, read.errors);
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

async function readDefinition(
  place: Place,
  { file, clean }: LocalDefinitionOptions,
): Promise<{ file: string; text: string }> {
  if (file !== undefined) return readDefinitionFile(file, '--file');
  const text = await readText(place, PIPELINE_FILE, clean);
  if (text !== undefined) return { file: PIPELINE_FILE, text };
  throw new CommandError(
    `${place.top} has no ${PIPELINE_FILE}${clean ? ' at HEAD' : ''}: \`hybrid init\` writes one, --file names another`,
    EXIT.failed,
  );
}

/** Of the working tree, or of HEAD. */
async function readText({ top }: Place, path: string, clean = false): Promise<string | undefined> {
  const text = clean ? git(top, ['show', `HEAD:${path}`]) : readFile(join(top, path), 'utf8');
  return text.catch(() => undefined);
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
