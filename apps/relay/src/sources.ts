/** Where webhooks come from: a name of the configuration, what proves them, and what of them may pass. */
import type { Tool } from '@hybrid/contracts';
import {
  readTool,
  receive,
  secretFault,
  type Received,
  type ToolConfig,
  type WebhookRequest,
} from '@hybrid/webhooks';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { listOf, type Configuration } from './configuration.js';
import { SettingsError } from './settings-error.js';

/** Beside the folder of bundles, where the repository and the image have it. */
const TOOLS = 'config/webhooks/tools';

export interface Source {
  name: string;
  tool: Tool;
  receive(request: WebhookRequest): Received;
}

/** Reads secrets and configurations of tools. Throws SettingsError. */
export async function openSources(
  configuration: Configuration,
  signal: AbortSignal,
): Promise<Map<string, Source>> {
  const { relay, secret, netZero } = configuration;
  const folder = configuration.tools ?? toolsThatCome();
  const sources = new Map<string, Source>();
  for (const { name, tool, secrets } of relay.sources) {
    const config = await readToolFile(join(folder, `${tool}.yaml`), tool, netZero.environment);
    const values: string[] = [];
    for (const [index, reference] of secrets.entries()) {
      const where = `relay.sources (${name}).secrets[${index}]`;
      const value = await secret(where, reference, signal);
      const fault = secretFault(tool, value);
      if (fault) throw new SettingsError(`${where}: ${fault}`);
      values.push(value);
    }
    sources.set(name, { name, tool, receive: (request) => receive(config, request, values) });
  }
  return sources;
}

async function readToolFile(file: string, tool: Tool, environment: string): Promise<ToolConfig> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new SettingsError(
      `the configuration of ${tool}, ${file}, cannot be read (${(cause as NodeJS.ErrnoException).code}): name its folder with relay.tools`,
      { cause },
    );
  }
  const read = readTool(text, environment);
  if (read.errors)
    throw new SettingsError(`the configuration of ${tool} is wrong:\n${listOf(file, read.errors)}`);
  if (read.tool.tool !== tool)
    throw new SettingsError(`${file} is for ${read.tool.tool}: the file of ${tool} must say tool: ${tool}`);
  return read.tool;
}

function toolsThatCome(): string {
  const here = dirname(fileURLToPath(import.meta.url));
  const candidates = [resolve(here, '../..', TOOLS), resolve(TOOLS)];
  return candidates.find((folder) => existsSync(folder)) ?? (candidates[0] as string);
}
