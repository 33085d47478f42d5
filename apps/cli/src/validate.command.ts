/** `hybrid pipeline validate`: every error of a definition, with the line that it is about. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import type { FieldError } from '@hybrid/contracts';
import { readPipeline, type Definition } from '@hybrid/pipeline';
import { filesNamedIn } from './definition-files.js';
import { UsageError } from './errors.js';
import { EXIT } from './exit-codes.js';
import { gitAnswer } from './git-repository.js';
import type { Output } from './output.js';
import { PIPELINE_FILE, readDefinitionFile } from './pipeline-definition.js';
import { reportDefinitionErrors, type DefinitionText } from './text/definition-errors.js';

/** Checks one definition. */
type Check = (definition: DefinitionText) => Promise<FieldError[]>;

const checkHere: Check = ({ text, files }) => {
  const read = readPipeline(text, files);
  return Promise.resolve('errors' in read ? read.errors : []);
};

export async function validateFiles(out: Output, files: string[], check: Check = checkHere): Promise<void> {
  const errors: (FieldError & { file: string })[] = [];
  for (const file of files.length > 0 ? files : [await ownDefinition()]) {
    const definition = await definitionText(file);
    const found = await check(definition);
    errors.push(...found.map((error) => ({ ...error, file: error.file ?? file })));
    if (out.format === 'json') continue;
    if (found.length === 0) out.line(`${file} is valid`);
    else reportDefinitionErrors(out, definition, found);
  }
  if (errors.length > 0) process.exitCode = EXIT.failed;
  if (out.format === 'json') out.json({ valid: errors.length === 0, errors });
}

/** The definition of a file; where it has errors, they are shown and there is none. */
export async function checkedDefinition(out: Output, file?: string): Promise<Definition | undefined> {
  const definition = await definitionText(file ?? (await ownDefinition()));
  const read = readPipeline(definition.text, definition.files);
  if ('definition' in read) return read.definition;
  reportDefinitionErrors(out, definition, read.errors);
  return undefined;
}

/** Of the repository that this is a folder of, whichever it is. */
async function ownDefinition(): Promise<string> {
  const top = (await gitAnswer('.', ['rev-parse', '--show-toplevel'])) ?? process.cwd();
  const file = join(top, PIPELINE_FILE);
  if (existsSync(file)) return relative(process.cwd(), file);
  throw new UsageError(`${top} has no ${PIPELINE_FILE}: \`hybrid init\` writes one; or name a file`);
}

async function definitionText(file: string): Promise<DefinitionText> {
  const { text } = await readDefinitionFile(file, 'the file to validate');
  const root = await rootOf(file);
  const read = (path: string) => readFile(join(root, path), 'utf8').catch(() => undefined);
  return { file, text, files: await filesNamedIn(text, read) };
}

/** Of the repository that the file lies in; outside of one, what holds its .hybrid folder, or the file. */
async function rootOf(file: string): Promise<string> {
  const folder = dirname(resolve(file));
  const top = await gitAnswer(folder, ['rev-parse', '--show-toplevel']);
  return top ?? (basename(folder) === '.hybrid' ? dirname(folder) : folder);
}
