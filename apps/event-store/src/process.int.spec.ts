import { readdir, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { jsonEvent, UnavailableError } from '@eventstore/db-client';
import { afterEach, describe, expect, it } from '@jest/globals';
import { awakeMs, eventually } from '@hybrid/testing';
import { EventStoreProcesses } from '../test/event-store-process.js';

/** The promise is two seconds; the machine that runs the specs may be busy. */
const LIMIT_MS = 8_000;

const processes = new EventStoreProcesses();
afterEach(() => processes.release());

describe('the process', () => {
  it('says in one line of JSON that it is ready', async () => {
    const launched = await processes.launch({ EVENT_STORE_DATA: await processes.directory() });
    const port = await launched.port();
    expect(port).toBeGreaterThan(0);
    await launched.kill('SIGTERM');
    expect(launched.stdout).toBe(
      `${JSON.stringify({ ready: true, service: 'event-store', host: '127.0.0.1', port })}\n`,
    );
    expect(launched.stderr).toMatch(/^event-store: made a new store in \S+\n$/);
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('ends by itself on %s, with calls open', async (signal) => {
    const directory = await processes.directory();
    const store = await processes.start(directory);
    const client = store.client();
    await client.appendToStream('s', jsonEvent({ type: 'Tried', data: {} }));
    const subscription = client.subscribeToAll();
    const errors: Error[] = [];
    subscription.on('error', (error) => errors.push(error));
    await new Promise((resolve) => subscription.once('data', resolve));

    const took = await awakeMs(async () =>
      expect(await store.process.kill(signal)).toEqual({ code: 0, signal: null }),
    );
    expect(took).toBeLessThan(LIMIT_MS);
    await eventually(() => expect(errors).toEqual([expect.any(UnavailableError)]));
    expect(await readdir(directory)).not.toContain('event-store.lock');
  });

  it('answers every append that it took before it ends', async () => {
    const directory = await processes.directory();
    const store = await processes.start(directory);
    const client = store.client();
    await client.appendToStream('s', jsonEvent({ type: 'Tried', data: {} }));
    const appends = Array.from({ length: 200 }, () =>
      client.appendToStream('s', jsonEvent({ type: 'Tried', data: {} })),
    );
    const settled = Promise.allSettled(appends);
    await Promise.race(appends);
    await store.process.kill('SIGTERM');
    const answered = (await settled).filter(({ status }) => status === 'fulfilled').length;
    const again = (await processes.start(directory)).client();
    let stored = 0;
    for await (const _ of again.readStream('s')) stored++;
    expect(stored).toBeGreaterThanOrEqual(answered + 1);
  });

  it('refuses a directory that another process uses, and takes over from a killed one', async () => {
    const directory = await processes.directory();
    const first = await processes.start(directory);
    const second = await processes.launch({ EVENT_STORE_DATA: directory });
    expect(await second.exited).toEqual({ code: 1, signal: null });
    expect(second.stderr).toContain(
      `${directory} is in use by process ${first.process.pid}. Stop that process`,
    );
    expect(second.stdout).toBe('');

    await first.process.kill('SIGKILL');
    expect(await readdir(directory)).toContain('event-store.lock');
    const third = await processes.start(directory);
    await third.client().appendToStream('s', jsonEvent({ type: 'Tried', data: {} }));
  });

  it('takes over a lock whose process id has been given to another', async () => {
    const directory = await processes.directory();
    await writeFile(join(directory, 'event-store.lock'), `${process.pid} 1 some-earlier-boot`);
    await processes.start(directory);
  });

  it.each([
    ['no directory', {}, /^event-store: EVENT_STORE_DATA is not set\. Set it/],
    [
      'a bad port',
      { EVENT_STORE_DATA: '/tmp/x', EVENT_STORE_PORT: 'x' },
      /EVENT_STORE_PORT is 'x'; it must be a port/,
    ],
    [
      'a file for a directory',
      { EVENT_STORE_DATA: '/dev/null/x' },
      /Cannot use \/dev\/null\/x: .*Set EVENT_STORE_DATA/,
    ],
  ])('ends with a remedy for %s', async (_name, environment, message) => {
    const launched = await processes.launch(environment);
    expect(await launched.exited).toEqual({ code: 1, signal: null });
    expect(launched.stderr).toMatch(message);
  });

  it('ends with a remedy when its port is in use, and leaves no lock', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => holder.once('listening', resolve));
    const { port } = holder.address() as AddressInfo;
    const directory = await processes.directory();
    const launched = await processes.launch({ EVENT_STORE_DATA: directory, EVENT_STORE_PORT: String(port) });
    expect(await launched.exited).toEqual({ code: 1, signal: null });
    expect(launched.stderr).toMatch(
      new RegExp(`Cannot listen on 127\\.0\\.0\\.1:${port}: .*EADDRINUSE.*stop it, or set`),
    );
    expect(await readdir(directory)).not.toContain('event-store.lock');
    await new Promise((resolve) => holder.close(resolve));
  });
});
