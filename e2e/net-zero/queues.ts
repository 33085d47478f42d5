/** Queues as customers have them: a server of their own, with a user for each side, made by what docs/queues.md says. */
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { startNats, startRedis, type Server } from '@hybrid/servers';
import type { QueueConfig } from '@hybrid/user-queue';
import { startAzurite } from '@hybrid/user-queue/azurite';
import { startSqs } from '@hybrid/user-queue/sqs-server';
import { mkdir } from 'node:fs/promises';
import { createClient } from 'redis';

export interface CustomerQueue {
  config: QueueConfig;
  credentials?: { relay: string; controlPlane: string };
  /** Its process, where it has one that can be killed and comes back with what it had. */
  server?: Server;
  stop(): Promise<void>;
}

/** How long NATS gives a message to one reader, in nanoseconds. */
const ACK_WAIT = 5e9;

const NATS = {
  stream: 'DELIVERIES',
  subject: 'deliveries.in',
  consumer: 'control-plane',
  aside: 'aside.deliveries',
};

/** What each side may do at NATS. */
export const natsUsers = {
  relay: { publish: ['deliveries.in'], subscribe: ['_INBOX_DELIVERIES.>'] },
  reader: {
    publish: [
      '$JS.API.CONSUMER.INFO.DELIVERIES.control-plane',
      '$JS.API.CONSUMER.MSG.NEXT.DELIVERIES.control-plane',
      '$JS.ACK.DELIVERIES.control-plane.>',
      'aside.deliveries',
    ],
    subscribe: ['_INBOX_control-plane.>'],
  },
};

interface NatsServerOfCustomer extends Omit<CustomerQueue, 'config'> {
  url: string;
  owner: { user: string; pass: string };
  tls?: { caFile: string };
}

/** At a server with these users, what the queue consists of. */
export async function natsQueue({ url, owner, tls, ...rest }: NatsServerOfCustomer): Promise<CustomerQueue> {
  const connection = await connect({ servers: new URL(url).host, ...owner, tls });
  const { streams, consumers } = await jetstreamManager(connection);
  await streams.add({ name: NATS.stream, subjects: [NATS.subject], retention: 'workqueue' });
  await streams.add({ name: 'ASIDE', subjects: [NATS.aside] });
  await consumers.add(NATS.stream, {
    durable_name: NATS.consumer,
    ack_policy: 'explicit',
    ack_wait: ACK_WAIT,
    max_deliver: -1,
  });
  await connection.close();
  return { config: { kind: 'nats', url, ...NATS }, ...rest };
}

/** Of each kind that has a real server or an emulator here; `folder` is for what they keep. */
export const QUEUES = {
  directory: async (folder: string): Promise<CustomerQueue> => {
    await mkdir(folder, { recursive: true });
    return { config: { kind: 'directory', path: folder }, stop: () => Promise.resolve() };
  },

  nats: async (folder: string): Promise<CustomerQueue> => {
    const server = await startNats({ dataDir: folder, users: natsUsers });
    const signIn = (url: string) => {
      const { username: user, password: pass } = new URL(url);
      return { user, pass };
    };
    const credentialOf = (user: string) => Object.values(signIn(server.urlOf(user))).join(':');
    return natsQueue({
      url: `nats://127.0.0.1:${server.port}`,
      owner: signIn(server.url),
      credentials: { relay: credentialOf('relay'), controlPlane: credentialOf('reader') },
      server,
      stop: async () => void (await server.stop()),
    });
  },

  redis: async (folder: string): Promise<CustomerQueue> => {
    const server = await startRedis({
      dataDir: folder,
      users: {
        relay: '-@all ~hybrid:deliveries +xadd +exists',
        reader:
          '-@all ~hybrid:deliveries +xreadgroup +xautoclaim +xclaim +xpending +xlen +xrange +xack +xdel (-@all ~hybrid:aside +xadd)',
      },
    });
    const client = createClient({ url: server.url });
    await client.connect();
    await client.xGroupCreate('hybrid:deliveries', 'control-plane', '0', { MKSTREAM: true });
    client.destroy();
    return {
      config: {
        kind: 'redis',
        url: `redis://127.0.0.1:${server.port}`,
        stream: 'hybrid:deliveries',
        group: 'control-plane',
        aside: 'hybrid:aside',
      },
      credentials: { relay: server.credentialOf('relay'), controlPlane: server.credentialOf('reader') },
      server,
      stop: async () => void (await server.stop()),
    };
  },

  sqs: async (): Promise<CustomerQueue> => {
    const { writer: config, credentials, stop } = await startSqs();
    return { config, credentials: { relay: credentials.writer!, controlPlane: credentials.reader! }, stop };
  },

  azure_storage_queue: async (): Promise<CustomerQueue> => {
    const { writer: config, credentials, stop } = await startAzurite();
    return { config, credentials: { relay: credentials.writer!, controlPlane: credentials.reader! }, stop };
  },
};
export type Kind = keyof typeof QUEUES;
