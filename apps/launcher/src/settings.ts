/** What `npm start` was asked to do: flags and HYBRID_* variables. */
import { resolve } from 'node:path';
import { Command } from 'commander';
import { LaunchError } from './errors.js';

export interface Settings {
  /** 0: any free one. */
  port: number;
  /** Absolute path of the one directory that holds all data. */
  data: string;
  /** Chosen by the user; generated otherwise. */
  adminToken: string | undefined;
  /** Which pipeline to run once the platform serves. */
  pipeline:
    { kind: 'none' } | { kind: 'example' } | { kind: 'repository'; repository: string; file?: string };
  /** Stop after the pipeline, with its result as the exit code. */
  once: boolean;
}

interface Flags {
  once: boolean;
  example: boolean;
  repo?: string;
  file?: string;
}

/** Reads the command line and the environment. Prints help and ends by itself for --help. Throws LaunchError. */
export function readSettings(args: string[], env: NodeJS.ProcessEnv): Settings {
  const flags = new Command('npm start --')
    .description('Starts the whole platform on this machine, runs a pipeline on it and stays up.')
    .option('--once', 'stop after the pipeline; the exit code is its result', false)
    .option('--no-example', 'run no pipeline')
    .option('--repo <path or url>', 'run the pipeline of this git repository instead of the example')
    .option('--file <file>', 'with --repo: a definition instead of its .hybrid/pipeline.yaml')
    .addHelpText(
      'after',
      '\nSettings:\n' +
        '  HYBRID_PORT         port of the API (8080; 0: any free one)\n' +
        '  HYBRID_DATA         directory of all data (./.data)\n' +
        '  HYBRID_ADMIN_TOKEN  token of the administrator (else generated into $HYBRID_DATA/admin-token)\n' +
        '  HYBRID_PROVIDERS_FILE  providers that people sign in with (else the first administrator comes by a link)\n' +
        '  HYBRID_NATS_SERVER  path of nats-server (else found or fetched)\n' +
        '  HYBRID_EXECUTOR     docker or process: where steps run (docker if there is an engine)',
    )
    .parse(args, { from: 'user' })
    .opts<Flags>();
  // npm runs scripts in the folder of package.json; a person means the folder where they typed the command.
  const here = env['INIT_CWD'] || process.cwd();
  return {
    port: readPort(env['HYBRID_PORT'] || '8080'),
    data: resolve(env['HYBRID_DATA'] || '.data'),
    adminToken: readToken(env['HYBRID_ADMIN_TOKEN']),
    pipeline: readPipeline(flags, here),
    once: flags.once,
  };
}

function readPort(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw new LaunchError(`HYBRID_PORT is "${text}"; it must be a number from 0 (any free port) to 65535`);
}

function readToken(token: string | undefined): string | undefined {
  if (token !== undefined && /[^\x21-\x7e]/.test(token)) {
    throw new LaunchError('HYBRID_ADMIN_TOKEN must hold only visible ASCII characters and no spaces');
  }
  return token || undefined;
}

function readPipeline({ example, repo, file, once }: Flags, here: string): Settings['pipeline'] {
  if (repo !== undefined) {
    const repository = /^[a-z][a-z0-9+.-]*:\/\/|^[^/\s]+@[^/:\s]+:/i.test(repo) ? repo : resolve(here, repo);
    return { kind: 'repository', repository, ...(file !== undefined && { file: resolve(here, file) }) };
  }
  if (file !== undefined)
    throw new LaunchError('--file needs --repo: the repository that the definition is for');
  if (!example && once)
    throw new LaunchError('--once needs a pipeline to wait for: leave out --no-example, or give --repo');
  return { kind: example ? 'example' : 'none' };
}
