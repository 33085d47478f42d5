import { chmod, mkdtemp, mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startPostgres } from './postgres.js';
import type { ServerWithUrl } from './server.js';

async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text)).rows as Record<string, unknown>[];
  } finally {
    await client.end();
  }
}

describe('PostgreSQL', () => {
  let parent: string;
  let dataDir: string;
  let postgres: ServerWithUrl | undefined;
  beforeEach(async () => {
    // mkdtemp makes it 0700: when this runs as root, PostgreSQL's own user can't pass through without help.
    parent = await mkdtemp(join(tmpdir(), 'hybrid-postgres-'));
    dataDir = join(parent, 'postgres');
  });
  afterEach(async () => {
    await postgres?.kill();
    await rm(parent, { recursive: true, force: true });
  });

  it('keeps rows, port and password over a kill, a restart and a new start', async () => {
    postgres = await startPostgres({ dataDir });
    const { url, port } = postgres;
    await query(url, 'CREATE TABLE kept (word text)');
    await query(url, `INSERT INTO kept VALUES ('first')`);
    await postgres.kill();
    await postgres.restart();
    expect(await query(url, 'SELECT word FROM kept')).toEqual([{ word: 'first' }]);

    expect(await postgres.stop()).toEqual({ code: 0, signal: null });
    postgres = await startPostgres({ dataDir, port });
    expect(postgres.url).toBe(url);
    expect(await query(url, 'SELECT word FROM kept')).toEqual([{ word: 'first' }]);
  });

  it('starts although the lock of a killed server names a process of someone else', async () => {
    postgres = await startPostgres({ dataDir });
    const { port } = postgres;
    await postgres.stop();
    await writeFile(
      join(dataDir, 'cluster', 'postmaster.pid'),
      `${process.ppid}\n${join(dataDir, 'cluster')}\n0\n${port}\n`,
    );
    postgres = await startPostgres({ dataDir, port });
    expect(await query(postgres.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('starts although the first start was cut off in the middle', async () => {
    await mkdir(join(dataDir, 'draft', 'cluster'), { recursive: true });
    postgres = await startPostgres({ dataDir });
    expect((await readdir(dataDir)).sort()).toEqual(['cluster', 'secrets']);
  });

  it('refuses a wrong password, listens on loopback alone and keeps the password to its owner', async () => {
    await mkdir(parent, { recursive: true });
    await chmod(parent, 0o755);
    postgres = await startPostgres({ dataDir });
    const wrong = new URL(postgres.url);
    wrong.password = 'wrong';
    await expect(query(wrong.href, 'SELECT 1')).rejects.toThrow('password authentication failed');
    expect(await query(postgres.url, 'SHOW listen_addresses')).toEqual([{ listen_addresses: '127.0.0.1' }]);
    expect((await stat(join(dataDir, 'secrets', 'postgres-password'))).mode & 0o777).toBe(0o600);
  });
});
