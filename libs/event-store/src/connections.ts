import { EventStoreDBClient } from '@eventstore/db-client';
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
