/** Secrets of this machine: `env://NAME` and `file:///path`. */
import { readFile, stat } from 'node:fs/promises';
import { fieldOf, SecretProblem } from '../secret-problem.js';
import type { SecretReference } from '../secret-reference.js';

/** Bytes: what the vaults take, and more than any key. */
const FILE_MAX = 1024 * 1024;

export async function readLocal({ kind, path, key }: SecretReference): Promise<string> {
  return fieldOf(kind === 'env' ? fromEnv(path) : await fromFile(path), key);
}

function fromEnv(name: string): string {
  const value = process.env[name];
  if (value === undefined)
    throw new SecretProblem(`the variable ${name} is not set in the agent's environment`, false);
  return value;
}

/** Without the line break at its end, which editors and `echo` add. */
async function fromFile(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > FILE_MAX) throw new Error(`it has more than ${FILE_MAX} bytes`);
    return (await readFile(path, 'utf8')).replace(/\r?\n$/, '');
  } catch (cause) {
    throw new SecretProblem((cause as Error).message, false, { cause });
  }
}
