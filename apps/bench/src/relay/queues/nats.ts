import { startNats } from '@hybrid/servers';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { join } from 'node:path';
import type { Cleanup } from '../../queue/cleanup.js';
import type { QueuePlace } from './queue-place.js';

/** As docs/queues.md has it. */
const PERMISSIONS = {
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

/** Each message is on disk before it is acknowledged (`sync_interval: always`). */
export async function natsPlace(directory: string, cleanup: Cleanup): Promise<QueuePlace> {
  const nats = await startNats({ dataDir: join(directory, 'nats'), users: PERMISSIONS });
  cleanup.add(() => nats.stop());
  const credentialOf = (url: string) => {
    const { username, password } = new URL(url);
    return [username, password] as const;
  };
  const [user, pass] = credentialOf(nats.url);
  const owner = await connect({ servers: `127.0.0.1:${nats.port}`, user, pass });
  const manager = await jetstreamManager(owner);
  await manager.streams.add({ name: 'DELIVERIES', subjects: ['deliveries.in'], retention: 'workqueue' });
  await manager.streams.add({ name: 'ASIDE', subjects: ['aside.deliveries'] });
  await manager.consumers.add('DELIVERIES', {
    durable_name: 'control-plane',
    ack_policy: 'explicit',
    ack_wait: 60e9,
    max_deliver: -1,
  });
  await owner.close();
  return {
    queue: {
      kind: 'nats',
      url: `nats://127.0.0.1:${nats.port}`,
      stream: 'DELIVERIES',
      subject: 'deliveries.in',
      consumer: 'control-plane',
      aside: 'aside.deliveries',
    },
    writer: credentialOf(nats.urlOf('relay')).join(':'),
    reader: credentialOf(nats.urlOf('reader')).join(':'),
    get pid() {
      return nats.process.pid;
    },
    away: () => nats.kill(),
    back: () => nats.restart(),
  };
}
