import { routingRequests, type RelayHeartbeat } from '@hybrid/contracts';
import { callBy } from '@hybrid/test-platform';
import { eventually } from '@hybrid/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { RoutingBench } from '../routing.fixtures.js';

const { registerRelay, heartbeat, removeRelay, relays, relay: one, relayAccess } = routingRequests;
const figures: RelayHeartbeat = {
  received: 10,
  refused: 1,
  duplicates: 2,
  sent: 7,
  spooled: 0,
  lag_seconds: 0,
  queue: 'up',
  uptime_seconds: 60,
};
const unknown = { problem: { kind: 'unauthenticated', code: 'relay_unknown' } };
const notFound = { problem: { kind: 'not_found', code: 'relay_not_found' } };

describe('relays, over NATS, with two replicas', () => {
  let bench: RoutingBench;

  beforeAll(async () => {
    bench = await RoutingBench.start();
    await Promise.all([bench.replica(), bench.replica()]);
    await mkdir(bench.pathOf('shop'));
  });
  afterAll(() => bench?.stop());

  const beat = (relay_id: string, more: Partial<RelayHeartbeat> = {}, call = bench.admin) =>
    bench.send(heartbeat, { ...figures, ...more, relay_id }, call);

  it('register, and answer the same to the same again', async () => {
    const { view, request, relay_id } = await bench.relay('shop', { version: '1.2.3' });
    expect(view).toMatchObject({ relay_id, connection: 'shop', status: 'HEALTHY', version: '1.2.3' });
    expect(view.key_thumbprint).toMatch(/^[\w-]{43}$/);
    expect(await bench.send(registerRelay, request)).toEqual(view);
    await expect(bench.send(registerRelay, { ...request, connection: 'other' })).rejects.toMatchObject({
      problem: { code: 'idempotency_key_reused' },
    });
    expect(await bench.eventsOf(`relay-${relay_id}`)).toEqual(['RelayRegistered']);
  });

  it('open with their key, and with no other, until they are removed', async () => {
    const { relay_id, request } = await bench.relay('shop');
    const { key_sha256: sha256 } = request;
    expect(await bench.send(relayAccess, { relay_id, sha256 })).toEqual({ org: 'default', relay_id });
    for (const wrong of ['00'.repeat(32), '', 'zz'])
      await expect(bench.send(relayAccess, { relay_id, sha256: wrong })).rejects.toMatchObject(unknown);
    const forgotten: string[] = [];
    bench.platform.connections.nats.subscribe('live.identity.access.changed', {
      callback: (_, message) => void forgotten.push(message.json<{ subject: string }>().subject),
    });
    await bench.platform.connections.nats.flush();
    await bench.send(removeRelay, { relay_id });
    await expect(bench.send(relayAccess, { relay_id, sha256 })).rejects.toMatchObject(unknown);
    await eventually(() => expect(forgotten).toEqual([`relay:${relay_id}`]));
    await expect(beat(relay_id)).rejects.toMatchObject(notFound);
  });

  it('show how they fare: spooling, silent, back again', async () => {
    const { relay_id } = await bench.relay('shop');
    expect(await beat(relay_id)).toEqual({ status: 'HEALTHY', next_check_interval: 15 });
    expect(await bench.send(one, { relay_id })).toMatchObject({ received: 10, sent: 7, lag_seconds: 0 });
    expect(await beat(relay_id, { queue: 'down', spooled: 3, lag_seconds: 9 })).toMatchObject({
      status: 'DEGRADED',
    });
    expect(await bench.send(one, { relay_id })).toMatchObject({
      status_reason: expect.stringContaining('3 deliveries wait') as unknown,
      spooled: 3,
    });
    await eventually(async () =>
      expect(await bench.send(one, { relay_id })).toMatchObject({ status: 'OFFLINE' }),
    );
    expect(await beat(relay_id)).toMatchObject({ status: 'HEALTHY' });
  });

  it('are listed, by status and connection, of their organisation alone', async () => {
    const org = `org-${randomUUID().slice(0, 8)}`;
    const call = callBy('user', 'someone', org);
    const first = await bench.relay('shop', { connection: 'web' }, call);
    const second = await bench.relay('shop', { connection: 'api' }, call);
    await bench.send(removeRelay, { relay_id: second.relay_id }, call);
    await eventually(async () => {
      const { items } = await bench.send(relays, {}, call);
      expect(items.map(({ relay_id }) => relay_id)).toEqual([first.relay_id]);
    });
    expect(await bench.send(relays, { connection: 'web' }, call)).toMatchObject({ total: 1 });
    expect(await bench.send(relays, { connection: 'api' }, call)).toMatchObject({ total: 0 });
    expect(await bench.send(relays, { status: 'REMOVED' }, call)).toMatchObject({
      items: [{ relay_id: second.relay_id }],
    });
    await expect(bench.send(one, { relay_id: first.relay_id })).rejects.toMatchObject(notFound);
    await expect(bench.send(removeRelay, { relay_id: first.relay_id })).rejects.toMatchObject(notFound);
  });
});
