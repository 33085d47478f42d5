import { findRedisServer, startRedis } from '@hybrid/servers';
import { Redis } from 'ioredis';
import { join } from 'node:path';
import type { Cleanup } from '../../queue/cleanup.js';
import type { QueuePlace } from './queue-place.js';

const STREAM = 'hybrid:deliveries';
const GROUP = 'control-plane';
const ASIDE = 'hybrid:aside';

/** As docs/queues.md has it. */
const RULES = {
  relay: `-@all ~${STREAM} +xadd +exists`,
  reader: `-@all ~${STREAM} +xreadgroup +xautoclaim +xclaim +xpending +xlen +xrange +xack +xdel (-@all ~${ASIDE} +xadd)`,
};

export interface RedisPlace extends QueuePlace {
  /** Of somebody who may do everything. */
  url: string;
}

/** With `appendfsync always`. Null where there is no redis-server. */
export async function redisPlace(directory: string, cleanup: Cleanup): Promise<RedisPlace | null> {
  if (!(await findRedisServer().catch(() => null))) return null;
  const redis = await startRedis({ dataDir: join(directory, 'redis'), users: RULES });
  cleanup.add(() => redis.stop());
  const owner = new Redis(redis.url);
  await owner.xgroup('CREATE', STREAM, GROUP, '0', 'MKSTREAM');
  owner.disconnect();
  return {
    url: redis.url,
    queue: {
      kind: 'redis',
      url: `redis://127.0.0.1:${redis.port}`,
      stream: STREAM,
      group: GROUP,
      aside: ASIDE,
    },
    writer: redis.credentialOf('relay'),
    reader: redis.credentialOf('reader'),
    get pid() {
      return redis.process.pid;
    },
    away: () => redis.kill(),
    back: () => redis.restart(),
  };
}
