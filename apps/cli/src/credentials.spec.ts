import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { resolveConnection } from './connection.js';
import { removeToken, savedToken, saveToken } from './credentials.js';

const HERE = 'http://127.0.0.1:8080';

describe('the tokens of hybrid login', () => {
  let directory: string;
  let env: NodeJS.ProcessEnv;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'hybrid-credentials-'));
    env = { XDG_CONFIG_HOME: join(directory, 'config'), HYBRID_DATA: join(directory, 'data') };
    mkdirSync(env['HYBRID_DATA']!);
    writeFileSync(join(env['HYBRID_DATA']!, 'admin-token'), 'of-the-administrator\n');
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const token = (more: NodeJS.ProcessEnv = {}) => resolveConnection({}, { ...env, ...more }).token;

  it('are kept by address, for their owner alone', () => {
    saveToken(HERE, 'one', env);
    saveToken('https://there', 'two', env);
    expect([savedToken(HERE, env), savedToken('https://there', env), savedToken('https://x', env)]).toEqual([
      'one',
      'two',
      undefined,
    ]);
    removeToken(HERE, env);
    expect([savedToken(HERE, env), savedToken('https://there', env)]).toEqual([undefined, 'two']);
    const folder = join(env['XDG_CONFIG_HOME']!, 'hybrid');
    expect(readdirSync(folder)).toEqual(['credentials.json']);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(statSync(join(folder, 'credentials.json')).mode & 0o777).toBe(0o600);
  });

  it('come after what is said, and before what lies about', () => {
    expect(token()).toBe('of-the-administrator');
    saveToken(HERE, 'of-login', env);
    expect(token()).toBe('of-login');
    expect(token({ HYBRID_URL: 'https://there' })).toBe('of-the-administrator');
    expect(token({ HYBRID_TOKEN: 'said' })).toBe('said');
  });

  it('are found with and without a slash at the end of the address', () => {
    saveToken(resolveConnection({ url: `${HERE}/` }, env).url, 'of-login', env);
    expect(token()).toBe('of-login');
  });

  it('a damaged file is told, and not what stands there', () => {
    saveToken(HERE, 'one', env);
    writeFileSync(join(env['XDG_CONFIG_HOME']!, 'hybrid/credentials.json'), '{"hys_half');
    expect(() => token()).toThrow(/damaged: remove it/);
    expect(() => token()).not.toThrow(/hys_half/);
  });
});
