import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EventStoreDBClient, jsonEvent } from '@eventstore/db-client';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startEventStore } from './event-store.js';
import type { ServerWithUrl } from './server.js';

async function append(url: string, type: string): Promise<void> {
  const client = EventStoreDBClient.connectionString(url);
  try {
    await client.appendToStream('word-1', jsonEvent({ type, data: {} }));
  } finally {
    await client.dispose();
  }
}

async function types(url: string): Promise<string[]> {
  const client = EventStoreDBClient.connectionString(url);
  try {
    const seen: string[] = [];
    for await (const { event } of client.readStream('word-1')) seen.push(event!.type);
    return seen;
  } finally {
    await client.dispose();
  }
}

describe('the event store', () => {
  let dataDir: string;
  let store: ServerWithUrl | undefined;
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'hybrid-event-store-'));
  });
  afterEach(async () => {
    await store?.kill();
    await rm(dataDir, { recursive: true, force: true });
  });

  it('keeps events and port over a kill, a restart and a new start', async () => {
    store = await startEventStore({ dataDir });
    const { url, port } = store;
    await append(url, 'First');
    await store.kill();
    await store.restart();
    expect(await types(url)).toEqual(['First']);
    await append(url, 'Second');
    expect(await store.stop()).toEqual({ code: 0, signal: null });
    store = await startEventStore({ dataDir, port });
    expect(await types(store.url)).toEqual(['First', 'Second']);
  });
});
