/** `hybrid pipeline validate`: every error of a definition, with the line that it is about. */
import { readPipeline } from '@hybrid/pipeline';
import type { FieldError } from '@hybrid/contracts';
import { EXIT } from './exit-codes.js';
import type { Output } from './output.js';
import { PIPELINE_FILE, readDefinitionFile } from './pipeline-definition.js';
import { reportDefinitionErrors, type DefinitionText } from './text/definition-errors.js';

/** Checks one definition. */
export type Check = (definition: DefinitionText) => Promise<FieldError[]>;

export const checkHere: Check = ({ text }) => {
  const read = readPipeline(text);
  return Promise.resolve('errors' in read ? read.errors : []);
};

export async function validateFiles(out: Output, files: string[], check: Check = checkHere): Promise<void> {
  const errors: (FieldError & { file: string })[] = [];
  for (const file of files.length > 0 ? files : [PIPELINE_FILE]) {
    const definition = await readDefinitionFile(file, 'the file to validate');
    const found = await check(definition);
    errors.push(...found.map((error) => ({ ...error, file: error.file ?? file })));
    if (out.format === 'json') continue;
    if (found.length === 0) out.line(`${file} is valid`);
    else reportDefinitionErrors(out, definition, found);
  }
  if (errors.length > 0) process.exitCode = EXIT.failed;
  if (out.format === 'json') out.json({ valid: errors.length === 0, errors });
}
