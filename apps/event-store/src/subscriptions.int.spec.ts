import { randomUUID } from 'node:crypto';
import {
  END,
  eventTypeFilter,
  excludeSystemEvents,
  jsonEvent,
  START,
  streamNameFilter,
  StreamDeletedError,
  type AllStreamSubscription,
  type EventStoreDBClient,
  type Position,
  type StreamSubscription,
} from '@eventstore/db-client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@hybrid/testing';
import { readFileSync } from 'node:fs';
import { EventStoreProcesses, type StartedEventStore } from '../test/event-store-process.js';

const processes = new EventStoreProcesses();
let store: StartedEventStore;
let client: EventStoreDBClient;
const open: (AllStreamSubscription | StreamSubscription)[] = [];

beforeAll(async () => {
  store = await processes.start(await processes.directory());
  client = store.client();
});
afterEach(async () => {
  for (const subscription of open.splice(0)) await subscription.unsubscribe();
});
afterAll(() => processes.release());

const events = (count: number, type = 'Tried') =>
  Array.from({ length: count }, (_, n) => jsonEvent({ type, data: { n } }));
const newStream = (category = 'try') => `${category}-${randomUUID()}`;

/** Everything that a subscription tells, in order. */
function heard(subscription: AllStreamSubscription | StreamSubscription) {
  const seen: (string | Error)[] = [];
  open.push(subscription);
  subscription.on('confirmation', () => seen.push('confirmed'));
  subscription.on('caughtUp' as never, () => seen.push('caught up'));
  subscription.on('data', ({ event }) => seen.push(`${event?.streamId}@${event?.revision}`));
  subscription.on('error', (error: Error) => seen.push(error));
  return seen;
}

const at = (stream: string, ...revisions: number[]) => revisions.map((revision) => `${stream}@${revision}`);

describe('a subscription to a stream', () => {
  it('gives the past, says so, then gives the rest', async () => {
    const stream = newStream();
    await client.appendToStream(stream, events(3));
    const seen = heard(client.subscribeToStream(stream));
    await eventually(() => expect(seen).toEqual(['confirmed', ...at(stream, 0, 1, 2), 'caught up']));
    await client.appendToStream(newStream(), events(1));
    await client.appendToStream(stream, events(2));
    await eventually(() => expect(seen.slice(5)).toEqual(at(stream, 3, 4)));
  });

  it.each([
    ['a revision, which it excludes', 1n, [2]],
    ['the end', END, []],
    ['the start', START, [0, 1, 2]],
    ['a revision to come', 3n, []],
  ] as const)('starts from %s', async (_name, fromRevision, past) => {
    const stream = newStream();
    await client.appendToStream(stream, events(3));
    const seen = heard(client.subscribeToStream(stream, { fromRevision }));
    await eventually(() => expect(seen).toEqual(['confirmed', ...at(stream, ...past), 'caught up']));
    await client.appendToStream(stream, events(2));
    const later = fromRevision === 3n ? [4] : [3, 4];
    await eventually(() => expect(seen.slice(2 + past.length)).toEqual(at(stream, ...later)));
  });

  it('waits for a stream that is not there', async () => {
    const stream = newStream();
    const seen = heard(client.subscribeToStream(stream));
    await eventually(() => expect(seen).toEqual(['confirmed', 'caught up']));
    await client.appendToStream(stream, events(1));
    await eventually(() => expect(seen.slice(2)).toEqual(at(stream, 0)));
  });

  it('goes on after a soft delete, and ends with a tombstone', async () => {
    const stream = newStream();
    await client.appendToStream(stream, events(2));
    const seen = heard(client.subscribeToStream(stream));
    await eventually(() => expect(seen).toHaveLength(4));
    await client.deleteStream(stream);
    await client.appendToStream(stream, events(1));
    await eventually(() => expect(seen.slice(4)).toEqual(at(stream, 2)));
    await client.tombstoneStream(stream);
    await eventually(() => expect(seen.at(-1)).toBeInstanceOf(StreamDeletedError));
  });
});

describe('a subscription to $all', () => {
  it('goes on after the position it is given', async () => {
    const [before, stream] = [newStream(), newStream()];
    const { position } = await client.appendToStream(before, events(1));
    await client.appendToStream(stream, events(2));
    const seen = heard(client.subscribeToAll({ fromPosition: position! }));
    await eventually(() => expect(seen).toEqual(['confirmed', ...at(stream, 0, 1), 'caught up']));
    await client.appendToStream(stream, events(1));
    await eventually(() => expect(seen.slice(4)).toEqual(at(stream, 2)));
  });

  it('gives every event once, in order, while others write', async () => {
    const streams = Array.from({ length: 5 }, () => newStream('busy'));
    const seen = heard(client.subscribeToAll({ filter: streamNameFilter({ prefixes: ['busy-'] }) }));
    for (let round = 0; round < 40; round++)
      await Promise.all(streams.map((stream) => client.appendToStream(stream, events(2))));
    await eventually(() => expect(seen).toHaveLength(402));
    for (const stream of streams)
      expect(seen.filter((item) => String(item).startsWith(stream))).toEqual(
        at(stream, ...Array.from({ length: 80 }, (_, revision) => revision)),
      );
  });

  it.each([
    ['stream prefixes', streamNameFilter({ prefixes: ['left-', 'right-'] }), 'left', 'Tried'],
    ['a stream pattern', streamNameFilter({ regex: '^l[aeiou]ft-' }), 'left', 'Tried'],
    ['type prefixes', eventTypeFilter({ prefixes: ['Wan', 'Nothing'] }), 'any', 'Wanted'],
    ['a type pattern', eventTypeFilter({ regex: '^Wan(ted|ing)$' }), 'any', 'Wanted'],
    ['no system events', excludeSystemEvents(), 'left', 'Tried'],
  ])('lets through %s', async (_name, filter, category, type) => {
    const { position } = await client.appendToStream(newStream('mark'), events(1, 'Mark'));
    const stream = newStream(category);
    await client.setStreamMetadata(newStream('other'), { maxCount: 1 });
    await client.appendToStream(stream, events(2, type));
    const seen = heard(client.subscribeToAll({ fromPosition: position!, filter }));
    await eventually(() => expect(seen).toEqual(['confirmed', ...at(stream, 0, 1), 'caught up']));
    await client.setStreamMetadata(newStream('other'), { maxCount: 1 });
    await client.appendToStream(stream, events(1, type));
    await eventually(() => expect(seen.slice(4)).toEqual(at(stream, 2)));
  });

  it('marks its way through events that the filter holds back', async () => {
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
    const seen = heard(subscription);
    await client.appendToStream(newStream(), events(70));
    const last = await client.appendToStream(newStream(), events(30));
    await eventually(() => expect(checkpoints).toHaveLength(3));
    expect(checkpoints.map(({ commit }) => commit - start.position!.commit)).toEqual([30n, 60n, 90n]);
    expect(checkpoints[2]!.commit).toBeLessThan(last.position!.commit);
    expect(seen).toEqual(['confirmed', 'caught up']);
  });

  it('refuses a pattern that is none', async () => {
    const seen = heard(client.subscribeToAll({ filter: streamNameFilter({ regex: 'job[' }) }));
    await eventually(() => expect(seen).toHaveLength(1));
    expect(seen[0]).toMatchObject({ code: 3, message: expect.stringContaining('job[') });
  });

  it('costs no memory for a reader that stands still, and loses it nothing', async () => {
    const stream = newStream('bulk');
    const data = { text: 'x'.repeat(100_000) };
    const reader = store.client();
    const stalled = reader.subscribeToStream(stream);
    open.push(stalled);
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
