import { selfSignedCertificate } from '@hybrid/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseReference } from '../secret-reference.js';
import { FakeVault, type FakeVaultOptions } from './fake-vault.fixtures.js';
import { readVaultSettings } from './vault-settings.js';
import { Vault } from './vault.js';

const never = new AbortController().signal;
const versioned = { 'secret/ci/app': [{ npm: 'the-first' }, { npm: 'the-second', n: 7 }] };

describe('HashiCorp Vault', () => {
  let folder: string;
  let server: FakeVault;
  let heard: string[];
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hybrid-vault-'));
    heard = [];
  });
  afterEach(async () => {
    await server.stop();
    await rm(folder, { recursive: true });
  });

  async function vaultOf(
    options: FakeVaultOptions,
    settings: Record<string, string>,
    env: NodeJS.ProcessEnv = {},
  ): Promise<{ read(reference: string): Promise<string> }> {
    server = new FakeVault(options);
    server.tokens.add('hvs.good');
    const address = await server.start();
    const vault = new Vault(readVaultSettings({ address, ...settings }, env)!, (token) => heard.push(token));
    return { read: (reference) => vault.read(parseReference(reference), never) };
  }

  const file = async (name: string, text: string): Promise<string> => {
    await writeFile(join(folder, name), text);
    return join(folder, name);
  };

  it('answers the latest version of KV 2, or the one that is wanted, and KV 1', async () => {
    const vault = await vaultOf(
      { versioned, plain: { 'kv/ci/app': { npm: 'of version one' } } },
      { 'token-file': await file('token', 'hvs.good\n') },
    );
    expect(await vault.read('vault://secret/data/ci/app#npm')).toBe('the-second');
    expect(await vault.read('vault://secret/data/ci/app#n')).toBe('7');
    expect(await vault.read('vault://secret/data/ci/app?version=1#npm')).toBe('the-first');
    expect(await vault.read('vault://kv/ci/app#npm')).toBe('of version one');
    expect(heard).toContain('hvs.good');
  });

  it('says why there is nothing, in Vault’s words, without value or token', async () => {
    const vault = await vaultOf({ versioned }, {}, { VAULT_TOKEN: 'hvs.good' });
    const problems: [string, RegExp][] = [
      [
        'vault://secret/data/gone#npm',
        /nothing at this path \(404\): with version 2 of KV it is <mount>\/data/,
      ],
      ['vault://secret/ci/app#npm', /it says: Invalid path for a versioned K\/V secrets engine/],
      ['vault://secret/data/ci/app#nmp', /there is no key nmp/],
      ['vault://secret/data/ci/app?version=9#npm', /nothing at this path/],
    ];
    for (const [reference, message] of problems) {
      await expect(vault.read(reference)).rejects.toThrow(message);
      await expect(vault.read(reference)).rejects.not.toThrow(/hvs\.|the-second/);
    }
    server.sealed = true;
    await expect(vault.read('vault://secret/data/ci/app#npm')).rejects.toMatchObject({
      message: 'Vault is sealed or under maintenance (503): unseal it; it says: Vault is sealed',
      passing: true,
    });
  });

  it('a token that is not accepted lasts: another try would end alike', async () => {
    const vault = await vaultOf({ versioned }, {}, { VAULT_TOKEN: 'hvs.bad' });
    await expect(vault.read('vault://secret/data/ci/app#npm')).rejects.toMatchObject({
      message: expect.stringMatching(/does not allow it \(403\).*permission denied/),
      passing: false,
    });
  });

  it('logs in by AppRole once, and again when the token is revoked', async () => {
    const vault = await vaultOf(
      { versioned, logins: { 'ci/login': { role_id: 'r', secret_id: 'the-secret-id' } } },
      { auth: 'approle', mount: 'ci', 'role-id': 'r', 'secret-id-file': await file('id', 'the-secret-id\n') },
    );
    const reference = 'vault://secret/data/ci/app#npm';
    expect(await vault.read(reference)).toBe('the-second');
    expect(await vault.read(reference)).toBe('the-second');
    server.tokens.delete('hvs.login-1');
    expect(await vault.read(reference)).toBe('the-second');
    expect(server.requests.filter((line) => line.startsWith('POST'))).toHaveLength(2);
    expect(heard).toEqual(['hvs.login-1', 'hvs.login-2']);
  });

  it('logs in anew when the token has lived', async () => {
    const vault = await vaultOf(
      { versioned, tokenLife: 1e-9, logins: { 'jwt/login': { role: 'ci', jwt: 'a.b.c' } } },
      { auth: 'jwt', role: 'ci', 'jwt-file': await file('jwt', 'a.b.c') },
    );
    await vault.read('vault://secret/data/ci/app#npm');
    await vault.read('vault://secret/data/ci/app#npm');
    expect(server.requests.filter((line) => line === 'POST /v1/auth/jwt/login')).toHaveLength(2);
  });

  it('a refused login names the way, not what was shown', async () => {
    const logins = { 'kubernetes/login': { role: 'ci', jwt: 'other' } };
    const jwt = await file('jwt', 'the.service.account');
    const vault = await vaultOf({ versioned, logins }, { auth: 'kubernetes', role: 'ci', 'jwt-file': jwt });
    const read = vault.read('vault://secret/data/ci/app#npm');
    await expect(read).rejects.toThrow(/does not allow the login with kubernetes \(403\)/);
    await expect(read).rejects.not.toThrow(/service\.account/);
  });

  it('is asked in its namespace, by TLS with an authority of its own', async () => {
    const { certFile, keyFile } = await selfSignedCertificate(folder, 'vault');
    const tls = { cert: await readFile(certFile), key: await readFile(keyFile) };
    const vault = await vaultOf(
      { versioned, tls, namespace: 'team/ci' },
      { namespace: 'team/ci', 'ca-file': certFile },
      { VAULT_TOKEN: 'hvs.good' },
    );
    expect(await vault.read('vault://secret/data/ci/app#npm')).toBe('the-second');
  });

  it('is not trusted without it', async () => {
    const { certFile, keyFile } = await selfSignedCertificate(folder, 'vault');
    const tls = { cert: await readFile(certFile), key: await readFile(keyFile) };
    const vault = await vaultOf({ versioned, tls }, {}, { VAULT_TOKEN: 'hvs.good' });
    await expect(vault.read('vault://secret/data/ci/app#npm')).rejects.toThrow(
      /Vault at https:\/\/127.0.0.1:\d+ cannot be reached: self-signed certificate/,
    );
  });

  it('settings that do not fit are refused with what is missing', async () => {
    server = new FakeVault({});
    await server.start();
    const read = (given: Record<string, string>): unknown => readVaultSettings(given, {});
    const address = 'https://vault:8200';
    expect(read({})).toBeUndefined();
    expect(() => read({ auth: 'token' })).toThrow(/address \(or VAULT_ADDR\) is missing/);
    expect(() => read({ address })).toThrow(/auth token needs token-file, or the variable VAULT_TOKEN/);
    expect(() => read({ address: 'vault:8200', 'token-file': '/t' })).toThrow(/address must be like/);
    expect(() => read({ address, auth: 'approle', 'role-id': 'r' })).toThrow(/approle needs secret-id-file/);
    expect(() => read({ address, auth: 'ldap' })).toThrow(/auth must be token, approle, kubernetes, jwt/);
    expect(() => read({ address, 'role-id': 'r' })).toThrow(/role-id is none of address, .*with auth token/);
  });
});
