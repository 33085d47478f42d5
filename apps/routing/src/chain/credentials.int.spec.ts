import { routingRequests } from '@hybrid/contracts';
import { signDelivery } from '@hybrid/delivery';
import { findRedisServer, startRedis, type RedisServer } from '@hybrid/servers';
import { eventually } from '@hybrid/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createClient } from 'redis';
import { delivery, RoutingBench } from '../routing.fixtures.js';

const { connection: one } = routingRequests;
const READER =
  '-@all ~in +xreadgroup +xautoclaim +xclaim +xpending +xlen +xrange +xack +xdel (-@all ~aside +xadd)';
const absent = await findRedisServer().then(
  () => undefined,
  (error: Error) => error.message,
);

(absent ? describe.skip : describe)(
  `credentials that the operator replaces${absent ? ` (skipped: ${absent})` : ''}`,
  () => {
    let bench: RoutingBench;
    let redis: RedisServer;
    let client: ReturnType<typeof createClient>;
    let credentials: string;

    beforeAll(async () => {
      bench = await RoutingBench.start();
      credentials = join(bench.platform.directory, 'credentials');
      await mkdir(join(credentials, 'default'), { recursive: true });
      Object.assign(process.env, { HYBRID_QUEUE_CREDENTIALS: credentials, HYBRID_PRIVATE_QUEUES: 'yes' });
      redis = await startRedis({
        dataDir: join(bench.platform.directory, 'redis'),
        users: { reader: READER, decider: '-@all ~told +xadd +exists' },
      });
      client = await createClient({ url: redis.url }).connect();
      for (const stream of ['in', 'told'])
        await client.xGroupCreate(stream, 'readers', '0', { MKSTREAM: true });
      await bench.pipelines();
      await bench.replica();
    });
    afterAll(async () => {
      delete process.env['HYBRID_QUEUE_CREDENTIALS'];
      delete process.env['HYBRID_PRIVATE_QUEUES'];
      client?.destroy();
      await redis?.stop();
      await bench?.stop();
    });

    const queue = (stream: string) => ({
      kind: 'redis',
      url: `redis://127.0.0.1:${redis.port}`,
      stream,
      group: 'readers',
      aside: 'aside',
    });
    const hand = (name: string, user?: string) =>
      writeFile(join(credentials, 'default', name), `${redis.credentialOf(user)}\n`);
    const becomes = (connection: string, wanted: object) =>
      eventually(async () => expect(await bench.send(one, { connection })).toMatchObject(wanted));
    const saying = (text: string) => expect.stringContaining(text) as unknown;

    it('are looked at anew, though the refused one could be opened', async () => {
      await hand('reader');
      const control_plane = { name: 'reader' };
      await bench.put('redis', { queue: queue('in'), credentials: { control_plane } });
      await becomes('redis', { status: 'REFUSED', message: saying('XADD') });
      await hand('reader', 'reader');
      await becomes('redis', { status: 'CONNECTED', message: null });
      await bench.send(routingRequests.deleteConnection, { connection: 'redis' });
    });

    it('hold back what cannot be told to the queue of decisions, until it can', async () => {
      await hand('teller', 'reader');
      await hand('teller.decisions', 'reader');
      await bench.put('teller', {
        queue: queue('in'),
        decisions: queue('told'),
        credentials: { control_plane: { name: 'teller' } },
        routes: { rules: [], default: { do: 'send', message: { kind: '{{kind}}' } } },
      });
      const relay = await bench.relay('teller');
      const deliver = async () => {
        const sent = delivery({ relay_id: relay.relay_id });
        await client.xAdd('in', '*', { body: await signDelivery(sent, relay.key) });
        return sent.id;
      };
      const sent = (delivery_id: string) =>
        eventually(async () =>
          expect(await bench.send(routingRequests.delivery, { delivery_id })).toMatchObject({
            status: 'SENT',
          }),
        );
      const first = await deliver();
      await becomes('teller', { status: 'REFUSED', message: saying('decisions: ') });
      await hand('teller.decisions', 'decider');
      await sent(first);
      await client.sendCommand(['ACL', 'SETUSER', 'decider', '-xadd']);
      const second = await deliver();
      await becomes('teller', { status: 'REFUSED', message: saying('decisions: ') });
      await client.sendCommand(['ACL', 'SETUSER', 'decider', '+xadd']);
      await sent(second);
      expect(await client.xLen('told')).toBe(2);
    });
  },
);
