import { jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { startNats } from '@hybrid/servers';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeQueue } from '../queue-contract.fixtures.js';
import { readerPermissions, writerPermissions } from './nats-access.js';

const names = {
  stream: 'DELIVERIES',
  subject: 'deliveries.in',
  consumer: 'control-plane',
  aside: 'aside.deliveries',
};

describeQueue('nats', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'hybrid-nats-queue-'));
  const somewhere = { kind: 'nats', url: '', ...names } as const;
  const reader = readerPermissions(somewhere);
  const writer = writerPermissions(somewhere);
  const nothing = { ...somewhere, consumer: 'nobody', subject: 'nothing.in' };
  const nats = await startNats({
    dataDir,
    users: {
      relay: { ...writer, publish: [...writer.publish, 'nothing.in'] },
      reader,
      readerAndMore: { ...reader, publish: [...reader.publish, 'deliveries.>'] },
      readerOfNothing: readerPermissions(nothing),
      stranger: { publish: ['other'], subscribe: ['_INBOX_*.>'] },
    },
  });
  const url = `nats://127.0.0.1:${nats.port}`;
  const credentialOf = (user: string) => {
    const { username, password } = new URL(nats.urlOf(user));
    return `${username}:${password}`;
  };
  const asked = async <T>(ask: (connection: NatsConnection) => Promise<T>): Promise<T> => {
    const [user, pass] = credentialOf('hybrid').split(':');
    const connection = await connect({ servers: `127.0.0.1:${nats.port}`, user, pass });
    try {
      return await ask(connection);
    } finally {
      await connection.close();
    }
  };
  await asked(async (connection) => {
    const manager = await jetstreamManager(connection);
    await manager.streams.add({ name: names.stream, subjects: [names.subject], retention: 'workqueue' });
    await manager.streams.add({ name: 'ASIDE', subjects: [names.aside] });
    await manager.consumers.add(names.stream, {
      durable_name: names.consumer,
      ack_policy: 'explicit',
      ack_wait: 5e9,
      max_deliver: -1,
    });
  });
  const config = { ...somewhere, url };
  return {
    writer: config,
    reader: config,
    credentials: {
      writer: credentialOf('relay'),
      reader: credentialOf('reader'),
      tooMuch: credentialOf('readerAndMore'),
      wrong: 'reader:wrong-secret',
      stranger: credentialOf('stranger'),
    },
    missing: {
      writer: { ...config, subject: 'nothing.in' },
      reader: { ...config, consumer: 'nobody' },
      credential: credentialOf('readerOfNothing'),
    },
    aside: () =>
      asked(async (connection) => {
        const manager = await jetstreamManager(connection);
        const { state } = await manager.streams.info('ASIDE');
        const texts: string[] = [];
        for (let seq = state.first_seq; seq <= state.last_seq && seq > 0; seq++)
          texts.push((await manager.streams.getMessage('ASIDE', { seq }))?.string() ?? '');
        return texts;
      }),
    state: () =>
      asked(async (connection) => {
        const manager = await jetstreamManager(connection);
        const streams = await Promise.all(
          [names.stream, 'ASIDE'].map(async (stream) => (await manager.streams.info(stream)).state),
        );
        const { delivered, ack_floor, num_ack_pending, num_pending, num_redelivered } =
          await manager.consumers.info(names.stream, names.consumer);
        return { streams, delivered, ack_floor, num_ack_pending, num_pending, num_redelivered };
      }),
    breakConnection: async () => void (await nats.kill()),
    mendConnection: () => nats.restart(),
    stop: async () => {
      await nats.stop();
      await rm(dataDir, { recursive: true });
    },
  };
});
