/** The way to a server: what is connected to, by TLS, and what becomes of a line that is silent. */
import { findRedisServer, startNats, startRedis } from '@hybrid/servers';
import {
  breakableLine,
  bundleProgram,
  eventually,
  selfSignedCertificate,
  type BrokenLine,
  type BundledProgram,
} from '@hybrid/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { promisify } from 'node:util';
import { floodOf, listening } from './flood.fixtures.js';
import { natsSession } from './nats/nats-session.js';
import { openReader, openWriter, type OpenOptions } from './open.js';
import type { NatsQueue, RedisQueue } from './queue-config.js';
import { redisSession } from './redis/redis-session.js';
import { EXCHANGE_MS, type Session } from './session.js';

const withoutRedis = await findRedisServer().then(
  () => undefined,
  (error: Error) => error.message,
);

interface Running {
  port: number;
  credential: string;
  stop(): Promise<unknown>;
}

interface Kind {
  config(host: string, port: number, tls?: boolean): NatsQueue | RedisQueue;
  start(dataDir: string, tls?: { certFile: string; keyFile: string }): Promise<Running>;
  /** A session, and one exchange over it that needs an answer. */
  session(port: number, options: OpenOptions): [Session<unknown>, (forMs?: number) => Promise<unknown>];
}

const nats: Kind = {
  config: (host, port, tls) => ({
    kind: 'nats',
    url: `${tls ? 'tls' : 'nats'}://${host}:${port}`,
    stream: 'S',
    subject: 'in',
    consumer: 'c',
    aside: 'aside',
  }),
  async start(dataDir, tls) {
    const server = await startNats({ dataDir, ...(tls && { tls }) });
    const { username, password } = new URL(server.url);
    return { port: server.port, credential: `${username}:${password}`, stop: () => server.stop() };
  },
  session(port, options) {
    const session = natsSession(nats.config('127.0.0.1', port) as NatsQueue, options, '_INBOX');
    return [
      session,
      (forMs) =>
        session.use((connection) => connection.request('$JS.API.INFO', '', { timeout: EXCHANGE_MS }), forMs),
    ];
  },
};

const redis: Kind = {
  config: (host, port, tls) => ({
    kind: 'redis',
    url: `${tls ? 'rediss' : 'redis'}://${host}:${port}`,
    stream: 's',
    group: 'g',
    aside: 'aside',
  }),
  async start(dataDir, tls) {
    const server = await startRedis({ dataDir, ...(tls && { tls }) });
    return { port: server.port, credential: server.credentialOf(), stop: () => server.stop() };
  },
  session(port, options) {
    const session = redisSession(redis.config('127.0.0.1', port) as RedisQueue, options);
    return [session, (forMs) => session.use((client) => client.ping(), forMs)];
  },
};

const kinds = [
  ['NATS', nats, undefined],
  ['Redis', redis, withoutRedis],
] as const;

/** The authorities of a process are read when it starts. */
let program: BundledProgram;
beforeAll(async () => {
  program = await bundleProgram('libs/user-queue/src/tls-program.fixtures.ts');
});
afterAll(() => program?.remove());

