/** The agent's settings: each is a flag, a variable of the environment and a key of the settings file. That order wins. */
import type { HostCredential } from '@hybrid/steps';
import { Command, Option } from 'commander';
import { readFileSync } from 'node:fs';
import { parse as parseYaml } from 'yaml';
import type { Signed } from '@hybrid/trust';
import type { ForgeSettings } from './forges.js';
import type { LogKeeper } from './log-keeping.js';
import type { Sealable } from './sealing.js';
import { SETTINGS, split, type Setting } from './settings-table.js';
import { readSettingsFile } from './settings-file.js';
import { SettingsError } from './settings-error.js';

export { SettingsError } from './settings-error.js';

export interface HealthAddress {
  host: string;
  port: number;
}

export interface Settings {
  config?: string;
  url: string;
  name: string;
  pool: string;
  label: Record<string, string>;
  capability: string[];
  region?: string;
  capacity: number;
  data: string;
  joinTokenFile?: string;
  workloadTokenFile?: string;
  workloadTokenCommand?: string;
  organisation?: string;
  secretsFile?: string;
  secrets: Record<string, unknown>;
  vault: Record<string, string>;
  gitDepth: number;
  gitSubmodules: boolean;
  gitMirrors: boolean;
  gitCredentials: Record<string, HostCredential>;
  gitKnownHosts?: string;
  gitAcceptNewHosts: boolean;
  allowLocalRepositories: boolean;
  status: Record<string, ForgeSettings>;
  executor: 'auto' | 'docker' | 'process' | 'dummy';
  allowHost: boolean;
  defaultImage: string;
  /** Bytes. */
  stepMemory?: number;
  /** Cores. */
  stepCpu?: number;
  stepPids?: number;
  allowMounts: string[];
  allowDockerSocket: boolean;
  deployTo: string[];
  onStop: 'finish' | 'hand-back';
  /** Seconds. */
  drainTimeout: number;
  disconnectAfterJob: boolean;
  /** Seconds. */
  disconnectAfterIdle?: number;
  spoolLimitMb: number;
  minFreeDiskMb: number;
  /** URL. */
  artifactStore?: string;
  logs: LogKeeper;
  /** URL. */
  logStore?: string;
  /** Recipients of age. */
  sealFor: string[];
  /** Both unless told. */
  seal?: Sealable[];
  unsealKeyFile?: string;
  /** URL. */
  cacheStore?: string;
  cacheSizeMb: number;
  cacheBranch: string[];
  healthAddress?: HealthAddress;
  /** File. */
  trustKeys?: string;
  trustRequire: Signed[];
}

export interface ReadSettings {
  settings: Settings;
  /** Whether the settings are to be shown, and no more. */
  printOnly: boolean;
  /** Whether each secret is to be looked for, and no more. */
  checkSecrets: boolean;
  /** What was given, as `--print-config` shows it: no secret is a setting itself. */
  shown: string;
}

/** A value as it was given, and where. */
interface Given {
  texts: string[];
  where: string;
}

/** Prints help by itself. Throws SettingsError naming flag, variable or line. */
export function readSettings(argv: string[], env: NodeJS.ProcessEnv, version: string): ReadSettings {
  const program = commandLine(version).parse(argv);
  const flags = program.opts<Record<string, string[] | true | undefined>>();
  const given = (setting: Setting, file?: Map<string, Given>): Given | undefined => {
    const flag = flags[attribute(setting.flag)];
    if (flag !== undefined)
      return {
        texts: flag === true ? ['yes'] : flag.flatMap((one) => split(setting, one)),
        where: `--${setting.flag}`,
      };
    const variable = env[setting.env];
    if (variable) return { texts: split(setting, variable), where: setting.env };
    return file?.get(setting.flag);
  };
  const path = given(SETTINGS.config)?.texts.at(-1);
  const file = path === undefined ? undefined : readSettingsFile(path);

  const lines: string[] = [];
  const settings: Record<string, unknown> = {};
  for (const setting of Object.values<Setting>(SETTINGS)) {
    const found = given(setting, file);
    const value = found ? parse(setting, found) : setting.initial?.();
    settings[attribute(setting.flag)] = value;
    if (value !== undefined)
      lines.push(`${setting.flag}: ${JSON.stringify(value)} # ${found?.where ?? 'default'}`);
  }
  if (settings['url'] === undefined)
    throw new SettingsError(
      'the address of the gateway is missing: give it with --url, HYBRID_URL or url in the settings file',
    );
  return {
    settings: settings as unknown as Settings,
    printOnly: flags['printConfig'] !== undefined,
    checkSecrets: flags['checkSecrets'] !== undefined,
    shown: `${lines.join('\n')}\n`,
  };
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

/** What answers the token of the workload, where it shall join by that. Throws SettingsError when it could join in two ways. */
export function workloadTokenSource(
  { workloadTokenFile: file, workloadTokenCommand: command }: Settings,
  joinToken: string | undefined,
): { file: string } | { command: string } | undefined {
  const ways = [joinToken, file, command].filter((way) => way !== undefined);
  if (ways.length > 1)
    throw new SettingsError(
      'this agent could join in more than one way: give it a join token, --workload-token-file or --workload-token-command',
    );
  if (file !== undefined) return { file };
  return command === undefined ? undefined : { command };
}

function commandLine(version: string): Command {
  const program = new Command('hybrid-agent')
    .description(
      'Runs the steps of pipelines on this machine. Speaks to the gateway only, over outgoing HTTP(S).',
    )
    .version(version);
  for (const { flag, alias, takes, env, about, initial } of Object.values<Setting>(SETTINGS)) {
    const initially = initial && takes ? `, ${JSON.stringify(initial())} unless told` : '';
    const flags = `${alias ? `--${alias}, ` : ''}--${flag}${takes ? ` <${takes}>` : ''}`;
    const option = new Option(flags, `${about} (${env}${initially})`);
    if (takes) option.argParser((text: string, before: string[] = []) => [...before, text]);
    program.addOption(option);
  }
  return program
    .option('--print-config', 'show the settings, and where each comes from')
    .option('--check-secrets', 'look for each secret, say which cannot be had and why, and end');
}

function parse(setting: Setting, { texts, where }: Given): unknown {
  try {
    if (setting.list) return setting.parse(texts);
    const text = texts.at(-1) ?? '';
    return setting.map ? setting.parse(mapOf(text)) : setting.parse(text);
  } catch (cause) {
    if (!(cause instanceof SettingsError)) throw cause;
    throw new SettingsError(`${where}: ${cause.message}`, { cause });
  }
}

function mapOf(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = parseYaml(text);
  } catch {
    value = undefined;
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw new SettingsError('it must be a map, such as {a: b} on one line');
}

/** `drain-timeout` → `drainTimeout`, as commander names it. */
function attribute(flag: string): string {
  return flag.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}
