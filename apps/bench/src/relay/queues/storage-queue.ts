import { QueueSASPermissions, QueueServiceClient, StorageSharedKeyCredential } from '@azure/storage-queue';
import { startProcess } from '@hybrid/servers';
import { mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Cleanup } from '../../queue/cleanup.js';
import type { QueuePlace } from './queue-place.js';

const ACCOUNT = 'hybridbench';
const KEY = Buffer.from('the key of an account of a bench').toString('base64');
const HOUR_MS = 3_600_000;

/** Our package.json overrides content-disposition by one that exports an object, where Azurite wants a function. */
const SHIM = `import { createRequire } from 'node:module';
const require = createRequire(process.argv[1]);
const path = require.resolve('content-disposition');
require(path);
require.cache[path].exports = () => 'attachment';`;

/** Azurite, Microsoft's emulator, in memory: an outage is one of its process, which stands still. */
export async function storageQueuePlace(directory: string, cleanup: Cleanup): Promise<QueuePlace> {
  const cwd = join(directory, 'azurite');
  await mkdir(cwd, { recursive: true });
  const main = createRequire(import.meta.url).resolve('azurite/dist/src/queue/main.js');
  const options =
    '--queueHost 127.0.0.1 --queuePort 0 --inMemoryPersistence --skipApiVersionCheck --disableTelemetry --silent';
  const server = await startProcess({
    name: 'azurite',
    command: process.execPath,
    args: ['--import', `data:text/javascript,${encodeURIComponent(SHIM)}`, main, ...options.split(' ')],
    cwd,
    env: { ...process.env, AZURITE_ACCOUNTS: `${ACCOUNT}:${KEY}` },
    log: join(directory, 'azurite.log'),
    readyLine: (line) => {
      const port = /successfully listens on http:\/\/127\.0\.0\.1:(\d+)/.exec(line)?.[1];
      return port === undefined ? undefined : { port };
    },
  });
  cleanup.add(() => server.stop());
  const account_url = `http://127.0.0.1:${String((await server.ready)['port'])}/${ACCOUNT}`;
  const owner = new QueueServiceClient(account_url, new StorageSharedKeyCredential(ACCOUNT, KEY));
  for (const name of ['deliveries', 'aside']) await owner.createQueue(name);
  const sas = (may: string, queue = 'deliveries') =>
    new URL(
      owner.getQueueClient(queue).generateSasUrl({
        permissions: QueueSASPermissions.parse(may),
        expiresOn: new Date(Date.now() + HOUR_MS),
      }),
    ).search.slice(1);
  return {
    queue: { kind: 'azure_storage_queue', account_url, queue: 'deliveries', aside: 'aside' },
    writer: sas('ra'),
    reader: `${sas('rup')} ${sas('a', 'aside')}`,
    pid: server.pid,
    away: async () => process.kill(server.pid, 'SIGSTOP'),
    back: async () => process.kill(server.pid, 'SIGCONT'),
  };
}
