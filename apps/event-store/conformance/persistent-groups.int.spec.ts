/** Groups of consumers: made, listed, changed, ended. From EventStoreDB's documentation of persistent subscriptions. */
import {
  END,
  jsonEvent,
  PersistentSubscriptionDoesNotExistError,
  PersistentSubscriptionDroppedError,
  PersistentSubscriptionExistsError,
  PersistentSubscriptionFailedError,
  PersistentSubscriptionMaximumSubscribersReachedError,
  persistentSubscriptionToAllSettingsFromDefaults,
  persistentSubscriptionToStreamSettingsFromDefaults,
  START,
  streamNameFilter,
  type EventStoreDBClient,
} from '@eventstore/db-client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@hybrid/testing';
import { closeHeard, heard } from './persistent-consumer.js';
import { startTarget, type Target } from './target.js';

let target: Target;
let client: EventStoreDBClient;

beforeAll(async () => {
  target = await startTarget();
  client = target.client();
});
afterEach(() => closeHeard());
afterAll(() => target.stop());

const toStream = persistentSubscriptionToStreamSettingsFromDefaults;
const toAll = persistentSubscriptionToAllSettingsFromDefaults;
const event = () => jsonEvent({ type: 'Tried', data: {} });

describe('a group on a stream', () => {
  it('is told with the settings that it was made with', async () => {
    const stream = target.name('orders');
    const settings = toStream({
      startFrom: 3n,
      resolveLinkTos: true,
      extraStatistics: true,
      messageTimeout: 20_000,
      maxRetryCount: 7,
      checkPointAfter: 1_500,
      checkPointLowerBound: 3,
      checkPointUpperBound: 300,
      maxSubscriberCount: 4,
      liveBufferSize: 400,
      readBatchSize: 15,
      historyBufferSize: 450,
      consumerStrategyName: 'Pinned',
    });
    await client.createPersistentSubscriptionToStream(stream, 'shop', settings);
    const info = await client.getPersistentSubscriptionToStreamInfo(stream, 'shop');
    expect(info).toMatchObject({ eventSource: stream, groupName: 'shop', settings, connections: [] });
    expect(info.stats).toMatchObject({ totalItems: 0n, parkedMessageCount: 0n, totalInFlightMessages: 0 });
  });

  it('tells START and END as such', async () => {
    const stream = target.name('orders');
    await client.createPersistentSubscriptionToStream(stream, 'first', toStream({ startFrom: START }));
    await client.createPersistentSubscriptionToStream(stream, 'last', toStream({ startFrom: END }));
    const groups = await client.listPersistentSubscriptionsToStream(stream);
    expect(groups.map(({ groupName, settings }) => [groupName, settings.startFrom])).toEqual([
      ['first', START],
      ['last', END],
    ]);
  });

  it('is made once', async () => {
    const stream = target.name('orders');
    await client.createPersistentSubscriptionToStream(stream, 'shop', toStream());
    const again = client.createPersistentSubscriptionToStream(stream, 'shop', toStream());
    await expect(again).rejects.toBeInstanceOf(PersistentSubscriptionExistsError);
    await expect(again).rejects.toMatchObject({ streamName: stream, groupName: 'shop' });
  });

  it('is refused when it could never read', async () => {
    const stream = target.name('orders');
    const settings = toStream({ readBatchSize: 20, historyBufferSize: 20 });
    await expect(
      client.createPersistentSubscriptionToStream(stream, 'shop', settings),
    ).rejects.toBeInstanceOf(PersistentSubscriptionFailedError);
  });

  it('is in the list of all', async () => {
    const stream = target.name('orders');
    await client.createPersistentSubscriptionToStream(stream, 'shop', toStream());
    const groups = await client.listAllPersistentSubscriptions();
    expect(groups.map(({ eventSource, groupName }) => `${eventSource}::${groupName}`)).toContain(
      `${stream}::shop`,
    );
  });

  it('does not exist before it is made, for every call that names it', async () => {
    const stream = target.name('orders');
    const calls = [
      client.getPersistentSubscriptionToStreamInfo(stream, 'shop'),
      client.updatePersistentSubscriptionToStream(stream, 'shop', toStream()),
      client.deletePersistentSubscriptionToStream(stream, 'shop'),
      client.replayParkedMessagesToStream(stream, 'shop'),
      client.listPersistentSubscriptionsToStream(stream),
    ];
    for (const { reason } of (await Promise.allSettled(calls)) as PromiseRejectedResult[])
      expect(reason).toBeInstanceOf(PersistentSubscriptionDoesNotExistError);
    const consumer = heard(client.subscribeToPersistentSubscriptionToStream(stream, 'shop'));
    await eventually(() => expect(consumer.error).toBeInstanceOf(PersistentSubscriptionDoesNotExistError));
    expect(consumer.error).toMatchObject({ streamName: stream, groupName: 'shop' });
  });

  it('takes no more consumers than it may, and another when one has gone', async () => {
    const stream = target.name('orders');
    await client.createPersistentSubscriptionToStream(stream, 'shop', toStream({ maxSubscriberCount: 1 }));
    const subscribe = () => heard(client.subscribeToPersistentSubscriptionToStream(stream, 'shop'));
    const first = subscribe();
    await eventually(() => expect(first.confirmed).toBe(true));
    const second = subscribe();
    await eventually(() =>
      expect(second.error).toBeInstanceOf(PersistentSubscriptionMaximumSubscribersReachedError),
    );
    await first.unsubscribe();
    await eventually(async () => {
      const third = subscribe();
      await eventually(() => expect(third.confirmed || third.error).toBeTruthy());
      expect(third.confirmed).toBe(true);
    });
  });

  it('drops its consumers when it is deleted, and is forgotten with its checkpoint', async () => {
    const stream = target.name('orders');
    const settings = toStream({ startFrom: START, checkPointLowerBound: 1, checkPointUpperBound: 1 });
    await client.createPersistentSubscriptionToStream(stream, 'shop', settings);
    await client.appendToStream(stream, [event(), event()]);
    const consumer = heard(client.subscribeToPersistentSubscriptionToStream(stream, 'shop'), 'ack');
    await eventually(async () => {
      const { stats } = await client.getPersistentSubscriptionToStreamInfo(stream, 'shop');
      expect(stats.lastCheckpointedEventRevision).toBe(1n);
    });
    await client.deletePersistentSubscriptionToStream(stream, 'shop');
    await eventually(() => expect(consumer.error).toBeInstanceOf(PersistentSubscriptionDroppedError));
    expect(consumer.error).toMatchObject({ streamName: stream, groupName: 'shop' });
    await expect(client.getPersistentSubscriptionToStreamInfo(stream, 'shop')).rejects.toBeInstanceOf(
      PersistentSubscriptionDoesNotExistError,
    );
    await client.createPersistentSubscriptionToStream(stream, 'shop', settings);
    const anew = heard(client.subscribeToPersistentSubscriptionToStream(stream, 'shop'), 'ack');
    await eventually(() => expect(anew.revisions).toEqual([0, 1]));
  });

  it('drops its consumers when it is updated, and goes on behind its checkpoint with the new settings', async () => {
    const stream = target.name('orders');
    const settings = toStream({ startFrom: START, checkPointLowerBound: 1, checkPointUpperBound: 1 });
    await client.createPersistentSubscriptionToStream(stream, 'shop', settings);
    await client.appendToStream(stream, [event(), event()]);
    const before = heard(client.subscribeToPersistentSubscriptionToStream(stream, 'shop'), 'ack');
    await eventually(async () => {
      const { stats } = await client.getPersistentSubscriptionToStreamInfo(stream, 'shop');
      expect(stats.lastCheckpointedEventRevision).toBe(1n);
    });
    await client.updatePersistentSubscriptionToStream(stream, 'shop', { ...settings, maxRetryCount: 3 });
    await eventually(() => expect(before.error).toBeInstanceOf(PersistentSubscriptionDroppedError));
    const info = await client.getPersistentSubscriptionToStreamInfo(stream, 'shop');
    expect(info.settings.maxRetryCount).toBe(3);
    await client.appendToStream(stream, [event()]);
    const after = heard(client.subscribeToPersistentSubscriptionToStream(stream, 'shop'), 'ack');
    await eventually(() => expect(after.revisions).toEqual([2]));
  });

  it('tells of its consumers', async () => {
    const stream = target.name('orders');
    await client.createPersistentSubscriptionToStream(
      ...([stream, 'shop'] as const),
      toStream({ startFrom: START, extraStatistics: true }),
    );
    await client.appendToStream(stream, [event(), event(), event()]);
    const consumer = heard(
      client.subscribeToPersistentSubscriptionToStream(stream, 'shop', { bufferSize: 5 }),
    );
    await eventually(() => expect(consumer.revisions).toEqual([0, 1, 2]));
    const [first] = consumer.events;
    if (first) await consumer.subscription.ack(first);
    await eventually(async () => {
      const info = await client.getPersistentSubscriptionToStreamInfo(stream, 'shop');
      expect(info.stats).toMatchObject({
        totalItems: 3n,
        totalInFlightMessages: 2,
        outstandingMessagesCount: 2,
      });
      expect(info.connections).toHaveLength(1);
      const [connection] = info.connections;
      expect(connection).toMatchObject({ totalItems: 3n, inFlightMessages: 2, availableSlots: 3 });
      expect(connection?.extraStatistics?.get('fastest')).toBeGreaterThanOrEqual(0n);
    });
  });
});

