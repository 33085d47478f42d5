/** Secrets as lines NAME=value, and as variables of the agent's environment. */
import { readFile, stat } from 'node:fs/promises';
import { Secrets, VARIABLE } from './secrets.js';

export class SecretsFileError extends Error {
  override readonly name = 'SecretsFileError';
}

/**
 * Secrets of `file` (lines NAME=value) and of HYBRID_SECRET_<NAME> in `env`, which wins. `warn` is told when others can read the file.
 * Throws SecretsFileError naming the line that is wrong, never its content.
 */
export async function loadSecrets(
  file: string | undefined,
  env: NodeJS.ProcessEnv,
  warn: (text: string) => void,
): Promise<Secrets> {
  const values = new Map<string, string>();
  if (file !== undefined) {
    for (const [name, value] of parseSecretsFile(await readSecretsFile(file), file)) values.set(name, value);
    const { mode } = await stat(file);
    if ((mode & 0o077) !== 0) warn(`others can read the secrets in ${file}: chmod 600 ${file}`);
  }
  for (const [key, value] of Object.entries(env)) {
    if (key.startsWith(VARIABLE) && value) values.set(key.slice(VARIABLE.length), value);
  }
  return new Secrets(values);
}

async function readSecretsFile(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new SecretsFileError(
      `the secrets file ${file} cannot be read (${(cause as Error).message}): name one that can be in --secrets-file`,
      { cause },
    );
  }
}

/** Lines NAME=value; empty lines and lines beginning with # are skipped; a value in double quotes may hold \n for a line break. */
export function parseSecretsFile(text: string, file: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.trimStart().startsWith('#')) continue;
    const match = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=(.*)$/.exec(line);
    if (!match) throw new SecretsFileError(`line ${index + 1} of ${file} is not NAME=value: correct it`);
    values.set(match[1] ?? '', unquote((match[2] ?? '').trim()));
  }
  return values;
}

function unquote(value: string): string {
  if (/^'.*'$/.test(value)) return value.slice(1, -1);
  if (!/^".*"$/.test(value)) return value;
  return value
    .slice(1, -1)
    .replace(/\\([nrt"\\])/g, (_, c: string) => ({ n: '\n', r: '\r', t: '\t' })[c] ?? c);
}
