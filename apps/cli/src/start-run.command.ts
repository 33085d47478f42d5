import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { StartRun } from '@hybrid/contracts';
import type { Origin } from './api.js';
import type { CommandContext } from './context.js';
import { RefusedError, UsageError } from './errors.js';
import { readRepository, type Snapshot } from './git-repository.js';
import { originOf } from './origin.js';
import {
  PIPELINE_FILE,
  pipelineName,
  readDefinition,
  readDefinitionFile,
  SIGNATURE_SUFFIX,
  type Definition,
} from './pipeline-definition.js';
import { reportDefinitionErrors, type DefinitionText } from './text/definition-errors.js';
import { typedInputs } from './typed-inputs.js';
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
  const given = options.file === undefined ? undefined : await readDefinitionFile(options.file, '--file');
  const wanted = { file: PIPELINE_FILE, text: given?.text };
  const snapshot = await readRepository(options.repo, options.ref, wanted);
  if (snapshot.dirty) {
    out.note(`warning: ${snapshot.repository} has uncommitted changes, which the run does not see`);
  }
  const definition =
    options.pipeline === undefined ? (given ?? (await definitionFor(context, snapshot, options))) : undefined;
  const { repository, commit, ref } = snapshot;
  const pipeline = definition
    ? await storeDefinition(
        context,
        { ...definition, files: snapshot.files },
        {
          ...(await originOf(repository)),
          ...(await signatureOf(snapshot, given)),
        },
      )
    : options.pipeline!;
  const body: StartRun = {
    source: { repository, commit, ...(ref !== undefined && { ref }) },
    ...(Object.keys(options.input).length > 0 && {
      inputs: await inputsFor(definition?.text, snapshot.files, options.input),
    }),
  };
  const run = await api.startRun(pipeline, body, randomUUID());
  if (options.watch) return watchToTheEnd(context, run.id);
  if (out.format === 'json') out.json(run);
  else out.line(`run ${run.id} started; watch it with: hybrid run watch ${run.id}`);
}

/** Beside the file that is sent, where it is signed. */
async function signatureOf(
  snapshot: Snapshot,
  given: Definition | undefined,
): Promise<{ signature?: string }> {
  const signature = given
    ? await readFile(given.file + SIGNATURE_SUFFIX, 'utf8').catch(() => undefined)
    : snapshot.signature;
  return signature === undefined ? {} : { signature: signature.trim() };
}

async function definitionFor(
  { out }: CommandContext,
  snapshot: Snapshot,
  options: StartRunOptions,
): Promise<Definition> {
  const definition = await readDefinition(snapshot, options.defaultFile);
  if (snapshot.file === undefined) {
    out.note(`${snapshot.repository} has no ${PIPELINE_FILE}: using ${definition.file}`);
  }
  return definition;
}

/** With the types that the definition declares; a stored pipeline's are not known here. */
async function inputsFor(
  text: string | undefined,
  files: Record<string, string>,
  given: Record<string, string>,
): Promise<Record<string, unknown>> {
  if (text === undefined) return given;
  const { readPipeline } = await import('@hybrid/pipeline');
  const read = readPipeline(text, files);
  return 'definition' in read ? typedInputs(read.definition.inputs, given) : given;
}

async function storeDefinition(
  { api, out }: CommandContext,
  definition: DefinitionText,
  origin: Origin,
): Promise<string> {
  const name = pipelineName(definition.text);
  if (name === undefined) {
    const { errors } = await api.validatePipeline(definition.text, definition.files);
    reportDefinitionErrors(out, definition, errors);
    throw new UsageError(
      `${definition.file} names no pipeline: it needs a line \`name: …\` at the left margin`,
    );
  }
  try {
    return (await api.putPipeline(name, definition.text, definition.files, origin)).id;
  } catch (error) {
    // With their place in the file they are worth more than in the text of the refusal.
    if (error instanceof RefusedError) reportDefinitionErrors(out, definition, error.errors.splice(0));
    throw error;
  }
}

/** Collects `--input name=value`. */
export function collectInput(text: string, inputs: Record<string, string> = {}): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new UsageError(`--input "${text}" is not of the form name=value`);
  return { ...inputs, [text.slice(0, at)]: text.slice(at + 1) };
}
