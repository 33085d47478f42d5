import { routingRequests } from '@hybrid/contracts';
import { findRedisServer, startRedis, type RedisServer } from '@hybrid/servers';
import { eventually } from '@hybrid/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createClient } from 'redis';
import { RoutingBench } from '../routing.fixtures.js';

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
    let credentials: string;

    beforeAll(async () => {
      bench = await RoutingBench.start();
      credentials = join(bench.platform.directory, 'credentials');
      await mkdir(join(credentials, 'default'), { recursive: true });
      Object.assign(process.env, { HYBRID_QUEUE_CREDENTIALS: credentials, HYBRID_PRIVATE_QUEUES: 'yes' });
      redis = await startRedis({
        dataDir: join(bench.platform.directory, 'redis'),
        users: { reader: READER },
      });
      const client = createClient({ url: redis.url });
      await client.connect();
      await client.xGroupCreate('in', 'readers', '0', { MKSTREAM: true });
      client.destroy();
      await bench.replica();
    });
    afterAll(async () => {
      delete process.env['HYBRID_QUEUE_CREDENTIALS'];
      delete process.env['HYBRID_PRIVATE_QUEUES'];
      await redis?.stop();
      await bench?.stop();
    });

    const hand = (user?: string) =>
      writeFile(join(credentials, 'default', 'reader'), `${redis.credentialOf(user)}\n`);
    const becomes = (wanted: object) =>
      eventually(async () => expect(await bench.send(one, { connection: 'redis' })).toMatchObject(wanted));

    it('are looked at anew, though the refused one could be opened', async () => {
      await hand();
      await bench.put('redis', {
        queue: {
          kind: 'redis',
          url: `redis://127.0.0.1:${redis.port}`,
          stream: 'in',
          group: 'readers',
          aside: 'aside',
        },
        credentials: { control_plane: { name: 'reader' } },
      });
      await becomes({ status: 'REFUSED', message: expect.stringContaining('XADD') as unknown });
      await hand('reader');
      await becomes({ status: 'CONNECTED', message: null });
    });
  },
);
