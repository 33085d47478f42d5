/** The queue service of Azurite, Microsoft's emulator: it checks keys, signatures and their permissions. */
import {
  AccountSASPermissions,
  QueueSASPermissions,
  QueueServiceClient,
  StorageSharedKeyCredential,
} from '@azure/storage-queue';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { lineTo } from '../line.fixtures.js';
import type { AzureStorageQueue } from '../queue-config.js';
import type { QueueUnderTest } from '../queue-contract.fixtures.js';

const ACCOUNT = 'hybridtest';
const KEY = Buffer.from('the key of an account of a test').toString('base64');

const soon = () => new Date(Date.now() + 3_600_000);

export async function startAzurite(): Promise<
  QueueUnderTest & { writer: AzureStorageQueue; sas(may: string, queue?: string): string }
> {
  const server = await queueServer();
  const line = await lineTo(server.port);
  const url = `http://127.0.0.1:${line.port}/${ACCOUNT}`;
  const owner = new QueueServiceClient(url, new StorageSharedKeyCredential(ACCOUNT, KEY));
  for (const name of ['deliveries', 'aside']) await owner.createQueue(name);
  const sas = (may: string, queue = 'deliveries') =>
    new URL(
      owner.getQueueClient(queue).generateSasUrl({
        permissions: QueueSASPermissions.parse(may),
        expiresOn: soon(),
      }),
    ).search.slice(1);
  const accountSas = (may: string) =>
    new URL(owner.generateAccountSasUrl(soon(), AccountSASPermissions.parse(may), 'co')).search.slice(1);
  const config: AzureStorageQueue = {
    kind: 'azure_storage_queue',
    account_url: url,
    queue: 'deliveries',
    aside: 'aside',
  };
  const all = `DefaultEndpointsProtocol=http;AccountName=${ACCOUNT};AccountKey=${KEY}`;
  return {
    writer: config,
    reader: config,
    sas,
    options: { leaseMs: 2_000 },
    credentials: {
      // Of the whole account, so that they are good for a queue that is not there; specs take those of one queue.
      writer: accountSas('ra'),
      reader: `${accountSas('rup')} ${sas('a', 'aside')}`,
      tooMuch: all,
      wrong: sas('raup').replace(
        /sig=[^&]+/,
        `sig=${encodeURIComponent('wrong-secretwrong-secretwrong-secretwrong-se=')}`,
      ),
      stranger: sas('r'),
    },
    missing: { writer: { ...config, queue: 'nowhere' }, reader: { ...config, queue: 'nowhere' } },
    aside: async () => {
      const { peekedMessageItems } = await owner
        .getQueueClient('aside')
        .peekMessages({ numberOfMessages: 32 });
      return peekedMessageItems.map(({ messageText }) => messageText);
    },
    breakConnection: line.break,
    mendConnection: line.mend,
    stop: async () => {
      await line.close();
      await server.stop();
    },
  };
}

/**
 * Our package.json overrides content-disposition by a version that exports an object, where the express of Azurite wants a
 * function (which Azurite never calls); a process of its own, so that only Azurite sees this.
 */
const SHIM = `import { createRequire } from 'node:module';
const require = createRequire(process.argv[1]);
const path = require.resolve('content-disposition');
require(path);
require.cache[path].exports = () => 'attachment';`;

async function queueServer(): Promise<{ port: number; stop(): Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), 'hybrid-azurite-'));
  const main = createRequire(import.meta.url).resolve('azurite/dist/src/queue/main.js');
  const options = `--queueHost 127.0.0.1 --queuePort 0 --inMemoryPersistence --skipApiVersionCheck --disableTelemetry --silent`;
  const child = spawn(
    process.execPath,
    ['--import', `data:text/javascript,${encodeURIComponent(SHIM)}`, main, ...options.split(' ')],
    {
      cwd: directory,
      env: { ...process.env, AZURITE_ACCOUNTS: `${ACCOUNT}:${KEY}` },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const ended = once(child, 'exit');
  const lines = createInterface({ input: child.stdout });
  const port = await new Promise<number>((ready, reject) => {
    lines.on('line', (line) => {
      const found = /successfully listens on http:\/\/127\.0\.0\.1:(\d+)/.exec(line)?.[1];
      if (found) ready(Number(found));
    });
    child.on('exit', () => reject(new Error('azurite did not start')));
  });
  return {
    port,
    stop: async () => {
      child.kill('SIGKILL');
      await ended;
      await rm(directory, { recursive: true, force: true });
    },
  };
}
