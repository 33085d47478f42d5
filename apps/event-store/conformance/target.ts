/**
 * The server that the suite asks, and official clients of it.
 *
 * The specs must hold at a server that is in use: they write only to streams that `name` made, and read $all from a
 * position or through a filter.
 */
import { EventStoreDBClient } from '@eventstore/db-client';
import { closeClient } from '../test/event-store-process.js';
import { startServer, type Server } from './server.js';

export interface Target extends Server {
  /** A new client with a connection of its own; `stop` closes it. `parameters` as in a connection string: `a=1&b=2`. */
  client(parameters?: string): EventStoreDBClient;
  /** Takes a client that was made with `url` by hand, to close it with the others. */
  closeAtStop(client: EventStoreDBClient): EventStoreDBClient;
}

/** Finds or starts the server; see startServer. */
export async function startTarget(): Promise<Target> {
  const server = await startServer();
  const clients: EventStoreDBClient[] = [];
  const closeAtStop = (client: EventStoreDBClient) => {
    clients.push(client);
    return client;
  };
  const separator = server.url.includes('?') ? '&' : '?';
  return {
    ...server,
    closeAtStop,
    client: (parameters) =>
      closeAtStop(
        EventStoreDBClient.connectionString(
          parameters === undefined ? server.url : `${server.url}${separator}${parameters}`,
        ),
      ),
    stop: async () => {
      for (const client of clients.splice(0)) await closeClient(client);
      await server.stop();
    },
  };
}