describe('a group on $all', () => {
  it('is told with its settings, and is made, updated and deleted once', async () => {
    const group = target.name('shop');
    await client.createPersistentSubscriptionToAll(group, toAll({ startFrom: START }), {
      filter: streamNameFilter({ prefixes: [target.name('orders')] }),
    });
    await expect(client.createPersistentSubscriptionToAll(group, toAll())).rejects.toBeInstanceOf(
      PersistentSubscriptionExistsError,
    );
    const made = await client.getPersistentSubscriptionToAllInfo(group);
    expect(made).toMatchObject({ eventSource: '$all', groupName: group, settings: { startFrom: START } });
    await client.updatePersistentSubscriptionToAll(group, toAll({ maxRetryCount: 2 }));
    const groups = await client.listPersistentSubscriptionsToAll();
    const updated = groups.find(({ groupName }) => groupName === group);
    expect(updated?.settings).toMatchObject({ startFrom: END, maxRetryCount: 2 });
    await client.deletePersistentSubscriptionToAll(group);
    await expect(client.getPersistentSubscriptionToAllInfo(group)).rejects.toBeInstanceOf(
      PersistentSubscriptionDoesNotExistError,
    );
  });

  it('is refused behind the end', async () => {
    const beyond = { commit: 2n ** 60n, prepare: 2n ** 60n };
    await expect(
      client.createPersistentSubscriptionToAll(target.name('shop'), toAll({ startFrom: beyond })),
    ).rejects.toBeInstanceOf(PersistentSubscriptionFailedError);
  });
});
