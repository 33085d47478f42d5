import { jsonEvent } from '@eventstore/db-client';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startEventStore, type ServerWithUrl } from '@hybrid/servers';
import { breakableLine } from '@hybrid/testing';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectEventStore, disposeEventStore } from './connections.js';
import { readWithin } from './read-within.js';

describe('a read with a deadline', () => {
  let directory: string;
  let server: ServerWithUrl;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'hybrid-read-within-'));
    server = await startEventStore({ dataDir: directory });
  });
  afterAll(async () => {
    await server.stop();
    await rm(directory, { recursive: true, force: true });
  });

  it('fails when the line has fallen silent, works again with the next one, and lets the client close', async () => {
    const line = await breakableLine(server.port);
    const client = connectEventStore(`esdb://127.0.0.1:${line.port}?tls=false`);
    // Long, but for the read that must fail: a busy machine takes seconds to connect.
    const read = async (ms = 30_000) => {
      let count = 0;
      for await (const _ of readWithin(ms, client.readAll({ maxCount: 1 }))) count++;
      return count;
    };
    expect(await read()).toBeLessThanOrEqual(1);
    line.freeze();
    await expect(read(500)).rejects.toThrow('did not answer a read within 500 ms');
    line.cut();
    expect(await read().catch(() => read())).toBeLessThanOrEqual(1);
    await client.dispose();
    await line.close();
  });

  it('keeps no client from closing, though it was given up when all of the answer was there', async () => {
    const client = connectEventStore(`esdb://127.0.0.1:${server.port}?tls=false`);
    await client.appendToStream('given-up', jsonEvent({ type: 'Happened', data: {} }));
    client.readStream('given-up').destroy();
    // Whose answer comes after that of the other.
    for await (const _ of readWithin(60_000, client.readStream('given-up')));
    await disposeEventStore(client);
  });
});
