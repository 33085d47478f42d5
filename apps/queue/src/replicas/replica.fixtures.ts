/** Replicas of the queue within a spec's process, each with connections of its own. */
import { NatsStrategy } from '@hybrid/messaging';
import { Connections, ConnectionsModule, type ServerSettings } from '@hybrid/service';
import { NestFactory } from '@nestjs/core';
import { QueueModule } from '../app.module.js';
import { JobIndex } from '../jobs/job-index.js';
import { Replicas } from './replicas.js';

export interface Replica {
  replicas: Replicas;
  index: JobIndex;
  /** In order: it says that it leaves. */
  stop(): Promise<void>;
  /** Gone from one moment to the next, as far as the others can see. */
  kill(): Promise<void>;
}

export async function startReplica(settings: ServerSettings): Promise<Replica> {
  const connections = await Connections.open(settings, 'queue');
  const root = { module: class Root {}, imports: [ConnectionsModule.with(connections), QueueModule] };
  // Not to be drained where it was killed.
  const drain = connections.nats.drain.bind(connections.nats);
  connections.nats.drain = async () => (connections.nats.isClosed() ? undefined : drain());
  const app = await NestFactory.createMicroservice(root, {
    strategy: new NatsStrategy(connections.nats, connections.eventStoreReach),
    logger: ['error', 'fatal'],
  });
  await app.listen();
  let stopped: Promise<void> | undefined;
  const stop = () => {
    connections.beginStop();
    return (stopped ??= app.close());
  };
  return {
    replicas: app.get(Replicas),
    index: app.get(JobIndex),
    stop,
    async kill() {
      // The server forgets its subscriptions at once, as it does when a process dies.
      await connections.nats.close();
      await stop();
    },
  };
}