describe.each(kinds)('the line to %s', (name, kind, missing) => {
  const test = missing ? it.skip : it;
  if (missing) it.skip(`(skipped: ${missing})`, () => undefined);
  let directory: string;
  let server: Running;
  let line: BrokenLine;
  let silent: Server;
  /** With the silent one. */
  const connections = new Set<Socket>();
  const closing: { close(): Promise<void> }[] = [];

  beforeAll(async () => {
    if (missing) return;
    directory = await mkdtemp(join(tmpdir(), 'hybrid-line-'));
    server = await kind.start(join(directory, 'plain'));
    line = await breakableLine(server.port);
    silent = createServer((socket) => {
      connections.add(socket);
      socket.on('close', () => connections.delete(socket)).resume();
    });
    await new Promise<void>((listening) => silent.listen(0, '127.0.0.1', listening));
  });
  afterEach(async () => {
    for (const session of closing.splice(0)) await session.close();
  });
  afterAll(async () => {
    if (missing) return;
    for (const socket of connections) socket.destroy();
    silent.close();
    await line.close();
    await server.stop();
    await rm(directory, { recursive: true });
  });
  const open = (port: number, options: OpenOptions = {}) => {
    const [session, exchange] = kind.session(port, { credential: server.credential, ...options });
    closing.push(session);
    return exchange;
  };

  test('goes to no address that may not be', async () => {
    const { port } = silent.address() as AddressInfo;
    await expect(open(port, { allowHost: () => false })()).rejects.toMatchObject({
      code: 'queue_misconfigured',
    });
    expect(connections.size).toBe(0);
  });

  test('is asked about anew each time that it is made', async () => {
    let allowed = true;
    const exchange = open(line.port, { allowHost: (address) => address === '127.0.0.1' && allowed });
    await exchange();
    allowed = false;
    await exchange();
    line.cut();
    await eventually(() => expect(exchange()).rejects.toMatchObject({ code: 'queue_misconfigured' }));
  });

  test('is given up where it is silent, and made anew', async () => {
    const exchange = open(line.port);
    await exchange();
    line.freeze();
    await expect(exchange(100)).rejects.toMatchObject({ code: 'queue_unavailable' });
    line.cut();
    await exchange();
  });

  test('is given up where nobody greets', async () => {
    const { port } = silent.address() as AddressInfo;
    await expect(open(port)()).rejects.toMatchObject({ code: 'queue_unavailable' });
    await eventually(() => expect(connections.size).toBe(0));
  });

  describe('where an answer is too long', () => {
    const flood = floodOf(kind === nats ? 'nats' : 'redis');
    const server = createServer((socket) => flood.greet(socket));
    let port: number;
    beforeAll(async () => void (port = await listening(server)));
    afterAll(() => void server.close());

    test('is cut, and says why', async () => {
      await expect(open(port, { credential: undefined })()).rejects.toMatchObject({
        code: 'queue_unavailable',
        message: expect.stringContaining('more than 32 MB at once') as unknown as string,
      });
      await eventually(() => expect(flood.open.size).toBe(0));
    });

    // That of NATS becomes TLS over the same socket.
    if (kind === redis)
      test('is cut also by TLS', async () => {
        const { certFile, keyFile } = await selfSignedCertificate(directory, 'flood');
        const secure = createTlsServer({ cert: await readFile(certFile), key: await readFile(keyFile) });
        secure.on('secureConnection', (socket) => flood.greet(socket));
        const config = kind.config('localhost', await listening(secure), true);
        const { stdout } = await promisify(execFile)(
          process.execPath,
          [program.path, JSON.stringify(config)],
          { env: { PATH: process.env['PATH'], NODE_EXTRA_CA_CERTS: certFile } },
        );
        expect(stdout).toContain('more than 32 MB at once');
        secure.close();
      });

    test('is cut also while nothing is asked', async () => {
      const [session] = kind.session(port, {});
      closing.push(session);
      await session.use(async () => undefined);
      expect(flood.open.size).toBe(1);
      flood.start();
      await eventually(() => expect(flood.open.size).toBe(0));
    });
  });

  test('is TLS that looks at the certificate', async () => {
    const certificate = await selfSignedCertificate(directory, 'server');
    const secure = await kind.start(join(directory, 'tls'), certificate);
    try {
      const options = { credential: secure.credential };
      const config = kind.config('localhost', secure.port, true);
      const refused = (await openWriter(config, options)).verifyAccess();
      await expect(refused).rejects.toMatchObject({
        code: 'queue_unavailable',
        message: expect.stringMatching(/SELF_SIGNED/) as unknown as string,
      });
      const known = await promisify(execFile)(process.execPath, [program.path, JSON.stringify(config)], {
        env: { ...process.env, NODE_EXTRA_CA_CERTS: certificate.certFile, CREDENTIAL: secure.credential },
      });
      expect(known.stdout).toContain('queue_missing');
      const plain = await openReader(kind.config('localhost', secure.port), options);
      await expect(plain.verifyAccess()).rejects.toMatchObject({ code: 'queue_unavailable' });
    } finally {
      await secure.stop();
    }
  });
});
