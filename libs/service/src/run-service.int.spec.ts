import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleOf, freePort, startEventStore, startNats, startPostgres, startProcess } from '@hybrid/servers';
import { describe, expect, it } from '@jest/globals';

/** The queue stands for all: they are all started by runService. */
async function run(env: Record<string, string>) {
  const lines: string[] = [];
  const service = await startProcess({
    name: 'queue',
    command: process.execPath,
    args: [bundleOf('queue')],
    env: { PATH: process.env['PATH'], ...env },
    onOutput: (line) => void lines.push(line),
  });
  // Awaited by those that expect it; the others look at the end.
  service.ready.catch(() => undefined);
  return { service, lines };
}

describe('a service as a process', () => {
  it('ends with every wrong setting named', async () => {
    const { service, lines } = await run({ NATS_URL: 'http://secret' });
    expect((await service.exited).code).toBe(1);
    expect(lines).toEqual([
      'queue: queue cannot start:',
      expect.stringMatching(/ - NATS_URL must look like/),
      expect.stringMatching(/ - EVENTSTORE_URL must look like/),
      expect.stringMatching(/ - DATABASE_URL must look like/),
    ]);
  });

  it('ends with the name of the setting where PostgreSQL is missing, and without its password', async () => {
    const port = await freePort();
    const { service, lines } = await run({
      NATS_URL: `nats://127.0.0.1:${port}`,
      EVENTSTORE_URL: `esdb://127.0.0.1:${port}?tls=false`,
      DATABASE_URL: `postgres://hybrid:swordfish@127.0.0.1:${port}/postgres`,
    });
    expect((await service.exited).code).toBe(1);
    expect(lines.join('\n')).toMatch(/^queue: PostgreSQL does not answer \(DATABASE_URL\): .*ECONNREFUSED/);
    expect(lines.join('\n')).not.toContain('swordfish');
  });

  it('says when it serves, and ends in order when it is asked to', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'hybrid-service-'));
    const servers = await Promise.all([
      startNats({ dataDir: join(directory, 'nats') }),
      startEventStore({ dataDir: join(directory, 'event-store') }),
      startPostgres({ dataDir: join(directory, 'postgres') }),
    ]);
    try {
      const [nats, eventStore, postgres] = servers;
      const { service } = await run({
        NATS_URL: nats.url,
        EVENTSTORE_URL: eventStore.url,
        DATABASE_URL: postgres.url,
      });
      expect(await service.ready).toMatchObject({ ready: true, service: 'queue' });
      expect(await service.stop()).toEqual({ code: 0, signal: null });
    } finally {
      await Promise.all(servers.map((server) => server.stop()));
      await rm(directory, { recursive: true, force: true });
    }
  });
});
