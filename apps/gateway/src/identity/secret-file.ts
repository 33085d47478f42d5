/** Secrets of the installation: from a setting, or from its file, which is made at the first start. */
import { randomBytes } from 'node:crypto';
import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { InstallationKeys } from './installation-keys.js';

/** 256 bits: nobody guesses it, whatever the rate. */
const TOKEN_BYTES = 32;
const MIN_LENGTH = 16;

interface Setting {
  name: string;
  value: string | undefined;
  file: string | undefined;
}

/** @throws Error that names the setting, for a token that anybody could guess, or a file that cannot be used. */
export async function readToken(setting: Setting): Promise<string> {
  const token = await secretOf(setting, () => `${randomBytes(TOKEN_BYTES).toString('base64url')}\n`);
  if (token.length < MIN_LENGTH)
    throw new Error(`${setting.name} must be at least ${MIN_LENGTH} characters long`);
  return token;
}

/** @throws Error that names the setting and the line, for anything but keys, or a file that cannot be used. */
export async function readInstallationKeys(setting: Setting): Promise<InstallationKeys> {
  const text = await secretOf(setting, () => InstallationKeys.generate());
  try {
    return InstallationKeys.parse(text);
  } catch (cause) {
    throw new Error(`${setting.name}: ${(cause as Error).message}`, { cause });
  }
}

async function secretOf({ name, value, file }: Setting, generate: () => string): Promise<string> {
  if (value !== undefined) return value.trim();
  await makeOnce(name, file!, generate());
  try {
    return (await readFile(file!, 'utf8')).trim();
  } catch (cause) {
    throw new Error(`${name}_FILE: cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
}

/** Whole or not at all, and by one only: gateways that start at once agree, and a crash leaves no half of it. */
async function makeOnce(name: string, file: string, text: string): Promise<void> {
  const draft = `${file}.${process.pid}.new`;
  try {
    await writeFile(draft, text, { mode: 0o600 });
    await link(draft, file);
  } catch (error) {
    const there = (error as NodeJS.ErrnoException).code === 'EEXIST' || (await isReadable(file));
    if (!there)
      throw new Error(`${name}_FILE: cannot write ${file}: ${(error as Error).message}`, { cause: error });
  } finally {
    await rm(draft, { force: true });
  }
}

/** A file that others manage may lie where nothing can be written. */
async function isReadable(file: string): Promise<boolean> {
  return readFile(file).then(
    () => true,
    () => false,
  );
}
