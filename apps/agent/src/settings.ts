/** The agent's settings: each a flag and a variable of the environment. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { readFileSync } from 'node:fs';
import { homedir, hostname } from 'node:os';
import { join } from 'node:path';

export interface Settings {
  url: string;
  name: string;
  pool: string;
  label: Record<string, string>;
  capacity: number;
  data: string;
  joinTokenFile?: string;
  secretsFile?: string;
  executor: 'auto' | 'docker' | 'process';
  allowHost: boolean;
  defaultImage: string;
  drainTimeout: number;
}

export class SettingsError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'SettingsError';
  }
}

/** Reads the command line; prints help, or what is wrong with it, and ends the process by itself. */
export function readSettings(argv: string[], version: string): Settings {
  const program = new Command('hybrid-agent')
    .description(
      'Runs the steps of pipelines on this machine. Speaks to the gateway only, over outgoing HTTP(S).',
    )
    .version(version)
    .addOption(
      new Option('--url <url>', 'address of the gateway')
        .env('HYBRID_URL')
        .argParser(gatewayUrl)
        .makeOptionMandatory(),
    )
    .addOption(new Option('--name <name>', 'name for people').env('HYBRID_AGENT_NAME').default(machineName()))
    .addOption(
      new Option('--pool <pool>', 'pool whose jobs it takes').env('HYBRID_AGENT_POOL').default('default'),
    )
    .addOption(
      new Option('--label <key=value>', 'label that jobs may ask for; repeatable (variable: comma-separated)')
        .env('HYBRID_AGENT_LABELS')
        .argParser(addLabels)
        .default({}),
    )
    .addOption(
      new Option('--capacity <n>', 'jobs at a time')
        .env('HYBRID_AGENT_CAPACITY')
        .argParser(whole(1, 1000))
        .default(1),
    )
    .addOption(
      new Option('--data <directory>', 'identity and workspaces')
        .env('HYBRID_AGENT_DATA')
        .default(join(homedir(), '.hybrid-agent')),
    )
    .addOption(
      new Option('--join-token-file <file>', 'token for the first start (or variable HYBRID_JOIN_TOKEN)').env(
        'HYBRID_JOIN_TOKEN_FILE',
      ),
    )
    .addOption(
      new Option(
        '--secrets-file <file>',
        'lines NAME=value, mode 0600 (or variables HYBRID_SECRET_<NAME>)',
      ).env('HYBRID_SECRETS_FILE'),
    )
    .addOption(
      new Option('--executor <kind>', 'auto: docker where an engine answers')
        .env('HYBRID_EXECUTOR')
        .choices(['auto', 'docker', 'process'])
        .default('auto'),
    )
    .addOption(
      new Option('--allow-host', 'allow steps to run on this machine without a sandbox')
        .env('HYBRID_ALLOW_HOST')
        .default(false),
    )
    .addOption(
      new Option('--default-image <image>', 'image of steps that name none')
        .env('HYBRID_DEFAULT_IMAGE')
        .default('node:20-slim'),
    )
    .addOption(
      new Option('--drain-timeout <seconds>', 'time for running jobs when the agent is stopped')
        .env('HYBRID_DRAIN_TIMEOUT')
        .argParser(whole(0, 86_400))
        .default(30),
    )
    .parse(argv);
  return program.opts<Settings>();
}

/** The join token, from its file or from HYBRID_JOIN_TOKEN. Throws SettingsError when the file cannot be read or is empty. */
export function readJoinToken(file: string | undefined): string | undefined {
  if (file === undefined) return process.env['HYBRID_JOIN_TOKEN']?.trim() || undefined;
  let token: string;
  try {
    token = readFileSync(file, 'utf8').trim();
  } catch (cause) {
    throw new SettingsError(
      `the join token file ${file} cannot be read (${(cause as Error).message}): correct --join-token-file`,
      { cause },
    );
  }
  if (token === '')
    throw new SettingsError(
      `the join token file ${file} is empty: put the token of the control plane into it`,
    );
  return token;
}

function gatewayUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol))
    throw new InvalidArgumentError('It must be like https://hybrid.example.com.');
  if (url.username || url.search || url.hash)
    throw new InvalidArgumentError('It must hold no user, query or fragment.');
  return url.href.replace(/\/+$/, '');
}

function addLabels(text: string, before: Record<string, string>): Record<string, string> {
  const labels = { ...before };
  for (const label of text.split(',')) {
    const equals = label.indexOf('=');
    if (equals < 1) throw new InvalidArgumentError('It must be like key=value.');
    labels[label.slice(0, equals).trim()] = label.slice(equals + 1).trim();
  }
  return labels;
}

function whole(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}

/** The machine's name, in the characters that names may have. */
function machineName(): string {
  return (
    hostname()
      .replace(/[^A-Za-z0-9._-]/g, '-')
      .replace(/^[^A-Za-z0-9]+/, '')
      .slice(0, 100) || 'agent'
  );
}
