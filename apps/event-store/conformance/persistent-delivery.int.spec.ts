/** What consumers of a group are given: where it starts, how much at once, who gets what. */
import {
  binaryEvent,
  END,
  eventTypeFilter,
  jsonEvent,
  persistentSubscriptionToAllSettingsFromDefaults,
  persistentSubscriptionToStreamSettingsFromDefaults,
  START,
  streamNameFilter,
  type EventStoreDBClient,
  type PersistentSubscriptionToStreamSettings,
} from '@eventstore/db-client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@hybrid/testing';
import { closeHeard, heard, type Heard } from './persistent-consumer.js';
import { startTarget, type Target } from './target.js';

let target: Target;
let client: EventStoreDBClient;

beforeAll(async () => {
  target = await startTarget();
  client = target.client();
});
afterEach(() => closeHeard());
afterAll(() => target?.stop());

const GROUP = 'shop';
const events = (count: number, type = 'Tried') =>
  Array.from({ length: count }, (_, n) => jsonEvent({ type, data: { n } }));
const link = (revision: number, stream: string) =>
  binaryEvent({ type: '$>', data: Buffer.from(`${revision}@${stream}`) });
const upTo = (end: number) => Array.from({ length: end }, (_, n) => n);
const sorted = (numbers: number[]) => [...numbers].sort((a, b) => a - b);

async function groupOn(stream: string, changes: Partial<PersistentSubscriptionToStreamSettings> = {}) {
  const settings = { startFrom: START, ...changes } as const;
  await client.createPersistentSubscriptionToStream(
    ...([stream, GROUP] as const),
    persistentSubscriptionToStreamSettingsFromDefaults(settings),
  );
}

/** Connects a consumer and waits until the group has it. */
async function consumer(stream: string, bufferSize = 10, then: 'ack' | 'hold' = 'hold'): Promise<Heard> {
  const started = heard(
    client.subscribeToPersistentSubscriptionToStream(stream, GROUP, { bufferSize }),
    then,
  );
  await eventually(() => expect(started.confirmed).toBe(true));
  return started;
}

async function inFlight(stream: string): Promise<number> {
  const { stats } = await client.getPersistentSubscriptionToStreamInfo(stream, GROUP);
  return stats.outstandingMessagesCount;
}

describe('a group starts', () => {
  it('at the first event, and goes on with those that come', async () => {
    const stream = target.name('orders');
    await client.appendToStream(stream, events(3));
    await groupOn(stream);
    const a = await consumer(stream, 10, 'ack');
    await eventually(() => expect(a.revisions).toEqual([0, 1, 2]));
    await client.appendToStream(stream, events(2));
    await eventually(() => expect(a.revisions).toEqual([0, 1, 2, 3, 4]));
    expect(a.tries).toEqual(upTo(5).map((n) => `${n}#0`));
    expect(a.events[0]?.event).toMatchObject({
      streamId: stream,
      type: 'Tried',
      data: { n: 0 },
      isJson: true,
    });
  });

  it('at a revision, which is included', async () => {
    const stream = target.name('orders');
    await client.appendToStream(stream, events(5));
    await groupOn(stream, { startFrom: 3n });
    const a = await consumer(stream, 10, 'ack');
    await eventually(() => expect(a.revisions).toEqual([3, 4]));
  });

  it('at the end, with what comes after it was made', async () => {
    const stream = target.name('orders');
    await client.appendToStream(stream, events(3));
    await groupOn(stream, { startFrom: END });
    const a = await consumer(stream, 10, 'ack');
    await client.appendToStream(stream, events(2));
    await eventually(() => expect(a.revisions).toEqual([3, 4]));
  });

  it('before its stream is there', async () => {
    const stream = target.name('orders');
    await groupOn(stream);
    const a = await consumer(stream, 10, 'ack');
    await client.appendToStream(stream, events(1));
    await eventually(() => expect(a.revisions).toEqual([0]));
  });
});

