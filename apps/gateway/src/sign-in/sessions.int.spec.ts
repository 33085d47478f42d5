import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { jetstreamManager } from '@nats-io/jetstream';
import { millis } from '@nats-io/transport-node';
import { eventually } from '@hybrid/testing';
import { startPlatform, type Platform } from '@hybrid/test-platform';
import { readSecretToken } from '../identity/secret-token.js';
import { Logins } from './logins.js';
import { Sessions } from './sessions.js';

const ADA = '11111111-1111-5111-8111-111111111111';
const BOB = '22222222-2222-5222-8222-222222222222';

describe('sessions in NATS', () => {
  let platform: Platform;
  const nats = () => platform.connections.nats;
  beforeAll(async () => {
    platform = await startPlatform();
  });
  afterEach(async () => {
    const manager = await jetstreamManager(nats());
    for (const name of ['KV_SESSIONS', 'KV_LOGINS']) await manager.streams.delete(name).catch(() => false);
  });
  afterAll(() => platform?.stop());

  const begin = async (sessions: Sessions, user_id = ADA, org = 'default') => {
    const made = sessions.make({ user_id, org, provider: 'acme', device: 'a browser', address: '127.0.0.1' });
    await sessions.keep(made.session);
    return { ...made, secret: readSecretToken(made.token)! };
  };

  it('are the same for every gateway, and over for all of them at once', async () => {
    const one = await Sessions.open(nats(), 3600);
    const two = await Sessions.open(nats(), 3600);
    const { session, secret } = await begin(one);
    expect(await two.find(secret)).toEqual(session);
    await two.end(session);
    expect(await one.find(secret)).toBeNull();
    expect(await one.list(ADA, 'default')).toEqual([]);
  });

  it('are found by the whole token only', async () => {
    const sessions = await Sessions.open(nats(), 3600);
    const { session } = await begin(sessions);
    const forged = { id: session.session_id, sha256: session.session_id + '0'.repeat(32) };
    expect(await sessions.find(forged)).toBeNull();
    expect(JSON.stringify(session)).not.toContain('hys_');
  });

  it('are listed by person and organisation, the newest first', async () => {
    const sessions = await Sessions.open(nats(), 3600);
    const first = await begin(sessions);
    await eventually(() => expect(new Date().toISOString() > first.session.created_at).toBe(true));
    const second = await begin(sessions);
    await begin(sessions, ADA, 'other');
    await begin(sessions, BOB);
    expect(await sessions.list(ADA, 'default')).toEqual([second.session, first.session]);
    for (const name of ['*', '>', '', `${ADA}.*`]) expect(await sessions.list(name, 'default')).toEqual([]);
  });

  it('last as long as the setting says, also where the bucket was made with another', async () => {
    await Sessions.open(nats(), 3600);
    for (const seconds of [60, 86_400]) {
      const { session } = await begin(await Sessions.open(nats(), seconds));
      expect(Date.parse(session.expires_at) - Date.parse(session.created_at)).toBe(seconds * 1000);
      const { config } = await (await jetstreamManager(nats())).streams.info('KV_SESSIONS');
      expect(millis(config.max_age)).toBe(seconds * 1000);
      // Only the leader may answer: a replica that is behind would know a session that has ended.
      expect(config.allow_direct).toBe(false);
    }
  });

  it('that are over are none, before the bucket has dropped them', async () => {
    const sessions = await Sessions.open(nats(), 3600);
    const { session, token } = sessions.make({
      user_id: ADA,
      org: 'default',
      provider: 'acme',
      device: null,
      address: '127.0.0.1',
    });
    await sessions.keep({ ...session, expires_at: new Date(Date.now() - 1).toISOString() });
    expect(await sessions.find(readSecretToken(token)!)).toBeNull();
  });

  it('of a sign-in under way are for one who comes back, of many', async () => {
    const gateways = await Promise.all([Logins.open(nats()), Logins.open(nats())]);
    const attempt = { provider: 'acme', origin: 'http://127.0.0.1', key: 'k1', return_to: '/' };
    const { secret, state } = await gateways[0].begin(attempt);
    expect(state).not.toContain(secret);
    const taken = await Promise.all(Array.from({ length: 10 }, (_, n) => gateways[n % 2]!.take(secret)));
    expect(taken.filter((one) => one !== null)).toEqual([attempt]);
  });

  it('count every wrong code, of many at once, too', async () => {
    const logins = await Logins.open(nats());
    await Promise.all(Array.from({ length: 5 }, () => logins.countWrongCode(ADA)));
    expect(await logins.wrongCodes(ADA)).toBe(5);
    expect(await logins.wrongCodes(BOB)).toBe(0);
  });
});
