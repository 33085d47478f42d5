import { randomUUID } from 'node:crypto';
import type { StartRun } from '@hybrid/contracts';
import type { CommandContext } from './context.js';
import { RefusedError, UsageError } from './errors.js';
import { readRepository, type Snapshot } from './git-repository.js';
import { PIPELINE_FILE, pipelineName, readDefinition, type Definition } from './pipeline-definition.js';
import { reportFieldErrors } from './report.js';
import { watchToTheEnd } from './watch.command.js';

export interface StartRunOptions {
  repo: string;
  ref?: string;
  file?: string;
  defaultFile?: string;
  pipeline?: string;
  input: Record<string, string>;
  watch: boolean;
}

export async function startRun(context: CommandContext, options: StartRunOptions): Promise<void> {
  const { api, out } = context;
  const snapshot = await readRepository(options.repo, options.ref, PIPELINE_FILE);
  if (snapshot.dirty) {
    out.note(`warning: ${snapshot.repository} has uncommitted changes, which the run does not see`);
  }
  const pipeline =
    options.pipeline ?? (await storeDefinition(context, await definitionFor(context, snapshot, options)));
  const { repository, commit, ref } = snapshot;
  const body: StartRun = {
    source: { repository, commit, ...(ref !== undefined && { ref }) },
    ...(Object.keys(options.input).length > 0 && { inputs: options.input }),
  };
  const run = await api.startRun(pipeline, body, randomUUID());
  if (options.watch) return watchToTheEnd(context, run.id);
  if (out.format === 'json') out.json(run);
  else out.line(`run ${run.id} started; watch it with: hybrid run watch ${run.id}`);
}

async function definitionFor(
  { out }: CommandContext,
  snapshot: Snapshot,
  options: StartRunOptions,
): Promise<Definition> {
  const definition = await readDefinition(snapshot, options);
  if (options.file === undefined && snapshot.file === undefined) {
    out.note(`${snapshot.repository} has no ${PIPELINE_FILE}: using ${definition.file}`);
  }
  return definition;
}

async function storeDefinition(
  { api, out }: CommandContext,
  definition: { text: string; file: string },
): Promise<string> {
  const name = pipelineName(definition.text);
  if (name === undefined) {
    const { errors } = await api.validatePipeline(definition.text);
    reportFieldErrors(out, definition.file, errors);
    throw new UsageError(
      `${definition.file} names no pipeline: it needs a line \`name: …\` at the left margin`,
    );
  }
  try {
    return (await api.putPipeline(name, definition.text)).id;
  } catch (error) {
    // With their place in the file they are worth more than in the text of the refusal.
    if (error instanceof RefusedError) reportFieldErrors(out, definition.file, error.errors.splice(0));
    throw error;
  }
}

/** Collects `--input name=value`. The server turns the text into the type that the pipeline declares. */
export function collectInput(text: string, inputs: Record<string, string> = {}): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new UsageError(`--input "${text}" is not of the form name=value`);
  return { ...inputs, [text.slice(0, at)]: text.slice(at + 1) };
}
