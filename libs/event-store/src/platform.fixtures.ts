/** The real servers that this library stands on, for its specs. The services' own specs have `test-platform`. */
import type { EventStoreDBClient } from '@eventstore/db-client';
import type { CallContext } from '@hybrid/contracts';
import { connectNats } from '@hybrid/messaging';
import { startEventStore, startNats, startPostgres, type ServerWithUrl } from '@hybrid/servers';
import type { NatsConnection } from '@nats-io/transport-node';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Pool } from 'pg';
import { connectEventStore, connectPostgres, disposeEventStore } from './connections.js';

export interface Platform {
  /** Temporary; removed by `stop`. */
  directory: string;
  nats: ServerWithUrl;
  postgres: ServerWithUrl;
  eventStore: ServerWithUrl;
  connections: { nats: NatsConnection; eventStore: EventStoreDBClient; pool: Pool };
  stop(): Promise<void>;
}

export async function startPlatform(): Promise<Platform> {
  const directory = await mkdtemp(join(tmpdir(), 'hybrid-event-store-'));
  const [nats, postgres, eventStore] = await Promise.all([
    startNats({ dataDir: join(directory, 'nats') }),
    startPostgres({ dataDir: join(directory, 'postgres') }),
    startEventStore({ dataDir: join(directory, 'event-store') }),
  ]);
  const connections = {
    nats: await connectNats(nats.url, 'spec'),
    eventStore: connectEventStore(eventStore.url),
    pool: connectPostgres(postgres.url, 'spec'),
  };
  return {
    directory,
    nats,
    postgres,
    eventStore,
    connections,
    async stop() {
      await connections.nats.close();
      await disposeEventStore(connections.eventStore);
      await connections.pool.end();
      await Promise.all([eventStore.stop(), postgres.stop(), nats.stop()]);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** A call by a user, for an organisation. */
export function callBy(id: string, org = 'default'): CallContext {
  return { org, actor: { type: 'user', id }, correlationId: randomUUID() };
}
