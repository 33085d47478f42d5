/** A connection to Redis, and what its errors mean for a queue. */
import { connect, type Socket } from 'node:net';
import { createClient, ErrorReply } from 'redis';
import { addressesOf, endpointOf, overAny } from '../host.js';
import type { OpenOptions } from '../open.js';
import type { RedisQueue } from '../queue-config.js';
import { CONNECT_MS, Session } from '../session.js';
import { QueueError } from '../user-queue.js';

export type RedisSession = Session<RedisClient>;
export type RedisClient = ReturnType<typeof clientOf>;

/** Connects at its first use. @throws QueueError `queue_misconfigured` */
export function redisSession(config: RedisQueue, options: OpenOptions): RedisSession {
  const endpoint = endpointOf(config.url, { plain: 'redis:', secure: 'rediss:', port: 6379 });
  const login = loginOf(options.credential);
  const database = databaseOf(config.url);
  return new Session<RedisClient>({
    connect: async () =>
      overAny(await addressesOf(endpoint, options), async (host) => {
        const client = clientOf({ ...endpoint, host }, login, database);
        // The client's own limit ends with the connection: who greets no one would be waited for for ever.
        const late = setTimeout(() => client.destroy(), CONNECT_MS);
        try {
          return await client.connect();
        } catch (error) {
          if (client.isOpen) client.destroy();
          throw error;
        } finally {
          clearTimeout(late);
        }
      }),
    isOpen: (client) => client.isReady,
    close: (client) => {
      if (client.isOpen) client.destroy();
    },
    explain: (error) => explain(error, config),
  });
}

function clientOf(
  { host, port, tls }: ReturnType<typeof endpointOf>,
  login: { username?: string; password?: string },
  database: number,
) {
  const client = createClient({
    ...login,
    database,
    socket: {
      host,
      port,
      connectTimeout: CONNECT_MS,
      // The session connects anew, and looks anew where to.
      reconnectStrategy: false,
      ...(tls && { ...tls, tls: true as const, socket: below({ host, port }) }),
    },
    // What the user may not do is nothing that it asks for.
    disableClientInfo: true,
    maintNotifications: 'disabled',
    disableOfflineQueue: true,
  });
  // Each command says by itself that the connection is gone.
  client.on('error', () => undefined);
  return client;
}

/** What TLS is spoken over: a socket of ours, so that the line knows it. Set as the client sets its own. */
function below(at: { host: string; port: number }): Socket {
  return connect({ ...at, noDelay: true, keepAlive: true, keepAliveInitialDelay: 5_000 });
}

/** `user:password`, or a password alone. */
function loginOf(credential: string | undefined): { username?: string; password?: string } {
  const text = credential?.trim();
  if (!text) return {};
  const colon = text.indexOf(':');
  return colon < 0 ? { password: text } : { username: text.slice(0, colon), password: text.slice(colon + 1) };
}

function databaseOf(url: string): number {
  const path = new URL(url).pathname.slice(1);
  if (!/^\d{0,4}$/.test(path))
    throw new QueueError(
      'queue_misconfigured',
      "the path of the queue's url is the number of a database, such as /1",
    );
  return Number(path);
}

function explain(error: unknown, config: RedisQueue): QueueError {
  const said = (error as Error).message ?? '';
  // Of a password without a user, where the server's default user needs none.
  const code = error instanceof ErrorReply ? /^(?:ERR AUTH|[A-Z]+)/.exec(said)?.[0] : undefined;
  const options = { cause: error };
  switch (code) {
    case 'NOAUTH':
    case 'WRONGPASS':
    case 'ERR AUTH':
      return new QueueError(
        'queue_denied',
        'Redis refuses the user or the password: hand over `user:password` of one that it has (ACL LIST)',
        options,
      );
    case 'NOPERM':
      return new QueueError(
        'queue_denied',
        `Redis does not let the user do this (${said}): grant what docs/queues.md says, with ACL SETUSER`,
        options,
      );
    case 'NOGROUP':
      return missing(config, options);
    case 'WRONGTYPE':
      return new QueueError(
        'queue_misconfigured',
        `the key ${config.stream} or ${config.aside} is no stream: name another`,
        options,
      );
    case 'MOVED':
    case 'ASK':
      return new QueueError(
        'queue_misconfigured',
        `the stream ${config.stream} is on another node of a cluster: name the node that has it`,
        options,
      );
    default:
      return new QueueError(
        'queue_unavailable',
        `Redis cannot be reached or does not answer as it should (${reasonOf(error)}): is the address right, and the server up?`,
        options,
      );
  }
}

export function missing({ stream, group }: RedisQueue, options?: ErrorOptions): QueueError {
  return new QueueError(
    'queue_missing',
    `Redis has no stream ${stream} with the group ${group}: make it (XGROUP CREATE ${stream} ${group} 0 MKSTREAM)`,
    options,
  );
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return error instanceof ErrorReply ? message : (code ?? message);
}
