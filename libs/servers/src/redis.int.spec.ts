import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { findRedisServer } from './find-redis-server.js';
import { findProgram } from './programs.js';
import { startRedis, type RedisServer } from './redis.js';

const missing = await findRedisServer().then(
  () => undefined,
  (error: Error) => error.message,
);

(missing ? describe.skip : describe)(`Redis${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let dataDir: string;
  let redis: RedisServer;
  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'hybrid-redis-'));
    redis = await startRedis({ dataDir, users: { reader: '~* -@all +get' } });
  });
  afterAll(async () => {
    await redis?.stop();
    await rm(dataDir, { recursive: true, force: true });
  });

  /** The last line of the answer to commands in a row. */
  const ask = (...commands: string[]) =>
    new Promise<string>((answered, failed) => {
      const socket = connect(redis.port, '127.0.0.1', () => socket.end(`${commands.join('\r\n')}\r\n`));
      let text = '';
      socket.on('data', (chunk) => (text += chunk.toString('utf8')));
      socket.on('error', failed);
      socket.on('close', () => answered(text.trim().split('\r\n').at(-1) ?? ''));
    });
  const login = (user?: string) => `AUTH ${redis.credentialOf(user).replace(':', ' ')}`;

  it('lets in those who have a password, to what they may do', async () => {
    expect(await ask('GET a')).toMatch(/^-NOAUTH/);
    expect(await ask('AUTH reader wrong')).toMatch(/^-WRONGPASS/);
    expect(await ask(login(), 'SET a 1')).toBe('+OK');
    expect(await ask(login('reader'), 'GET a')).toBe('1');
    expect(await ask(login('reader'), 'SET a 2')).toMatch(/^-NOPERM/);
  });

  it('has after a crash what it had', async () => {
    await ask(login(), 'SET kept yes');
    await redis.kill();
    await redis.restart();
    expect(await ask(login(), 'GET kept')).toBe('yes');
  });
});

const whereAptIs = findProgram('apt-get') ? it : it.skip;
whereAptIs(
  'the redis-server program is fetched as Debian packages, once, where the machine has none',
  async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'hybrid-find-redis-'));
    const cacheDir = join(dataDir, 'cache');
    const said: string[] = [];
    const fetched = { dataDir, cacheDir, installed: false, say: (text: string) => void said.push(text) };
    try {
      const redis = await startRedis(fetched);
      await redis.stop();
      expect(await readdir(cacheDir)).toEqual(['redis']);
      const before = said.length;
      expect(before).toBeGreaterThan(0);
      await (await startRedis(fetched)).stop();
      expect(said).toHaveLength(before);
    } finally {
      await rm(dataDir, { recursive: true, force: true });
    }
  },
  300_000,
);
