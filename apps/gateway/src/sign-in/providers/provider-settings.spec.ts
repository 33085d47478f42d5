import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readProviders } from './provider-settings.js';

describe('the file of providers', () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'hybrid-providers-'));
    await writeFile(join(directory, 'secret'), 'from-file\n');
    await writeFile(join(directory, 'empty'), '\n');
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  async function read(text: string, env: NodeJS.ProcessEnv = { SECRET: 'from-env' }) {
    const file = join(directory, 'providers.yaml');
    await writeFile(file, text.replaceAll('DIR', directory));
    return readProviders(file, env);
  }

  it('is not needed', async () => expect(await readProviders(undefined)).toEqual([]));

  it('knows Google and GitHub, and any issuer', async () =>
    expect(
      await read(`
google: { client_id: g, client_secret_file: DIR/secret }
github: { client_id: h, client_secret_env: SECRET }
ghe: { kind: github, title: Work, url: 'https://git.example.com/', client_id: h, client_secret_env: SECRET }
acme: { issuer: 'https://sso.example.com/realms/all', client_id: a, scopes: [openid] }
`),
    ).toEqual([
      {
        name: 'google',
        title: 'Google',
        issuer: 'https://accounts.google.com',
        client_id: 'g',
        client_secret: 'from-file',
        scopes: ['openid', 'profile', 'email'],
      },
      {
        name: 'github',
        title: 'GitHub',
        url: 'https://github.com',
        api_url: 'https://api.github.com',
        client_id: 'h',
        client_secret: 'from-env',
        scopes: ['read:user', 'user:email'],
      },
      {
        name: 'ghe',
        title: 'Work',
        url: 'https://git.example.com',
        api_url: 'https://git.example.com/api/v3',
        client_id: 'h',
        client_secret: 'from-env',
        scopes: ['read:user', 'user:email'],
      },
      {
        name: 'acme',
        title: 'acme',
        issuer: 'https://sso.example.com/realms/all',
        client_id: 'a',
        scopes: ['openid'],
      },
    ]));

  it('may be JSON', async () =>
    expect(await read('{"google": {"client_id": "g"}}')).toMatchObject([{ name: 'google' }]));

  it.each([
    ['[]', /must hold providers by their names/],
    ['a: [', /is no YAML/],
    ['local: { client_id: a }', /local: a name must/],
    ['"A b": { client_id: a }', /A b: a name must/],
    ['google: x', /google: must have fields/],
    ['google: { client_id: a, client_secret: hush-hush }', /there is no field client_secret;/],
    ['google: {}', /client_id is missing/],
    ['google: { client_id: 1 }', /client_id must be a text/],
    ['acme: { client_id: a }', /acme: issuer is missing/],
    ['acme: { client_id: a, issuer: "http://sso.example.com" }', /issuer must be an address/],
    ['acme: { client_id: a, issuer: "http://127.0.0.1.evil.example" }', /issuer must be an address/],
    ['github: { client_id: a }', /GitHub needs client_secret_file/],
    ['google: { client_id: a, client_secret_env: NONE }', /the variable NONE is not set/],
    ['google: { client_id: a, client_secret_file: DIR/none }', /client_secret_file cannot be read/],
    ['google: { client_id: a, client_secret_file: DIR/empty }', /is empty/],
    ['google: { client_id: a, client_secret_file: DIR/secret, client_secret_env: SECRET }', /not both/],
    ['google: { client_id: a, scopes: [email] }', /scopes must have openid/],
    ['google: { client_id: a, kind: saml }', /kind must be oidc or github/],
  ])('%j is refused', async (text, message) => {
    const failure = await read(text).catch((error: Error) => error.message);
    expect(failure).toMatch(/^HYBRID_PROVIDERS_FILE /);
    expect(failure).toMatch(message);
    expect(failure).not.toContain('hush-hush');
  });
});
