import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';

/** 256 bits: nobody guesses it, whatever the rate. */
const TOKEN_BYTES = 32;
const MIN_LENGTH = 16;

/** The token, from the setting or its file; generated into the file (mode 0600) at the first start. */
export async function readToken(
  name: string,
  value: string | undefined,
  file: string | undefined,
): Promise<string> {
  const token = value ?? (await fromFile(name, file!));
  if (token.length < MIN_LENGTH) throw new Error(`${name} must be at least ${MIN_LENGTH} characters long`);
  return token;
}

async function fromFile(name: string, file: string): Promise<string> {
  const token = randomBytes(TOKEN_BYTES).toString('base64url');
  try {
    await writeFile(file, `${token}\n`, { mode: 0o600, flag: 'wx' });
    return token;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST')
      throw new Error(`${name}_FILE: cannot write ${file}: ${(error as Error).message}`, { cause: error });
  }
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (cause) {
    throw new Error(`${name}_FILE: cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
}
