/** Which configuration of a tool holds: of a folder, or those that come with hybrid. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TOOLS, type Tool } from '@hybrid/contracts';
import { readTool, type ToolConfig } from '@hybrid/webhooks';
import { CommandError, UsageError } from './errors.js';
import { EXIT } from './exit-codes.js';
import type { Output } from './output.js';
import { reportDefinitionErrors } from './text/definition-errors.js';

/** Beside the bundle, `dist/cli`. */
const SHIPPED = fileURLToPath(new URL('../../config/webhooks/tools', import.meta.url));

/** Throws CommandError where there is none, or it has errors, which are shown then. */
export async function toolConfig(
  out: Output,
  tool: string,
  { tools = SHIPPED, environment }: { tools?: string; environment?: string } = {},
): Promise<ToolConfig> {
  if (!isTool(tool)) throw new UsageError(`--tool "${tool}" is not known: ${TOOLS.join(', ')}`);
  const file = join(tools, `${tool}.yaml`);
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new UsageError(`${file} cannot be read: --tools names the folder of the tools' configurations`, {
      cause,
    });
  });
  const read = readTool(text, environment);
  if (read.tool) return read.tool;
  reportDefinitionErrors(out, { file, text }, read.errors);
  throw new CommandError(`${file} has errors`, EXIT.failed);
}

function isTool(text: string): text is Tool {
  return (TOOLS as readonly string[]).includes(text);
}