describe('a consumer', () => {
  it('has no more in flight than it asked for', async () => {
    const stream = target.name('orders');
    await client.appendToStream(stream, events(10));
    await groupOn(stream);
    const a = await consumer(stream, 3);
    await eventually(() => expect(a.revisions).toEqual([0, 1, 2]));
    expect(await inFlight(stream)).toBe(3);
    const [, second] = a.events;
    if (second) await a.subscription.ack(second);
    await eventually(() => expect(a.revisions).toEqual([0, 1, 2, 3]));
    expect(await inFlight(stream)).toBe(3);
  });

  it('that goes leaves what it held to another', async () => {
    const stream = target.name('orders');
    await client.appendToStream(stream, events(4));
    await groupOn(stream);
    const a = await consumer(stream, 2);
    await eventually(() => expect(a.revisions).toEqual([0, 1]));
    const b = await consumer(stream, 10);
    await eventually(() => expect(b.revisions).toEqual([2, 3]));
    await a.unsubscribe();
    await eventually(() => expect(b.revisions).toEqual([2, 3, 0, 1]));
    expect(b.tries.slice(2)).toEqual(['0#1', '1#1']);
  });

  it('and others share a long history, each event with one of them', async () => {
    const stream = target.name('orders');
    const written = 1200;
    for (let from = 0; from < written; from += 300) await client.appendToStream(stream, events(300));
    await groupOn(stream);
    // Neither goes on before both are there.
    const all = [await consumer(stream, 20), await consumer(stream, 20)];
    for (const each of all) await eventually(() => expect(each.events).toHaveLength(20));
    for (const each of all) each.goOn();
    const given = () => all.flatMap(({ revisions }) => revisions);
    await eventually(() => expect(given()).toHaveLength(written));
    expect(sorted(given())).toEqual(upTo(written));
    for (const each of all) expect(each.revisions.length).toBeGreaterThan(100);
  });
});

describe('links', () => {
  it('are followed when the group resolves them, and acked by their own id', async () => {
    const [source, links] = [target.name('source'), target.name('links')];
    await client.appendToStream(source, events(2));
    await client.appendToStream(links, [link(1, source), link(0, source), link(7, source)]);
    await groupOn(links, { resolveLinkTos: true });
    const a = await consumer(links, 3, 'ack');
    await eventually(() => expect(a.events).toHaveLength(3));
    expect(a.events.map((each) => [each.event?.streamId, each.event?.revision, each.link?.revision])).toEqual(
      [
        [source, 1n, 0n],
        [source, 0n, 1n],
        [undefined, undefined, 2n],
      ],
    );
    await eventually(async () => expect(await inFlight(links)).toBe(0));
  });

  it('are given as they are when it does not', async () => {
    const [source, links] = [target.name('source'), target.name('links')];
    await client.appendToStream(source, events(1));
    await client.appendToStream(links, [link(0, source)]);
    await groupOn(links);
    const a = await consumer(links, 3, 'ack');
    await eventually(() => expect(a.events).toHaveLength(1));
    expect(a.events[0]).toMatchObject({ event: { type: '$>', streamId: links } });
    expect(a.events[0]?.link).toBeUndefined();
  });
});

describe('the strategy', () => {
  const strategies = async (consumerStrategyName: 'DispatchToSingle' | 'RoundRobin') => {
    const stream = target.name('orders');
    await groupOn(stream, { consumerStrategyName });
    const consumers = [await consumer(stream, 3), await consumer(stream, 3)];
    await client.appendToStream(stream, events(4));
    await eventually(() => expect(consumers.flatMap(({ revisions }) => revisions)).toHaveLength(4));
    return consumers.map(({ revisions }) => revisions.length).sort();
  };

  it('DispatchToSingle fills one consumer before another', async () => {
    expect(await strategies('DispatchToSingle')).toEqual([1, 3]);
  });

  it('RoundRobin gives to each in turn', async () => {
    expect(await strategies('RoundRobin')).toEqual([2, 2]);
  });

  it('Pinned gives the events of one source stream to one consumer', async () => {
    const links = target.name('links');
    await groupOn(links, { consumerStrategyName: 'Pinned', resolveLinkTos: true });
    const consumers = [await consumer(links, 200), await consumer(links, 200)];
    const sources = upTo(10).map(() => target.name('source'));
    for (const source of sources) await client.appendToStream(source, events(4));
    for (const revision of upTo(4))
      await client.appendToStream(
        links,
        sources.map((source) => link(revision, source)),
      );
    await eventually(() => expect(consumers.flatMap((each) => each.events)).toHaveLength(40));
    const owned = consumers.map(({ events }) => new Set(events.map(({ event }) => event?.streamId)));
    expect(owned.reduce((sum, { size }) => sum + size, 0)).toBe(10);
    for (const { size } of owned) expect(size).toBeGreaterThan(0);
  });
});

