/** The peers on servers of their own: PostgreSQL with its default settings (synchronous_commit is on), and Redis. */
import { bundleOf, startPostgres, startProcess } from '@hybrid/servers';
import { join } from 'node:path';
import type { Cleanup } from '../cleanup.js';
import type { Target } from '../plan.js';
import { NO_REDIS, startRedis } from './redis.js';

export interface MeasuredPeer {
  name: string;
  target: Target;
  pids: Record<string, number>;
}

export async function startPeers(
  directory: string,
  cleanup: Cleanup,
  say: (text: string) => void,
): Promise<MeasuredPeer[]> {
  const postgres = await startPostgres({ dataDir: join(directory, 'peers-postgres') });
  cleanup.add(() => postgres.stop());
  const redis = await startRedis(join(directory, 'redis'));
  if (redis) cleanup.add(() => redis.process.stop());
  else say(NO_REDIS);
  const front = async (
    name: string,
    address: string,
    behind: Record<string, number>,
  ): Promise<MeasuredPeer> => {
    const server = await startProcess({
      name,
      command: process.execPath,
      args: [bundleOf('bench'), 'peer-front', name, address],
      env: { ...process.env, NODE_ENV: 'production' },
      log: join(directory, `${name}.log`),
    });
    cleanup.add(() => server.stop());
    const { port } = await server.ready;
    const target: Target = { kind: 'front', url: `http://127.0.0.1:${String(port)}` };
    return { name, target, pids: { front: server.pid, ...behind } };
  };
  const onPostgres = { postgres: postgres.process.pid };
  return [
    await front('pg-boss', postgres.url, onPostgres),
    await front('graphile-worker', postgres.url, onPostgres),
    ...(redis ? [await front('bullmq', redis.socket, { redis: redis.process.pid })] : []),
  ];
}
