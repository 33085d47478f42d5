/** Redis as BullMQ needs it to keep its word: every write synced before it is answered. */
import { findProgram, startProcess, type RunningProcess } from '@hybrid/servers';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

export const NO_REDIS =
  'no redis-server on this machine: BullMQ is left out (Debian, Ubuntu: apt-get install redis-server)';

/** On a unix socket in `directory` alone. Null where there is no redis-server. */
export async function startRedis(
  directory: string,
): Promise<{ process: RunningProcess<object>; socket: string } | null> {
  const program = findProgram('redis-server');
  if (!program) return null;
  await mkdir(directory, { recursive: true });
  const socket = join(directory, 'redis.sock');
  const settings = {
    port: '0',
    unixsocket: socket,
    unixsocketperm: '700',
    dir: directory,
    appendonly: 'yes',
    appendfsync: 'always',
    save: '',
    daemonize: 'no',
  };
  const process = await startProcess({
    name: 'redis',
    command: program,
    args: Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]),
    readyLine: (line) => (/ready to accept connections/i.test(line) ? {} : undefined),
  });
  await process.ready;
  return { process, socket };
}