describe('a group on $all', () => {
  const toAll = persistentSubscriptionToAllSettingsFromDefaults;
  const listen = async (group: string) => {
    const started = heard(client.subscribeToPersistentSubscriptionToAll(group), 'ack');
    await eventually(() => expect(started.confirmed).toBe(true));
    return started;
  };

  it('gives the events of the streams that its filter names, from the start and live', async () => {
    const [prefix, group] = [target.name('orders'), target.name('shop')];
    await client.appendToStream(`${prefix}-1`, events(2));
    await client.appendToStream(target.name('others'), events(2));
    await client.createPersistentSubscriptionToAll(group, toAll({ startFrom: START }), {
      filter: streamNameFilter({ prefixes: [prefix] }),
    });
    const a = await listen(group);
    await eventually(() => expect(a.events).toHaveLength(2));
    await client.appendToStream(target.name('others'), events(2));
    await client.appendToStream(`${prefix}-2`, events(1));
    await eventually(() => expect(a.events).toHaveLength(3));
    expect(a.events.map(({ event }) => event?.streamId)).toEqual([
      `${prefix}-1`,
      `${prefix}-1`,
      `${prefix}-2`,
    ]);
    await client.deletePersistentSubscriptionToAll(group);
  });

  it('filters by event type, and starts at the end', async () => {
    const [type, group, stream] = [target.name('Tried'), target.name('shop'), target.name('orders')];
    await client.appendToStream(stream, events(2, type));
    await client.createPersistentSubscriptionToAll(group, toAll({ startFrom: END }), {
      filter: eventTypeFilter({ regex: `^${type}$` }),
    });
    const a = await listen(group);
    await client.appendToStream(stream, [...events(1, 'Other'), ...events(1, type)]);
    await eventually(() => expect(a.revisions).toEqual([3]));
    await client.deletePersistentSubscriptionToAll(group);
  });

  it('starts at a position, which is included, and tells positions', async () => {
    const [group, stream] = [target.name('shop'), target.name('orders')];
    await client.appendToStream(stream, events(1));
    const { position } = await client.appendToStream(stream, events(1));
    await client.appendToStream(stream, events(1));
    await client.createPersistentSubscriptionToAll(group, toAll({ startFrom: position! }), {
      filter: streamNameFilter({ prefixes: [stream] }),
    });
    const a = await listen(group);
    await eventually(() => expect(a.revisions).toEqual([1, 2]));
    expect(a.events[0]?.event?.position).toEqual(position);
    await client.deletePersistentSubscriptionToAll(group);
  });

  it('is not kept busy by its own checkpoints and parked messages', async () => {
    const group = target.name('shop');
    const marker = target.name('marker');
    const settings = toAll({ startFrom: END, checkPointLowerBound: 1, checkPointUpperBound: 1 });
    await client.createPersistentSubscriptionToAll(group, settings);
    const a = heard(client.subscribeToPersistentSubscriptionToAll(group), ({ event }) =>
      event?.type === 'Parked' ? 'park' : 'ack',
    );
    const ofMarker = () => a.events.filter(({ event }) => event?.streamId === marker);
    await eventually(() => expect(a.confirmed).toBe(true));
    await client.appendToStream(marker, [...events(1), ...events(1, 'Parked')]);
    await eventually(() => expect(ofMarker()).toHaveLength(2));
    await eventually(async () => {
      const { stats } = await client.getPersistentSubscriptionToAllInfo(group);
      expect(stats.parkedMessageCount).toBe(1n);
      expect(stats.lastCheckpointedEventPosition).toBeDefined();
    });
    await client.appendToStream(marker, events(1));
    await eventually(() => expect(ofMarker()).toHaveLength(3));
    const own = a.events.filter(({ event }) =>
      event?.streamId.startsWith(`$persistentsubscription-$all::${group}`),
    );
    expect(own).toEqual([]);
    await client.deletePersistentSubscriptionToAll(group);
  });
});
