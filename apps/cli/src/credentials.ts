/** Tokens of `hybrid login`, by the address of the control plane, in a file that only its owner reads. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { UsageError } from './errors.js';

type Credentials = Record<string, { token: string }>;

export function savedToken(url: string, env: NodeJS.ProcessEnv): string | undefined {
  return read(fileOf(env))[url]?.token;
}

export function saveToken(url: string, token: string, env: NodeJS.ProcessEnv): void {
  const file = fileOf(env);
  write(file, { ...read(file), [url]: { token } });
}

export function removeToken(url: string, env: NodeJS.ProcessEnv): void {
  const file = fileOf(env);
  const { [url]: _, ...others } = read(file);
  write(file, others);
}

function fileOf(env: NodeJS.ProcessEnv): string {
  return join(
    env['XDG_CONFIG_HOME'] || join(env['HOME'] || homedir(), '.config'),
    'hybrid',
    'credentials.json',
  );
}

function read(file: string): Credentials {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return {};
    throw new UsageError(`${file} cannot be read: ${(error as Error).message}`, { cause: error });
  }
  try {
    return JSON.parse(text) as Credentials;
  } catch (cause) {
    // What stands there may be half a token: the parser's message would show it.
    throw new UsageError(`${file} is damaged: remove it, and sign in again with \`hybrid login\``, { cause });
  }
}

/** Whole or not at all. */
function write(file: string, credentials: Credentials): void {
  const draft = `${file}.${process.pid}.new`;
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(draft, `${JSON.stringify(credentials, null, 2)}\n`, { mode: 0o600 });
    renameSync(draft, file);
  } catch (cause) {
    throw new UsageError(`${file} cannot be written: ${(cause as Error).message}`, { cause });
  }
}
