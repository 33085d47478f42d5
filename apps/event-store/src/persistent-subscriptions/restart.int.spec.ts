/** What a group remembers when the server is killed: everything that was not settled comes again, nothing is lost. */
import {
  END,
  jsonEvent,
  persistentSubscriptionToAllSettingsFromDefaults,
  persistentSubscriptionToStreamSettingsFromDefaults,
  START,
  streamNameFilter,
  type EventStoreDBClient,
  type PersistentSubscriptionToStreamResolvedEvent,
} from '@eventstore/db-client';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually, specSeed } from '@hybrid/testing';
import { closeClient, EventStoreProcesses, type StartedEventStore } from '../../test/event-store-process.js';

const seed = specSeed();
const processes = new EventStoreProcesses();
let directory: string;
let store: StartedEventStore;
let client: EventStoreDBClient;

beforeEach(async () => {
  directory = await processes.directory();
  await start();
});
afterEach(() => processes.release());

async function start() {
  store = await processes.start(directory);
  client = store.client();
}

async function kill() {
  const [dead, process] = [client, store.process];
  await process.kill('SIGKILL');
  await closeClient(dead).catch(() => undefined);
  await start();
}

const events = (count: number) =>
  Array.from({ length: count }, (_, n) => jsonEvent({ type: 'Tried', data: { n } }));
const upTo = (end: number) => Array.from({ length: end }, (_, n) => n);
const toStream = persistentSubscriptionToStreamSettingsFromDefaults;

/** A consumer that adds each revision it is given to `seen`, and acks it unless told not to. */
function consume(seen: number[], ack: (revision: number) => boolean = () => true) {
  const subscription = client.subscribeToPersistentSubscriptionToStream('orders', 'shop', { bufferSize: 20 });
  // The kill ends it with an error that says no more than that.
  subscription.on('error', () => undefined);
  subscription.on('data', (event: PersistentSubscriptionToStreamResolvedEvent) => {
    const revision = Number(event.event?.revision);
    seen.push(revision);
    if (ack(revision)) subscription.ack(event).catch(() => undefined);
  });
  return subscription;
}

describe('after a SIGKILL', () => {
  it('a group is there with its settings, and goes on behind its checkpoint', async () => {
    const settings = toStream({
      startFrom: START,
      checkPointLowerBound: 1,
      checkPointUpperBound: 1,
      maxRetryCount: 4,
    });
    await client.createPersistentSubscriptionToStream('orders', 'shop', settings);
    await client.appendToStream('orders', events(6));
    const before: number[] = [];
    consume(before, (revision) => revision < 4);
    await eventually(async () => {
      const { stats } = await client.getPersistentSubscriptionToStreamInfo('orders', 'shop');
      expect(stats.lastCheckpointedEventRevision).toBe(3n);
    });
    await kill();
    const info = await client.getPersistentSubscriptionToStreamInfo('orders', 'shop');
    expect(info).toMatchObject({ settings, stats: { lastCheckpointedEventRevision: 3n } });
    const after: number[] = [];
    consume(after);
    await eventually(() => expect(after).toEqual([4, 5]));
  });

  it('a group from the end without a checkpoint gives what came since it was made', async () => {
    await client.appendToStream('orders', events(2));
    await client.createPersistentSubscriptionToStream('orders', 'shop', toStream({ startFrom: END }));
    await client.createPersistentSubscriptionToAll(
      'all',
      persistentSubscriptionToAllSettingsFromDefaults({ startFrom: END }),
      { filter: streamNameFilter({ prefixes: ['orders'] }) },
    );
    await client.appendToStream('orders', events(2));
    await kill();
    const seen: number[] = [];
    consume(seen);
    await eventually(() => expect(seen).toEqual([2, 3]));
    const seenOfAll: number[] = [];
    const all = client.subscribeToPersistentSubscriptionToAll('all');
    all.on('error', () => undefined);
    all.on('data', ({ event }) => seenOfAll.push(Number(event?.revision)));
    await eventually(() => expect(seenOfAll).toEqual([2, 3]));
  });

  it('parked messages are there, and those replayed but not settled can be replayed again', async () => {
    await client.createPersistentSubscriptionToStream('orders', 'shop', toStream({ startFrom: START }));
    await client.appendToStream('orders', events(1));
    const first = client.subscribeToPersistentSubscriptionToStream('orders', 'shop');
    first.on('error', () => undefined);
    let given = 0;
    first.on('data', (event: PersistentSubscriptionToStreamResolvedEvent) => {
      if (++given === 1) first.nack('park', '', event).catch(() => undefined);
    });
    const parked = async () =>
      (await client.getPersistentSubscriptionToStreamInfo('orders', 'shop')).stats.parkedMessageCount;
    await eventually(async () => expect(await parked()).toBe(1n));
    await client.replayParkedMessagesToStream('orders', 'shop');
    await eventually(() => expect(given).toBe(2));
    await kill();
    expect(await parked()).toBe(1n);
    const seen: number[] = [];
    await client.replayParkedMessagesToStream('orders', 'shop');
    consume(seen);
    await eventually(() => expect(seen).toContain(0));
    await eventually(async () => expect(await parked()).toBe(0n));
  });

  it(`at any time, again and again, every event is given and settled in the end`, async () => {
    const settings = toStream({
      startFrom: START,
      checkPointLowerBound: 1,
      checkPointUpperBound: 10,
      checkPointAfter: 1,
    });
    await client.createPersistentSubscriptionToStream('orders', 'shop', settings);
    const rounds = 4;
    const each = 200;
    const seen: number[] = [];
    let random = seed;
    const chance = (below: number) => {
      random = (Math.imul(random, 1_103_515_245) + 12_345) >>> 0;
      return Math.floor((random / 2 ** 32) * below);
    };
    for (let round = 0; round < rounds; round++) {
      await client.appendToStream('orders', events(each));
      const enough = seen.length + chance(each);
      consume(seen);
      await eventually(() => expect(seen.length).toBeGreaterThanOrEqual(enough));
      await kill();
    }
    consume(seen);
    await eventually(async () => {
      const { stats } = await client.getPersistentSubscriptionToStreamInfo('orders', 'shop');
      expect(stats.lastCheckpointedEventRevision).toBe(BigInt(rounds * each - 1));
    });
    expect([...new Set(seen)].sort((a, b) => a - b)).toEqual(upTo(rounds * each));
    // A round gives again at most what was in flight and not yet kept by a checkpoint.
    expect(seen.length).toBeLessThan(2 * rounds * each);
  });
});
