import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { jsonEvent } from '@eventstore/db-client';
import { afterEach, describe, expect, it } from '@jest/globals';
import { eventually } from '@hybrid/testing';
import { EventStoreProcesses } from '../../test/event-store-process.js';

const processes = new EventStoreProcesses();
afterEach(() => processes.release());

async function start(directory: string, launcher?: string) {
  const environment = { EVENT_STORE_DATA: directory, EVENT_STORE_HEALTH_PORT: '0' };
  const launched = await processes.launch(environment, launcher);
  const store = await processes.started(launched);
  const { healthPort } = JSON.parse(launched.stdout) as { healthPort: number };
  const health = async (path = '/health/live', method = 'GET') => {
    const response = await fetch(`http://127.0.0.1:${healthPort}${path}`, { method });
    return { status: response.status, body: await response.json() };
  };
  return { launched, client: store.client(), health };
}

const event = (bytes = 10) => jsonEvent({ type: 'Tried', data: { text: 'x'.repeat(bytes) } });

/** Changes the text wherever it is in the file, in place. */
async function overwrite(path: string, text: string): Promise<void> {
  const bytes = await readFile(path);
  const file = await open(path, 'r+');
  for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1)) await file.write('X', at);
  await file.close();
}

describe('/health/live', () => {
  it('is 200 while the store answers, and ends with it', async () => {
    const { client, health, launched } = await start(await processes.directory());
    expect(await health()).toEqual({ status: 200, body: { status: 'live' } });
    await client.appendToStream('some', event());
    expect(await health()).toMatchObject({ status: 200 });
    expect(await health('/health')).toMatchObject({ status: 404 });
    expect(await health('/health/live', 'POST')).toMatchObject({ status: 405 });
    expect(await launched.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  });

  it('is 503 from a write that failed until one succeeds', async () => {
    const { client, health } = await start(await processes.directory(), `trap '' XFSZ; ulimit -f 2048`);
    const fill = async () => {
      for (let n = 0; n < 40; n++) await client.appendToStream('some', event(100_000));
    };
    await expect(fill()).rejects.toThrow(/nothing was stored/);
    expect(await health()).toMatchObject({
      status: 503,
      body: { status: 'failing', reason: expect.stringContaining('nothing was stored') },
    });
    // Small ones still fit into pages that the large one would have taken, or soon do.
    await eventually(() => client.appendToStream('some', event()));
    expect(await health()).toMatchObject({ status: 200 });
  });

  it('is 503 once a damaged record was met', async () => {
    const directory = await processes.directory();
    const whole = await start(directory);
    await whole.client.appendToStream('first', event());
    await whole.client.appendToStream('some', jsonEvent({ type: 'Tried', data: { text: 'needle' } }));
    await whole.client.appendToStream('last', event());
    await whole.launched.kill('SIGTERM');

    // Damaged after the start, which itself looks for damage.
    const { client, health } = await start(directory);
    await overwrite(join(directory, 'data.mdb'), 'needle');
    expect(await health()).toMatchObject({ status: 200 });
    const read = async () => {
      for await (const resolved of client.readStream('some')) expect(resolved).toBeUndefined();
    };
    await expect(read()).rejects.toThrow(/damaged/);
    expect(await health()).toMatchObject({
      status: 503,
      body: { reason: expect.stringContaining("stream 'some' revision 0 is damaged") },
    });
    await client.appendToStream('last', event());
    expect(await health()).toMatchObject({ status: 503 });
  });
});

it('is not started on a port in use', async () => {
  const { healthPort } = JSON.parse((await start(await processes.directory())).launched.stdout) as {
    healthPort: number;
  };
  const second = await processes.launch({
    EVENT_STORE_DATA: await processes.directory(),
    EVENT_STORE_HEALTH_PORT: String(healthPort),
  });
  expect(await second.exited).toEqual({ code: 1, signal: null });
  expect(second.stderr).toMatch(/Cannot listen on 127\.0\.0\.1:\d+.*set EVENT_STORE_HEALTH_PORT/);
});
