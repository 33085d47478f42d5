import { describe, expect, it } from '@jest/globals';
import { BadSettingError, readSettings } from './settings.js';

describe('the settings', () => {
  it('have defaults for all but the directory', () => {
    expect(readSettings({ EVENT_STORE_DATA: '/data' })).toEqual({
      host: '127.0.0.1',
      port: 2113,
      directory: '/data',
      mapSize: 16 * 1024 ** 3,
    });
  });

  it('are read from the environment', () => {
    const environment = {
      EVENT_STORE_DATA: '/data',
      EVENT_STORE_HOST: '::1',
      EVENT_STORE_PORT: '0',
      EVENT_STORE_MAP_SIZE_GB: '0.5',
    };
    expect(readSettings(environment)).toEqual({
      host: '::1',
      port: 0,
      directory: '/data',
      mapSize: 1024 ** 3 / 2,
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
});
