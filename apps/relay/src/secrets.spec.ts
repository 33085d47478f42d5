import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { VaultReference } from '@hybrid/net-zero';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { secretReader } from './secrets.js';

describe('secrets of a relay', () => {
  let folder: string;
  const signal = new AbortController().signal;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hybrid-secrets-'));
    await writeFile(join(folder, 'webhook'), 'hunter22\n');
    await writeFile(join(folder, 'all.json'), '{"webhook":"hunter23"}');
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('come from a variable, a file beside the configuration, and a field of what lies in a vault', async () => {
    const vault: VaultReference = { kind: 'file', address: '.' };
    const read = secretReader(folder, vault);
    expect(await read('x', { env: 'PATH' }, signal)).toBe(process.env['PATH']);
    expect(await read('x', { file: 'webhook' }, signal)).toBe('hunter22');
    expect(await read('x', { vault: 'all.json#webhook' }, signal)).toBe('hunter23');
    expect(await read('x', { vault: `file://${folder}/webhook` }, signal)).toBe('hunter22');
  });

  it.each([
    ['a variable', { env: 'NOT_THERE' }, /^x: cannot be had from env:\/\/NOT_THERE: .*relay's environment/],
    ['a file', { file: 'nothing' }, /^x: cannot be had from file:\/\/.*nothing: ENOENT/],
    ['a vault that is not named', { vault: 'webhook' }, /^x: .*needs the section vault/],
  ])('say which is missing, and where: %s', async (_, reference, message) => {
    const read = secretReader(folder, undefined);
    await expect(read('x', reference, signal)).rejects.toMatchObject({
      name: 'SettingsError',
      message: expect.stringMatching(message),
    });
  });

  it('say how a vault is reached where that is not known', async () => {
    const read = secretReader(folder, { kind: 'hashicorp', address: 'https://vault.example.com:8200' });
    await expect(read('x', { vault: 'secret/data/ci#webhook' }, signal)).rejects.toThrow(/^x: .*VAULT_TOKEN/);
  });
});
