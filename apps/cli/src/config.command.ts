/** `hybrid config`: the customer's net-zero configuration. */
import { readFile, writeFile } from 'node:fs/promises';
import type { FieldError } from '@hybrid/contracts';
import { controlPlaneText, netZeroExample, netZeroSchema, readNetZero, type NetZero } from '@hybrid/net-zero';
import { readTool, toolSchema } from '@hybrid/webhooks';
import type { CommandContext } from './context.js';
import { CommandError, UsageError } from './errors.js';
import { EXIT } from './exit-codes.js';
import type { Output } from './output.js';
import { tellStatus } from './routing.command.js';
import { reportDefinitionErrors } from './text/definition-errors.js';
import { terminalText } from './text/terminal-text.js';

export const NET_ZERO_FILE = 'net-zero.yaml';

export async function validateConfigs(out: Output, files: string[]): Promise<void> {
  const found: (FieldError & { file: string })[] = [];
  const names = new Map<string, string>();
  for (const file of files.length > 0 ? files : [NET_ZERO_FILE]) {
    const text = await textOf(file);
    const errors = isOfTool(text) ? (readTool(text).errors ?? []) : errorsOf(text, file, names);
    found.push(...errors.map((error) => ({ ...error, file })));
    if (out.format === 'json') continue;
    if (errors.length === 0) out.line(`${file} is valid`);
    else reportDefinitionErrors(out, { file, text }, errors);
  }
  if (found.length > 0) process.exitCode = EXIT.failed;
  if (out.format === 'json') out.json({ valid: found.length === 0, errors: found });
}

/** What only the configuration of a tool has stands at its left margin. */
function isOfTool(text: string): boolean {
  return /^["']?(tool|events)["']?[ \t]*:/m.test(text);
}

function errorsOf(text: string, file: string, names: Map<string, string>): FieldError[] {
  const read = readNetZero(text, { part: 'whole' });
  return 'errors' in read ? read.errors : sharedName(read.config, file, names);
}

/** One file is for one environment: two with one name would take turns at the control plane. */
function sharedName({ name }: NetZero, file: string, names: Map<string, string>): FieldError[] {
  const other = names.get(name);
  names.set(name, file);
  if (other === undefined) return [];
  return [{ path: 'name', message: `\`${name}\` is the connection of ${other}, too; give each its own` }];
}

export function printSchema(out: Output, { tool }: { tool?: boolean }): Promise<void> {
  out.json(tool ? toolSchema : netZeroSchema);
  return Promise.resolve();
}

export async function initConfig(out: Output, file: string = NET_ZERO_FILE): Promise<void> {
  try {
    await writeFile(file, netZeroExample, { flag: 'wx' });
  } catch (cause) {
    const there = (cause as NodeJS.ErrnoException).code === 'EEXIST';
    const why = there
      ? 'is there already; it is left as it is'
      : `cannot be written: ${(cause as Error).message}`;
    throw new CommandError(`${file} ${why}`, EXIT.failed, { cause });
  }
  if (out.format === 'json') return out.json({ file });
  out.line(`${file} is written: an example, every name in which is yours to change. Next:`);
  out.line();
  out.line('  hybrid config validate            # after every change: errors with their lines');
  out.line('  hybrid routes test event.json     # what an event would bring about');
  out.line('  hybrid config apply               # tells the control plane its part');
}

export async function applyConfig(
  { api, out }: CommandContext,
  file: string = NET_ZERO_FILE,
  { dryRun }: { dryRun?: boolean },
): Promise<void> {
  const config = await readConfig(out, file);
  if (!config) return;
  const text = controlPlaneText(config);
  if (dryRun) {
    if (out.format === 'json') return out.json({ connection: config.name, configuration: text });
    for (const line of text.trimEnd().split('\n')) out.line(terminalText(line, false));
    return;
  }
  const { relay, credentials, ...rest } = config;
  const goes = [...Object.keys(rest), ...(credentials?.control_plane ? ['credentials.control_plane'] : [])];
  const stays = [
    ...(relay ? ['relay'] : []),
    ...(credentials?.relay ? ['credentials.relay'] : []),
    'comments',
  ];
  out.note(`goes to ${api.url}: ${goes.join(', ')}`);
  out.note(`stays here: ${stays.join(', ')}`);
  const connection = await api.putConnection(config.name, text);
  tellStatus(out, connection);
  if (out.format !== 'json' && config.queue.kind === 'sqs')
    out.line(`external id for roles that it takes: ${terminalText(connection.external_id, false)}`);
}

/** The configuration of a file; where it has errors, they are shown and there is none. */
export async function readConfig(out: Output, file: string): Promise<NetZero | undefined> {
  const text = await textOf(file);
  const read = readNetZero(text, { part: 'whole' });
  if ('config' in read) return read.config;
  reportDefinitionErrors(out, { file, text }, read.errors);
  process.exitCode = EXIT.failed;
  return undefined;
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    const mend = file === NET_ZERO_FILE ? ': `hybrid config init` writes one; or name a file' : '';
    throw new UsageError(`${file} cannot be read (${(cause as Error).message})${mend}`, { cause });
  }
}
