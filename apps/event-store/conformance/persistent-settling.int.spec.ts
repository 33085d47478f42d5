/** Acks, nacks, time-outs, parked messages and their replay, checkpoints. */
import {
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
import { closeHeard, heard, type Answer, type Given, type Heard } from './persistent-consumer.js';
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
const events = (count: number) =>
  Array.from({ length: count }, (_, n) => jsonEvent({ type: 'Tried', data: { n } }));
const parkedStream = (stream: string, group = GROUP) => `$persistentsubscription-${stream}::${group}-parked`;
const checkpointStream = (stream: string) => `$persistentsubscription-${stream}::${GROUP}-checkpoint`;

/** A stream of `count` events with a group from its start. */
async function orders(count: number, changes: Partial<PersistentSubscriptionToStreamSettings> = {}) {
  const stream = target.name('orders');
  await client.appendToStream(stream, events(count));
  await client.createPersistentSubscriptionToStream(
    ...([stream, GROUP] as const),
    persistentSubscriptionToStreamSettingsFromDefaults({ startFrom: START, ...changes }),
  );
  return stream;
}

async function consumer(
  stream: string,
  bufferSize = 10,
  answer: Answer | ((event: Given) => Answer) = 'hold',
): Promise<Heard> {
  const subscription = client.subscribeToPersistentSubscriptionToStream(stream, GROUP, { bufferSize });
  const started = heard(subscription, answer);
  await eventually(() => expect(started.confirmed).toBe(true));
  return started;
}

const stats = async (stream: string) =>
  (await client.getPersistentSubscriptionToStreamInfo(stream, GROUP)).stats;

async function read(stream: string) {
  const all: { data: string; metadata: unknown; type: string; isJson: boolean }[] = [];
  for await (const { event } of client.readStream(stream))
    if (event)
      all.push({
        data: event.isJson ? JSON.stringify(event.data) : Buffer.from(event.data).toString(),
        ...{ metadata: event.metadata, type: event.type, isJson: event.isJson },
      });
  return all;
}

describe('a nack', () => {
  it('to retry gives the message again, with the number of tries', async () => {
    const stream = await orders(1);
    const a = await consumer(stream);
    await eventually(() => expect(a.tries).toEqual(['0#0']));
    await a.subscription.nack('retry', 'again', a.events[0] as never);
    await eventually(() => expect(a.tries).toEqual(['0#0', '0#1']));
    await a.subscription.ack(a.events[1] as never);
    await eventually(async () => expect((await stats(stream)).outstandingMessagesCount).toBe(0));
    expect((await stats(stream)).parkedMessageCount).toBe(0n);
  });

  it('to skip settles it', async () => {
    const stream = await orders(2);
    const a = await consumer(stream, 1);
    await eventually(() => expect(a.tries).toEqual(['0#0']));
    await a.subscription.nack('skip', 'never mind', a.events[0] as never);
    await eventually(() => expect(a.tries).toEqual(['0#0', '1#0']));
    expect((await stats(stream)).parkedMessageCount).toBe(0n);
  });

  it('to park puts a link to it into the parked stream, with the reason', async () => {
    const stream = await orders(2);
    const a = await consumer(stream, 1);
    await eventually(() => expect(a.tries).toEqual(['0#0']));
    await a.subscription.nack('park', 'cannot be read', a.events[0] as never);
    await eventually(() => expect(a.tries).toEqual(['0#0', '1#0']));
    await eventually(async () => expect((await stats(stream)).parkedMessageCount).toBe(1n));
    const [parked, ...more] = await read(parkedStream(stream));
    expect(more).toEqual([]);
    expect(parked).toMatchObject({ type: '$>', isJson: false, data: `0@${stream}` });
    expect(String((parked?.metadata as { reason: string }).reason)).toContain('cannot be read');
  });
});

describe('a message that is tried too often', () => {
  it('is parked, and the others go on', async () => {
    const stream = await orders(3, { maxRetryCount: 2 });
    const a = await consumer(stream, 1, ({ event }) => (event?.revision === 0n ? 'retry' : 'ack'));
    await eventually(() =>
      expect(a.tries).toEqual(expect.arrayContaining(['0#0', '0#1', '0#2', '1#0', '2#0'])),
    );
    await eventually(async () => expect((await stats(stream)).parkedMessageCount).toBe(1n));
    expect(a.tries).toHaveLength(5);
    const [parked] = await read(parkedStream(stream));
    expect(parked?.data).toBe(`0@${stream}`);
  });

  it('is given again when its time is over, and parked in the end', async () => {
    const stream = await orders(1, { messageTimeout: 300, maxRetryCount: 1 });
    const a = await consumer(stream);
    await eventually(() => expect(a.tries).toEqual(['0#0', '0#1']));
    await eventually(async () => expect((await stats(stream)).parkedMessageCount).toBe(1n));
    expect(a.tries).toHaveLength(2);
  });
});

describe('parked messages', () => {
  it('are given again on request, as links to the events', async () => {
    const stream = await orders(3);
    let parking = true;
    const a = await consumer(stream, 10, () => (parking ? 'park' : 'ack'));
    await eventually(async () => expect((await stats(stream)).parkedMessageCount).toBe(3n));
    parking = false;
    await client.replayParkedMessagesToStream(stream, GROUP);
    await eventually(() => expect(a.tries).toEqual(['0#0', '1#0', '2#0', '0#0', '1#0', '2#0']));
    expect(a.events.slice(3).map(({ link }) => [link?.streamId, link?.revision])).toEqual(
      [0n, 1n, 2n].map((revision) => [parkedStream(stream), revision]),
    );
    await eventually(async () =>
      expect(await stats(stream)).toMatchObject({ parkedMessageCount: 0n, outstandingMessagesCount: 0 }),
    );
    // Nothing comes twice: a second replay finds none.
    await client.replayParkedMessagesToStream(stream, GROUP);
    await client.appendToStream(stream, events(1));
    await eventually(() => expect(a.revisions.slice(6)).toEqual([3]));
  });

  it('are given again up to where it is told to stop', async () => {
    const stream = await orders(3);
    const a = await consumer(stream, 10, ({ link }) => (link ? 'ack' : 'park'));
    await eventually(async () => expect((await stats(stream)).parkedMessageCount).toBe(3n));
    await client.replayParkedMessagesToStream(stream, GROUP, { stopAt: 2 });
    await eventually(() => expect(a.revisions.slice(3)).toEqual([0, 1]));
    await eventually(async () => expect((await stats(stream)).parkedMessageCount).toBe(1n));
    await client.replayParkedMessagesToStream(stream, GROUP);
    await eventually(() => expect(a.revisions.slice(5)).toEqual([2]));
  });

  it('can be parked again', async () => {
    const stream = await orders(1);
    const a = await consumer(stream, 10, 'park');
    await eventually(async () => expect((await stats(stream)).parkedMessageCount).toBe(1n));
    await client.replayParkedMessagesToStream(stream, GROUP);
    await eventually(() => expect(a.events).toHaveLength(2));
    await eventually(async () => expect((await stats(stream)).parkedMessageCount).toBe(1n));
    await eventually(async () => {
      const parked = await read(parkedStream(stream));
      expect(parked.map(({ data }) => data)).toEqual([`0@${stream}`]);
    });
  });

  it('are forgotten when their stream is deleted', async () => {
    const stream = await orders(1);
    const a = await consumer(stream, 10, 'park');
    await eventually(async () => expect((await stats(stream)).parkedMessageCount).toBe(1n));
    await client.deleteStream(parkedStream(stream));
    await client.replayParkedMessagesToStream(stream, GROUP);
    await client.appendToStream(stream, events(1));
    await eventually(() => expect(a.revisions).toEqual([0, 1]));
  });

  it('of a group on $all are given again too', async () => {
    const [stream, group] = [target.name('orders'), target.name('shop')];
    await client.appendToStream(stream, events(1));
    await client.createPersistentSubscriptionToAll(
      group,
      persistentSubscriptionToAllSettingsFromDefaults({ startFrom: START }),
      { filter: streamNameFilter({ prefixes: [stream] }) },
    );
    const a = heard(client.subscribeToPersistentSubscriptionToAll(group), ({ link }) =>
      link ? 'ack' : 'park',
    );
    const info = async () => (await client.getPersistentSubscriptionToAllInfo(group)).stats;
    await eventually(async () => expect((await info()).parkedMessageCount).toBe(1n));
    await client.replayParkedMessagesToAll(group);
    await eventually(() => expect(a.revisions).toEqual([0, 0]));
    expect(a.events[1]?.link?.streamId).toBe(parkedStream('$all', group));
    await client.deletePersistentSubscriptionToAll(group);
  });
});

describe('the checkpoint', () => {
  const often = { checkPointAfter: 10, checkPointLowerBound: 1, checkPointUpperBound: 1 };

  it('is kept in a stream, at the last event before the first one that is not settled', async () => {
    const stream = await orders(5, often);
    const a = await consumer(stream);
    await eventually(() => expect(a.events).toHaveLength(5));
    for (const index of [0, 1, 3]) await a.subscription.ack(a.events[index] as never);
    await eventually(async () => expect((await stats(stream)).lastCheckpointedEventRevision).toBe(1n));
    await eventually(async () => {
      const last = (await read(checkpointStream(stream))).at(-1);
      expect(last).toMatchObject({ type: '$SubscriptionCheckpoint', data: '"1"' });
    });
  });

  it('is where the group goes on when it is started again', async () => {
    const stream = await orders(4, often);
    const a = await consumer(stream);
    await eventually(() => expect(a.events).toHaveLength(4));
    for (const index of [0, 1]) await a.subscription.ack(a.events[index] as never);
    await eventually(async () => expect((await read(checkpointStream(stream))).at(-1)?.data).toBe('"1"'));
    await client.restartPersistentSubscriptionSubsystem();
    await eventually(() => expect(a.error).toBeDefined());
    await eventually(async () => {
      const b = await consumer(stream, 10, 'ack');
      await eventually(() => expect(b.revisions).toEqual([2, 3]));
    });
  });

  it('keeps no more than two events', async () => {
    const stream = await orders(30, often);
    await consumer(stream, 1, 'ack');
    await eventually(async () => expect((await read(checkpointStream(stream))).at(-1)?.data).toBe('"29"'));
    expect((await read(checkpointStream(stream))).length).toBeLessThanOrEqual(2);
  });
});
