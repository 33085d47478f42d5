/** Real servers in a directory of their own, and services started against them within the test's process. */
import type { CallContext } from '@hybrid/contracts';
import { NATS_USERS, natsPermissions, NatsStrategy } from '@hybrid/messaging';
import {
  startEventStore,
  startNats,
  startPostgres,
  type NatsServer,
  type ServerWithUrl,
} from '@hybrid/servers';
import { Connections, ConnectionsModule, type ServerSettings } from '@hybrid/service';
import type { Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { copyCluster } from './postgres-template.js';

export interface Platform {
  /** Temporary; removed by `stop`. */
  directory: string;
  /** Has the user of each service; its `url` is of one who may do everything. */
  nats: NatsServer;
  postgres: ServerWithUrl;
  eventStore: ServerWithUrl;
  /** For services as processes of their own. */
  settings: ServerSettings;
  /** Connections of the test itself. */
  connections: Connections;
  /** Starts a service in this process; answers how to stop it. */
  serve(module: Type): Promise<() => Promise<void>>;
  stop(): Promise<void>;
}

export async function startPlatform(): Promise<Platform> {
  const directory = await mkdtemp(join(tmpdir(), 'hybrid-test-'));
  await copyCluster(join(directory, 'postgres'));
  const [nats, postgres, eventStore] = await Promise.all([
    startNats({
      dataDir: join(directory, 'nats'),
      users: Object.fromEntries(NATS_USERS.map((user) => [user, natsPermissions(user)])),
    }),
    startPostgres({ dataDir: join(directory, 'postgres') }),
    startEventStore({ dataDir: join(directory, 'event-store') }),
  ]);
  const settings = { NATS_URL: nats.url, DATABASE_URL: postgres.url, EVENTSTORE_URL: eventStore.url };
  const connections = await Connections.open(settings, 'test');
  const stops: (() => Promise<void>)[] = [];
  return {
    directory,
    nats,
    postgres,
    eventStore,
    settings,
    connections,
    async serve(module) {
      const own = await Connections.open(settings, module.name);
      const root = { module: class Root {}, imports: [ConnectionsModule.with(own), module] };
      const app = await NestFactory.createMicroservice(root, {
        strategy: new NatsStrategy(own.nats),
        logger: ['error', 'fatal'],
      });
      await app.listen();
      let stopped: Promise<void> | undefined;
      const stop = () => {
        own.beginStop();
        return (stopped ??= app.close());
      };
      stops.push(stop);
      return stop;
    },
    async stop() {
      for (const stop of stops.reverse()) await stop();
      await connections.close();
      await Promise.all([eventStore.stop(), postgres.stop(), nats.stop()]);
      // What a process wrote as it went may come between.
      await rm(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    },
  };
}

/** A call by somebody, for an organisation. */
export function callBy(type: CallContext['actor']['type'], id: string, org = 'default'): CallContext {
  return { org, actor: { type, id }, correlationId: randomUUID() };
}
