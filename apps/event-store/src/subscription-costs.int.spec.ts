/** What conformance leaves open and ours promises: where checkpoints fall, and that a slow reader costs no memory. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { jsonEvent, streamNameFilter, type EventStoreDBClient, type Position } from '@eventstore/db-client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@hybrid/testing';
import { Listener } from '../conformance/heard.js';
import { events } from '../conformance/sample-events.js';
import { EventStoreProcesses, type StartedEventStore } from '../test/event-store-process.js';

const processes = new EventStoreProcesses();
let store: StartedEventStore;
let client: EventStoreDBClient;
const listener = new Listener();

beforeAll(async () => {
  store = await processes.start(await processes.directory());
  client = store.client();
});
afterEach(() => listener.stop());
afterAll(() => processes.release());

const newStream = (category = 'try') => `${category}-${randomUUID()}`;

describe('a subscription', () => {
  it('marks its way every so many events, exactly', async () => {
    const start = await client.appendToStream(newStream(), events(1));
    const checkpoints: Position[] = [];
    const subscription = client.subscribeToAll({
      fromPosition: start.position!,
      filter: streamNameFilter({
        prefixes: ['nothing'],
        maxSearchWindow: 10,
        checkpointInterval: 3,
        checkpointReached: (_subscription, position) => void checkpoints.push(position),
      }),
    });
    const seen = listener.to(subscription);
    await client.appendToStream(newStream(), events(70));
    const last = await client.appendToStream(newStream(), events(30));
    await eventually(() => expect(checkpoints).toHaveLength(3));
    expect(checkpoints.map(({ commit }) => commit - start.position!.commit)).toEqual([30n, 60n, 90n]);
    expect(checkpoints[2]!.commit).toBeLessThan(last.position!.commit);
    await eventually(() => expect(seen).toEqual(['confirmed', 'caught up']));
  });

  it('costs no memory for a reader that stands still, and loses it nothing', async () => {
    const stream = newStream('bulk');
    const data = { text: 'x'.repeat(100_000) };
    const reader = store.client();
    const stalled = reader.subscribeToStream(stream);
    listener.keep(stalled);
    await new Promise((resolve) => stalled.once('confirmation', resolve));
    const before = privateMegabytes(store.process.pid);
    for (let round = 0; round < 60; round++)
      await client.appendToStream(
        stream,
        Array.from({ length: 10 }, () => jsonEvent({ type: 'Bulk', data })),
      );
    expect(privateMegabytes(store.process.pid) - before).toBeLessThan(50);
    let count = 0;
    for await (const { event } of stalled) {
      expect(event?.revision).toBe(BigInt(count));
      if (++count === 600) break;
    }
  });
});

/** Memory of the process that is not the mapped data file. */
function privateMegabytes(pid: number): number {
  return Number(/RssAnon:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}
