import { identityRequests } from '@hybrid/contracts';
import { eventually } from '@hybrid/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ADDRESS, IdentityBench } from '../identity.fixtures.js';

const { recordRefusal, sessionEnded, sessionStarted } = identityRequests;

describe('who came and went, and who was not let in, over NATS', () => {
  let bench: IdentityBench;
  beforeAll(async () => {
    bench = await IdentityBench.start();
  });
  afterAll(() => bench?.stop());

  const session = {
    session_id: 'ab'.repeat(16),
    user_id: 'ada',
    provider: 'google',
    device: 'Firefox',
    expires_at: '2030-01-01T00:00:00.000Z',
  };

  it('is written down once, with who it was and from where', async () => {
    const { session_id, user_id, ...told } = session;
    const [mine, theirs] = [bench.call('default', 'ada'), bench.call('default', 'root')];
    for (let time = 0; time < 2; time++) expect(await bench.send(sessionStarted, session, mine)).toBeNull();
    const end = { session_id, user_id, reason: 'forced' as const };
    for (let time = 0; time < 2; time++) expect(await bench.send(sessionEnded, end, theirs)).toBeNull();
    const at = expect.any(String) as unknown;
    expect(
      (await bench.stream('session', session_id)).map(({ type, data, metadata: { actor, address } }) => [
        type,
        data,
        actor,
        address,
      ]),
    ).toEqual([
      ['SessionStarted', { user_id, ...told, at }, { type: 'user', id: 'ada' }, ADDRESS],
      ['SessionEnded', { user_id, reason: 'forced', at }, { type: 'user', id: 'root' }, ADDRESS],
    ]);
    await eventually(() =>
      expect(bench.published.map(({ type, data }) => [type, data])).toEqual([
        ['SessionChanged', { session_id, user_id, status: 'STARTED' }],
        ['SessionChanged', { session_id, user_id, status: 'ENDED' }],
      ]),
    );
    expect(JSON.stringify(bench.published)).not.toContain(ADDRESS);
  });

  it('refuses to end what is not there, or not theirs', async () => {
    const refused = { problem: { kind: 'not_found', code: 'session_not_found' } };
    const call = bench.call('default', 'eve');
    for (const end of [
      { session_id: 'cd'.repeat(16), user_id: 'eve' },
      { session_id: session.session_id, user_id: 'eve' },
    ])
      await expect(bench.send(sessionEnded, { ...end, reason: 'signed-out' }, call)).rejects.toMatchObject(
        refused,
      );
  });

  it('counts a refusal once for each address and minute', async () => {
    const refusal = {
      what: 'sign-in' as const,
      code: 'not_a_member',
      where: 'google',
      count: 3,
      since: '2030-01-01T00:00:00.000Z',
    };
    const call = bench.call('default', 'unknown');
    for (let time = 0; time < 2; time++) expect(await bench.send(recordRefusal, refusal, call)).toBeNull();
    await bench.send(recordRefusal, refusal, { ...call, address: '203.0.113.10' });
    const refusals = async () => {
      const found: unknown[] = [];
      for await (const { event } of bench.platform.connections.eventStore.readAll())
        if (event?.streamId.startsWith('refusal-')) found.push([event.type, event.data, event.metadata]);
      return found;
    };
    const at = expect.any(String) as unknown;
    expect(await refusals()).toEqual(
      [ADDRESS, '203.0.113.10'].map((address) => [
        'AccessRefused',
        { ...refusal, at },
        expect.objectContaining({ org: 'default', address }),
      ]),
    );
    await eventually(() =>
      expect(bench.published.filter(({ type }) => type === 'AccessRefused')).toHaveLength(2),
    );
  });
});
