import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readToken } from './token-file.js';

describe('a token', () => {
  let directory: string;
  let file: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'hybrid-token-'));
    file = join(directory, 'token');
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  it('is made at the first start, for its owner alone, and is the same ever after', async () => {
    const token = await readToken('TOKEN', undefined, file);
    expect(token).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readToken('TOKEN', undefined, file)).toBe(token);
    expect(await readToken('TOKEN', undefined, join(directory, 'other'))).not.toBe(token);
  });

  it('may be given as it is, and then no file is looked at', async () => {
    expect(await readToken('TOKEN', 'a-token-of-mine-12', file)).toBe('a-token-of-mine-12');
    await expect(readFile(file)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('is refused when anybody could guess it, without being shown', async () => {
    await writeFile(file, 'fifteen-letters\n');
    const refused = readToken('TOKEN', undefined, file);
    await expect(refused).rejects.toThrow('TOKEN must be at least 16 characters long');
    await expect(readToken('TOKEN', 'secret', undefined)).rejects.not.toThrow(/secret/);
  });

  it('needs a place to be written to: the message names it', async () => {
    const missing = join(directory, 'missing', 'token');
    await expect(readToken('TOKEN', undefined, missing)).rejects.toThrow(
      `TOKEN_FILE: cannot write ${missing}`,
    );
  });
});
