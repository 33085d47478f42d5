import 'reflect-metadata';
import { describe, expect, it } from '@jest/globals';
import { readSettings, ServerSettings, SettingsError } from './settings.js';

const good = {
  NATS_URL: 'nats://hybrid:pass@127.0.0.1:4222',
  EVENTSTORE_URL: 'esdb://127.0.0.1:2113?tls=false',
  DATABASE_URL: 'postgres://hybrid:pass@127.0.0.1:5432/postgres',
};

function failure(env: Record<string, string>): Error {
  try {
    readSettings(ServerSettings, 'queue', env);
  } catch (error) {
    return error as Error;
  }
  throw new Error('they were accepted');
}

describe('settings', () => {
  it('are read from the environment, whatever else is in it', () => {
    expect(readSettings(ServerSettings, 'queue', { ...good, PATH: '/bin' })).toMatchObject(good);
  });

  it('that are wrong are all named at once, with how they must look', () => {
    const error = failure({});
    expect(error).toBeInstanceOf(SettingsError);
    expect(error.message.split('\n')).toEqual([
      'queue cannot start:',
      '  - NATS_URL must look like nats://user:password@host:4222',
      '  - EVENTSTORE_URL must look like esdb://host:2113?tls=false',
      '  - DATABASE_URL must look like postgres://user:password@host:5432/database',
    ]);
  });

  it('that are right are not named', () => {
    expect(failure({ ...good, EVENTSTORE_URL: '' }).message).not.toMatch(/NATS_URL|DATABASE_URL/);
  });

  it('never show their value: it may be a password', () => {
    const error = failure({ ...good, NATS_URL: 'swordfish', DATABASE_URL: 'mysql://u:swordfish@h/d' });
    expect(`${error.message} ${JSON.stringify(error)} ${String(error.stack)}`).not.toContain('swordfish');
  });
});
