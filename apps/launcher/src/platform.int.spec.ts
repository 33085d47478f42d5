import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { freePort } from '@hybrid/servers';
import { eventually } from '@hybrid/testing';
import { openDataDirectory, type DataDirectory } from './data-directory.js';
import { startPlatform, type Platform, type Programs } from './platform.js';
import { terminalProgress } from './progress.js';

/** Stands in for the services: says what it was given, serves, and notes when it is stopped. */
const STANDALONE = `
import { appendFileSync } from 'node:fs';
import { createServer } from 'node:http';
const { NATS_URL, DATABASE_URL, EVENTSTORE_URL, HYBRID_PORT, HYBRID_ADMIN_TOKEN, STOPS } = process.env;
const given = { NATS_URL, DATABASE_URL, EVENTSTORE_URL, HYBRID_ADMIN_TOKEN };
const server = createServer((_, response) => response.end(JSON.stringify(given)));
server.listen(Number(HYBRID_PORT), '127.0.0.1', () => console.log(JSON.stringify({ ready: true })));
process.on('SIGTERM', () => { appendFileSync(STOPS, 'standalone '); process.exit(); });
`;
const AGENT = `
import { appendFileSync } from 'node:fs';
console.log(JSON.stringify({ ready: true, executor: 'process' }));
process.on('SIGTERM', () => { appendFileSync(process.env.STOPS, 'agent '); process.exit(); });
setInterval(() => {}, 1000);
`;

describe('the platform on one machine', () => {
  let directory: string;
  let data: DataDirectory;
  let programs: Programs;
  let platform: Platform | undefined;
  let shown = '';
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'hybrid-platform-'));
    programs = { standalone: join(directory, 'standalone.mjs'), agent: join(directory, 'agent.mjs') };
    await writeFile(programs.standalone, STANDALONE);
    await writeFile(programs.agent, AGENT);
    process.env['STOPS'] = join(directory, 'stops');
    process.env['HYBRID_ADMIN_TOKEN'] = 'canary';
    data = await openDataDirectory(join(directory, 'data'), undefined);
    shown = '';
  });
  afterEach(async () => {
    await platform?.stop();
    platform = undefined;
    delete process.env['STOPS'];
    delete process.env['HYBRID_ADMIN_TOKEN'];
    data.release();
    await rm(directory, { recursive: true, force: true });
  });
  const start = async () => {
    const progress = terminalProgress((text) => (shown += text));
    platform = await startPlatform(data, await freePort(), programs, progress);
    return platform;
  };
  const isAlive = (pid: number) => {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  };

  it('starts all parts, heals one that is killed, and stops in reverse order leaving nothing', async () => {
    const { url, startAgent, stop } = await start();
    expect(await startAgent(Promise.resolve({ executor: 'process', image: 'x' }))).toBe('process');
    for (const part of ['nats', 'postgres', 'event-store', 'standalone', 'agent'])
      expect(shown).toContain(`  ${part} `);
    const given = (await (await fetch(url)).json()) as Record<string, string>;
    expect(given).toEqual({
      NATS_URL: expect.stringMatching(/^nats:\/\/hybrid:/),
      DATABASE_URL: expect.stringMatching(/^postgres:\/\/hybrid:/),
      EVENTSTORE_URL: expect.stringMatching(/^esdb:/),
    });

    const postgresPid = Number(
      (await readFile(join(data.path, 'postgres/cluster/postmaster.pid'), 'utf8')).split('\n')[0],
    );
    process.kill(postgresPid, 'SIGKILL');
    await eventually(() => expect(shown).toContain('postgres is up again'));
    const newPid = Number(
      (await readFile(join(data.path, 'postgres/cluster/postmaster.pid'), 'utf8')).split('\n')[0],
    );

    await stop();
    expect(await readFile(join(directory, 'stops'), 'utf8')).toBe('agent standalone ');
    for (const pid of [postgresPid, newPid]) expect(isAlive(pid)).toBe(false);
  });

  it('stops what was started when a part cannot start, and says why', async () => {
    await writeFile(programs.standalone, `console.error('DATABASE_URL is wrong'); process.exit(1);`);
    await expect(start()).rejects.toThrow(/standalone ended before it was ready[^]*DATABASE_URL is wrong/);
    await expect(readFile(join(data.path, 'postgres/cluster/postmaster.pid'))).rejects.toThrow('ENOENT');
  });
});
