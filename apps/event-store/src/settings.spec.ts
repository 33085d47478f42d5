import { describe, expect, it } from '@jest/globals';
import { BadSettingError, readSettings } from './settings.js';

describe('the settings', () => {
  it('have defaults for all but the directory', () => {
    expect(readSettings({ EVENT_STORE_DATA: '/data' })).toEqual({
      host: '127.0.0.1',
      port: 2113,
      directory: '/data',
      mapSize: 16 * 1024 ** 3,
      verifyEveryHours: 24,
    });
  });

  it('are read from the environment', () => {
    const environment = {
      EVENT_STORE_DATA: '/data',
      EVENT_STORE_HOST: '::1',
      EVENT_STORE_PORT: '0',
      EVENT_STORE_MAP_SIZE_GB: '0.5',
      EVENT_STORE_VERIFY_HOURS: '0',
    };
    expect(readSettings(environment)).toEqual({
      host: '::1',
      port: 0,
      directory: '/data',
      mapSize: 1024 ** 3 / 2,
      verifyEveryHours: 0,
    });
  });

  it.each([
    [{}, 'EVENT_STORE_DATA is not set'],
    [{ EVENT_STORE_DATA: '/d', EVENT_STORE_PORT: 'http' }, "EVENT_STORE_PORT is 'http'"],
    [{ EVENT_STORE_DATA: '/d', EVENT_STORE_PORT: '65536' }, 'EVENT_STORE_PORT'],
    [{ EVENT_STORE_DATA: '/d', EVENT_STORE_PORT: '-1' }, 'EVENT_STORE_PORT'],
    [{ EVENT_STORE_DATA: '/d', EVENT_STORE_PORT: '1.5' }, 'EVENT_STORE_PORT'],
    [{ EVENT_STORE_DATA: '/d', EVENT_STORE_MAP_SIZE_GB: '0' }, 'EVENT_STORE_MAP_SIZE_GB'],
  ])('refuse %o', (environment, message) => {
    expect(() => readSettings(environment)).toThrow(BadSettingError);
    expect(() => readSettings(environment)).toThrow(message);
  });

  const tls = { EVENT_STORE_TLS_CERT_FILE: '/tls/a.crt', EVENT_STORE_TLS_KEY_FILE: '/tls/a.key' };
  const users = { EVENT_STORE_USERS_FILE: '/users.json' };
  const everywhere = { EVENT_STORE_HOST: '0.0.0.0' };

  it('name the files of TLS and users, and the port of the health check', () => {
    const environment = { EVENT_STORE_DATA: '/d', ...tls, ...users, EVENT_STORE_HEALTH_PORT: '2114' };
    expect(readSettings(environment)).toMatchObject({
      tls: { certFile: '/tls/a.crt', keyFile: '/tls/a.key' },
      usersFile: '/users.json',
      healthPort: 2114,
    });
  });

  it.each([
    [everywhere, /EVENT_STORE_HOST is '0\.0\.0\.0'.*EVENT_STORE_INSECURE=true/],
    [{ EVENT_STORE_HOST: '::' }, 'EVENT_STORE_INSECURE=true'],
    [{ EVENT_STORE_HOST: '127.evil.example' }, 'EVENT_STORE_INSECURE=true'],
    [{ ...everywhere, ...tls }, 'EVENT_STORE_INSECURE=true'],
    [{ ...everywhere, ...users }, 'EVENT_STORE_USERS_FILE is set, but TLS is not'],
    [{ ...users, EVENT_STORE_INSECURE: 'true' }, 'EVENT_STORE_USERS_FILE is set, but TLS is not'],
    [{ EVENT_STORE_TLS_CERT_FILE: '/tls/a.crt' }, 'belong together'],
    [{ EVENT_STORE_TLS_KEY_FILE: '/tls/a.key' }, 'belong together'],
    [{ EVENT_STORE_INSECURE: 'yes' }, "EVENT_STORE_INSECURE is 'yes'"],
    [{ EVENT_STORE_HEALTH_PORT: '70000' }, "EVENT_STORE_HEALTH_PORT is '70000'"],
  ])('refuse to be open by mistake: %o', (environment, message) => {
    const read = () => readSettings({ EVENT_STORE_DATA: '/d', ...environment });
    expect(read).toThrow(BadSettingError);
    expect(read).toThrow(message);
  });

  it.each([
    { EVENT_STORE_HOST: 'localhost' },
    { EVENT_STORE_HOST: '127.0.0.2' },
    { ...everywhere, EVENT_STORE_INSECURE: 'true' },
    { ...everywhere, ...tls, ...users },
    tls,
  ])('allow %o', (environment) => {
    expect(readSettings({ EVENT_STORE_DATA: '/d', ...environment })).toMatchObject({ directory: '/d' });
  });
});
