import type { EventStoreDBClient } from '@eventstore/db-client';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '@hybrid/testing';
import { randomUUID } from 'node:crypto';
import { append } from './appends.js';
import { connectEventStore } from './connections.js';
import { startForeignEventStore, type ForeignEventStore } from './foreign-event-store.fixtures.js';
import { startPlatform, type Platform } from './platform.fixtures.js';
import type { StoredEvent } from './stored-event.js';
import { subscribe, type Batch } from './subscribe.js';

let platform: Platform;
let foreign: ForeignEventStore;
let other: EventStoreDBClient;

beforeAll(async () => {
  platform = await startPlatform();
  foreign = await startForeignEventStore(platform.eventStore.port);
  other = connectEventStore(foreign.url);
});
afterAll(async () => {
  await other?.dispose();
  foreign?.stop();
  await platform?.stop();
});

/** Somebody who follows the things of one category, with a door that its first batch waits for. */
class Listener {
  readonly heard: StoredEvent[] = [];
  readonly batches: Batch[] = [];
  readonly told: boolean[] = [];
  private readonly stopping = new AbortController();
  private readonly running: Promise<void>;

  constructor(client: EventStoreDBClient, prefix: string, door?: Promise<void>, paceMs?: number) {
    this.running = subscribe({
      client,
      prefixes: [prefix],
      paceMs,
      signal: this.stopping.signal,
      log: () => undefined,
      from: () => this.batches.at(-1)?.position ?? null,
      following: (now) => void this.told.push(now),
      handle: async (batch) => {
        if (batch.events.length) await door;
        this.batches.push(batch);
        this.heard.push(...batch.events);
      },
    });
  }

  get notes(): number[] {
    return this.heard.map(({ event }) => (event.data as { note: number }).note);
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }
}

describe('who follows the log', () => {
  let prefix: string;
  let listeners: Listener[];
  let written: number;

  beforeEach(() => {
    prefix = `c${randomUUID().slice(0, 8)}-`;
    listeners = [];
    written = 0;
  });

  const listen = (client = platform.connections.eventStore, door?: Promise<void>, paceMs?: number) => {
    const listener = new Listener(client, prefix, door, paceMs);
    listeners.push(listener);
    return listener;
  };
  const write = async (count: number, text = '') => {
    for (let left = count; left > 0; left--)
      await append(platform.connections.eventStore, {
        stream: `${prefix}${randomUUID()}`,
        expected: null,
        events: [
          { id: randomUUID(), type: 'Added', data: { note: written++, text }, metadata: { org: 'default' } },
        ],
        deadline: 60_000,
      });
  };
  const all = () => Array.from({ length: written }, (_, note) => note);
  const stop = () => Promise.all(listeners.map((listener) => listener.stop()));

  it('shares one reading with others of the process, each at its own place', async () => {
    await write(3);
    const [one, two] = [listen(), listen()];
    await eventually(() => expect([one.told, two.told]).toEqual([[true], [true]]));
    await write(20);
    const late = listen();
    await eventually(() => expect(late.told).toEqual([true]));
    await write(20);
    for (const listener of listeners) await eventually(() => expect(listener.notes).toEqual(all()));
    // Not only equal: read and decoded once.
    expect(one.heard[10]).toBe(two.heard[10]);
    expect(late.heard[30]).toBe(one.heard[30]);
    await stop();
    expect(one.told).toEqual([true, false]);
  });

  it('hears everything once and in order, however far it falls behind the others', async () => {
    let open = () => {};
    const slow = listen(undefined, new Promise<void>((resolve) => (open = resolve)));
    const quick = listen();
    await eventually(() => expect(slow.told).toEqual([true]));
    // More than twice of what is kept in memory for those who are late.
    await write(8, 'x'.repeat(800_000));
    await eventually(() => expect(quick.notes).toEqual(all()));
    open();
    await eventually(() => expect(slow.notes).toEqual(all()));
    expect(slow.told.slice(0, 2)).toEqual([true, false]);
    await write(2);
    await eventually(() => expect([slow.notes, quick.notes]).toEqual([all(), all()]));
    await stop();
  });

  it('is told to wait and of the rest when the event store was away', async () => {
    const listener = listen();
    await eventually(() => expect(listener.told).toEqual([true]));
    await platform.eventStore.kill();
    await eventually(() => expect(listener.told).toEqual([true, false]));
    await platform.eventStore.restart();
    await eventually(() => expect(listener.told).toEqual([true, false, true]));
    await eventually(() => write(1));
    await eventually(() => expect(listener.notes.length).toBeGreaterThan(0));
    await stop();
  });

  it('gets larger batches where it wants them seldom', async () => {
    const [eager, paced] = [listen(), listen(undefined, undefined, 150)];
    await eventually(() => expect(paced.told).toEqual([true]));
    await write(60);
    await eventually(() => expect([eager.notes, paced.notes]).toEqual([all(), all()]));
    expect(paced.batches.length).toBeLessThan(eager.batches.length / 2);
    await stop();
  });

  it('hears from an event store that is not ours, too', async () => {
    await write(5);
    const listener = listen(other);
    await eventually(() => expect(listener.told).toEqual([true]));
    await write(5);
    await eventually(() => expect(listener.notes).toEqual(all()));
    await stop();
  });
});
