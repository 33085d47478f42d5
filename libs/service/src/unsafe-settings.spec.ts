import { describe, expect, it } from '@jest/globals';
import { unsafeSettings } from './unsafe-settings.js';

const safe = {
  NATS_URL: 'tls://queue:swordfish@nats.example:4222',
  EVENTSTORE_URL: 'esdb+discover://queue:swordfish@events.example:2113?tls=true&tlsCaFile=/ca.crt',
  DATABASE_URL: 'postgres://queue:swordfish@db.example:5432/hybrid?sslmode=verify-full&sslrootcert=/ca.crt',
};
const found = (change: Partial<typeof safe>) =>
  unsafeSettings({ ...safe, ...change }).map(({ setting, finding }) => `${setting}: ${finding}`);

describe('settings that are unsafe', () => {
  it('are none where all is encrypted and has a password', () => {
    expect(found({})).toEqual([]);
    expect(found({ EVENTSTORE_URL: 'esdb://queue:swordfish@one.example,two.example:2113' })).toEqual([]);
  });

  it.each(['127.0.0.1', 'localhost', '[::1]', '127.1.2.3'])('are none on the same machine: %s', (host) => {
    expect(
      found({
        NATS_URL: `nats://queue:swordfish@${host}:4222`,
        EVENTSTORE_URL: `esdb://${host}:2113?tls=false`,
        DATABASE_URL: `postgres://queue@${host}/hybrid`,
      }),
    ).toEqual([]);
    expect(found({ DATABASE_URL: 'postgres://queue@%2Fvar%2Frun%2Fpostgresql/hybrid' })).toEqual([]);
    expect(found({ DATABASE_URL: 'postgres:///hybrid?host=/var/run/postgresql' })).toEqual([]);
  });

  it.each([
    ['NATS_URL', 'nats://queue:swordfish@nats.example', /without TLS/],
    ['NATS_URL', 'nats://queue:swordfish@127.0.0.1.example.com:4222', /without TLS/],
    ['NATS_URL', 'tls://queue:swordfish@one.example,nats://two.example', /without TLS/],
    ['NATS_URL', 'nats://127.0.0.1:4222', /without a password/],
    ['NATS_URL', 'tls://token@nats.example', /without a password/],
    ['EVENTSTORE_URL', 'esdb://events.example:2113?tls=false', /without TLS/],
    ['EVENTSTORE_URL', 'esdb://127.0.0.1:2113,events.example:2113?TLS=false', /without TLS/],
    ['EVENTSTORE_URL', 'esdb://queue:swordfish@events.example?tlsVerifyCert=false', /not verified/],
    ['EVENTSTORE_URL', 'esdb://events.example?tls=true', /without user and password/],
    ['DATABASE_URL', 'postgres://queue:swordfish@db.example/hybrid', /without TLS/],
    ['DATABASE_URL', 'postgres://queue:swordfish@db.example/hybrid?sslmode=disable', /without TLS/],
    ['DATABASE_URL', 'postgres://queue:swordfish@db.example/hybrid?sslmode=no-verify', /not verified/],
    [
      'DATABASE_URL',
      'postgres://queue:swordfish@db.example/hybrid?uselibpqcompat=true&sslmode=require',
      /not verified/,
    ],
    ['DATABASE_URL', 'postgresql://queue@db.example/hybrid?sslmode=verify-full', /without a password/],
  ])('are told, with a remedy and without a secret: %s=%s', (setting, value, finding) => {
    const findings = unsafeSettings({ ...safe, [setting]: value });
    expect(findings).toEqual([
      { setting, finding: expect.stringMatching(finding), remedy: expect.stringMatching(/.{20}/) },
    ]);
    expect(JSON.stringify(findings)).not.toMatch(/swordfish|\.example/);
  });
});
