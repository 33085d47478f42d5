import { identityRequests, problem, type Refusal } from '@hybrid/contracts';
import { eventually } from '@hybrid/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startMessaging, type Messaging } from '../queue/fake-queue.fixtures.js';
import { Refusals } from './refusals.js';

const HOUR = 3_600_000;

describe('refusals', () => {
  let messaging: Messaging;
  let refusals: Refusals;
  let told: Refusal[];

  beforeAll(async () => {
    messaging = await startMessaging();
  });
  afterAll(() => messaging?.stop());
  beforeEach(() => {
    told = [];
    refusals = new Refusals(messaging.requests, HOUR);
  });
  afterEach(async () => {
    await refusals.onModuleDestroy();
    await messaging.forget();
  });

  const serve = () =>
    messaging.serve(identityRequests.recordRefusal, async (refusal) => {
      told.push(refusal);
      return null;
    });
  const sum = () => told.reduce((all, { count }) => all + count, 0);

  it('of a kind, a place and an address are counted, and told once', async () => {
    await serve();
    const where = 'GET /api/runs';
    for (let n = 0; n < 5; n++)
      refusals.refused({ what: 'credential', code: 'unknown', where, address: '192.0.2.1' });
    refusals.refused({ what: 'credential', code: 'unknown', where, address: '192.0.2.2' });
    refusals.refusedBy(problem('forbidden', 'forbidden', 'no'), { where, address: '192.0.2.1', org: 'acme' });
    refusals.refusedBy(problem('not_found', 'run_not_found', 'no'), { where });
    refusals.refusedBy(new Error('broken'), { where });
    await refusals.tell();
    expect(told.map(({ what, code, count }) => ({ what, code, count }))).toEqual([
      { what: 'credential', code: 'unknown', count: 5 },
      { what: 'credential', code: 'unknown', count: 1 },
      { what: 'permission', code: 'forbidden', count: 1 },
    ]);
    await refusals.tell();
    expect(told).toHaveLength(3);
  });

  it('of a flood from everywhere are few in memory and few when told, and none is lost', async () => {
    await serve();
    for (let n = 0; n < 50_000; n++) {
      refusals.refused({
        ...{ what: 'credential', code: `code ${n % 7}`, where: `route ${n % 11}`, org: `org ${n % 3}` },
        address: `192.0.${n >> 8}.${n & 255}`,
        actor: { type: 'user', id: `user ${n % 5}` },
      });
      expect(refusals.size).toBeLessThanOrEqual(103);
    }
    await refusals.tell();
    expect(told.length).toBeLessThanOrEqual(103);
    expect(sum()).toBe(50_000);
  });

  it('are kept while identity is away, and told when it is back', async () => {
    refusals.refused({ what: 'sign-in', code: 'not_a_member', where: 'google' });
    await refusals.tell();
    refusals.refused({ what: 'sign-in', code: 'not_a_member', where: 'google' });
    expect(refusals.size).toBe(1);
    await serve();
    await refusals.tell();
    expect(told).toMatchObject([{ what: 'sign-in', where: 'google', count: 2 }]);
  });

  it('are told by themselves, and at the stop', async () => {
    await serve();
    const often = new Refusals(messaging.requests, 50);
    often.refused({ what: 'sign-in', code: 'a', where: 'google' });
    await eventually(() => expect(told).toHaveLength(1));
    await often.onModuleDestroy();
    refusals.refused({ what: 'sign-in', code: 'b', where: 'google' });
    await refusals.onModuleDestroy();
    expect(told.map(({ code }) => code)).toEqual(['a', 'b']);
  });
});
