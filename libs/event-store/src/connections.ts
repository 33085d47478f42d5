import { EventStoreDBClient } from '@eventstore/db-client';
import type { Duplex } from 'node:stream';
import pg from 'pg';
import { tlsOf } from './event-store-tls.js';

/** @throws Error that names the setting, for anything that is not an `esdb://` connection string, or a CA file that is none. */
export function connectEventStore(url: string): EventStoreDBClient {
  tlsOf(url);
  try {
    return EventStoreDBClient.connectionString(url);
  } catch (cause) {
    throw new Error('EVENTSTORE_URL must look like esdb://host:2113?tls=false', { cause });
  }
}

/** What of the official client's inside is needed: calls whose answers are not read to their end. */
interface ClientInside {
  disposableStreams: Set<Duplex & { cancel?(): void }>;
}

/**
 * Ends what is under way. The client's own `dispose` cancels each call and waits for its end. That never comes where the
 * server has answered everything and nobody reads it any more, as with a read that ran out of time as its answer came.
 */
export async function disposeEventStore(client: EventStoreDBClient): Promise<void> {
  for (const stream of (client as unknown as ClientInside).disposableStreams) {
    stream.on('error', () => undefined);
    stream.cancel?.();
    stream.destroy();
  }
  await client.dispose();
}

/** A pool for one process, with the connections that its requests need at once. */
export function connectPostgres(url: string, name: string): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max: 10,
    application_name: name,
    connectionTimeoutMillis: 5_000,
  });
  pool.on('error', (error) =>
    console.error(`${name}: an idle connection to PostgreSQL failed: ${error.message}`),
  );
  return pool;
}
