import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InstallationKeys } from './installation-keys.js';
import { readInstallationKeys, readToken } from './secret-file.js';

const tokenFrom = (value: string | undefined, file?: string) => readToken({ name: 'TOKEN', value, file });

describe('a token', () => {
  let directory: string;
  let file: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'hybrid-token-'));
    file = join(directory, 'token');
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  it('is made at the first start, for its owner alone, and is the same ever after', async () => {
    const token = await tokenFrom(undefined, file);
    expect(token).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await tokenFrom(undefined, file)).toBe(token);
    expect(await tokenFrom(undefined, join(directory, 'other'))).not.toBe(token);
  });

  it('may be given as it is, and then no file is looked at', async () => {
    expect(await tokenFrom('a-token-of-mine-12', file)).toBe('a-token-of-mine-12');
    await expect(readFile(file)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('is refused when anybody could guess it, without being shown', async () => {
    await writeFile(file, 'fifteen-letters\n');
    const refused = tokenFrom(undefined, file);
    await expect(refused).rejects.toThrow('TOKEN must be at least 16 characters long');
    await expect(tokenFrom('secret', undefined)).rejects.not.toThrow(/secret/);
  });

  it('needs a place to be written to: the message names it', async () => {
    const missing = join(directory, 'missing', 'token');
    await expect(tokenFrom(undefined, missing)).rejects.toThrow(`TOKEN_FILE: cannot write ${missing}`);
  });

  it('is the same for all who make it at the same moment, and leaves nothing else', async () => {
    const made = await Promise.all(Array.from({ length: 8 }, () => tokenFrom(undefined, file)));
    expect(new Set(made).size).toBe(1);
    expect(await readdir(directory)).toEqual(['token']);
  });
});

describe("the installation's keys", () => {
  const keysFrom = (value: string | undefined, file?: string) =>
    readInstallationKeys({ name: 'KEYS', value, file });

  it('are made at the first start, and are the same ever after', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'hybrid-keys-'));
    try {
      const file = join(directory, 'keys');
      const first = await keysFrom(undefined, file);
      expect((await stat(file)).mode & 0o777).toBe(0o600);
      expect((await keysFrom(undefined, file)).derive('k1', 'x')).toEqual(first.derive('k1', 'x'));
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });

  it('may be given as they are; what is wrong is told by its line, and not shown', async () => {
    expect((await keysFrom(InstallationKeys.generate())).current).toBe('k1');
    await expect(keysFrom('k1:secret')).rejects.toThrow(/^KEYS: line 1 is not/);
    await expect(keysFrom('k1:secret')).rejects.not.toThrow(/secret/);
  });
});
