import { findRedisServer, startRedis, type RedisServer } from '@hybrid/servers';
import { describe, expect, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from 'redis';
import { openWriter } from '../open.js';
import { describeQueue } from '../queue-contract.fixtures.js';
import { readerRules, writerRules } from './redis-access.js';

const absent = await findRedisServer().then(
  () => undefined,
  (error: Error) => error.message,
);
if (absent) describe.skip(`queues of Redis (skipped: ${absent})`, () => undefined);
else {
  it('tells a credential without a user from a server that is away', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'hybrid-redis-queue-'));
    const redis = await startRedis({ dataDir });
    const client = createClient({ url: redis.url });
    await client.connect();
    await client.sendCommand(['ACL', 'SETUSER', 'default', 'on', 'nopass']);
    client.destroy();
    const names = { stream: 'in', group: 'readers', aside: 'aside' };
    const queue = { kind: 'redis', url: `redis://127.0.0.1:${redis.port}`, ...names } as const;
    const writer = await openWriter(queue, { credential: 'a-password', allowPlainText: true });
    await expect(writer.send(['never'])).rejects.toMatchObject({
      code: 'queue_denied',
      message: expect.stringContaining('user:password') as unknown,
    });
    await writer.close();
    await redis.stop();
    await rm(dataDir, { recursive: true });
  });

  describeQueue('redis', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'hybrid-redis-queue-'));
    const names = { stream: 'hybrid:deliveries', group: 'control-plane', aside: 'hybrid:aside' };
    const rules = { kind: 'redis', url: '', ...names } as const;
    const redis: RedisServer = await startRedis({
      dataDir,
      users: {
        relay: `${writerRules(rules)} (${writerRules({ ...rules, stream: 'hybrid:nothing' })})`,
        reader: readerRules(rules),
        readerAndMore: `${readerRules(rules)} (-@all ~hybrid:* +xadd)`,
        stranger: '-@all ~other +get',
      },
    });
    const url = `redis://127.0.0.1:${redis.port}`;
    const asked = async <T>(ask: (client: ReturnType<typeof createClient>) => Promise<T>): Promise<T> => {
      const client = createClient({ url: redis.url });
      await client.connect();
      try {
        return await ask(client);
      } finally {
        client.destroy();
      }
    };
    await asked((client) => client.xGroupCreate(names.stream, names.group, '0', { MKSTREAM: true }));
    const config = { ...rules, url };
    return {
      writer: config,
      reader: config,
      options: { leaseMs: 1_500 },
      credentials: {
        writer: redis.credentialOf('relay'),
        reader: redis.credentialOf('reader'),
        tooMuch: redis.credentialOf('readerAndMore'),
        wrong: 'reader:wrong-secret',
        stranger: redis.credentialOf('stranger'),
      },
      missing: { writer: { ...config, stream: 'hybrid:nothing' }, reader: { ...config, group: 'nobody' } },
      aside: () =>
        asked(async (client) =>
          (await client.xRange(names.aside, '-', '+')).map(({ message }) => JSON.stringify(message)),
        ),
      state: () =>
        asked((client) =>
          Promise.all(
            [names.stream, names.aside].map(async (stream) => {
              const {
                length,
                'last-generated-id': last,
                'entries-added': added,
              } = await client.xInfoStream(stream);
              return {
                length,
                last,
                added,
                groups: await client.xPending(stream, names.group).catch(() => null),
              };
            }),
          ),
        ),
      breakConnection: async () => void (await redis.kill()),
      mendConnection: () => redis.restart(),
      stop: async () => {
        await redis.stop();
        await rm(dataDir, { recursive: true });
      },
    };
  });
}
