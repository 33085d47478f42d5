/**
 * The newer client, @kurrent/kurrentdb-client, against the same server: each call once, both of its transports.
 *
 * It writes and subscribes over gRPC from JavaScript and reads over a native client in Rust, so that two more
 * implementations of gRPC and protobuf try the server here. What the server means is said by the other specs.
 * The two clients cannot be loaded into one process (their generated code shares global names): the older one must
 * not be imported here, nor anything that imports it.
 */
import {
  BACKWARDS,
  binaryEvent,
  END,
  jsonEvent,
  KurrentDBClient,
  NO_STREAM,
  persistentSubscriptionToAllSettingsFromDefaults,
  persistentSubscriptionToStreamSettingsFromDefaults,
  START,
  StreamDeletedError,
  StreamNotFoundError,
  streamNameFilter,
  UnsupportedError,
  WrongExpectedVersionError,
  type AllStreamSubscription,
  type ResolvedEvent,
  type StreamSubscription,
} from '@kurrent/kurrentdb-client';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@hybrid/testing';
import { startServer, type Server } from './server.js';

let target: Server;
let client: KurrentDBClient;

beforeAll(async () => {
  target = await startServer();
  client = KurrentDBClient.connectionString(target.url.replace(/^esdb/, 'kurrentdb'));
});
afterAll(async () => {
  await client.dispose();
  // As with the other client, only its channel can be closed, and it does not show it.
  const channel = await (client as unknown as { getChannel(): Promise<{ close(): void }> }).getChannel();
  channel.close();
  await target.stop();
});

const events = (count: number) =>
  Array.from({ length: count }, (_, n) => jsonEvent({ type: 'Tried', data: { n }, metadata: { why: 'x' } }));

async function collect(read: AsyncIterable<ResolvedEvent>) {
  const collected: NonNullable<ResolvedEvent['event']>[] = [];
  for await (const { event } of read) if (event) collected.push(event);
  return collected;
}

async function revisions(read: AsyncIterable<ResolvedEvent>): Promise<number[]> {
  return (await collect(read)).map(({ revision }) => Number(revision));
}

/** What a subscription tells, from which `leave` unsubscribes. */
function listen(subscription: AllStreamSubscription | StreamSubscription) {
  const heard: string[] = [];
  subscription.on('confirmation', () => heard.push('confirmed'));
  subscription.on('caughtUp', () => heard.push('caught up'));
  subscription.on('data', ({ event }: ResolvedEvent) => heard.push(`${event?.streamId}@${event?.revision}`));
  subscription.on('error', (error: Error) => heard.push(String(error)));
  return { heard, leave: () => subscription.unsubscribe() };
}

describe('the newer client', () => {
  it('appends and reads back, JSON and bytes', async () => {
    const stream = target.name('newer');
    const json = jsonEvent({
      type: 'Größe',
      data: { a: 'ü' },
      metadata: { org: 'o' },
    });
    const binary = binaryEvent({
      type: 'Bytes',
      data: Buffer.from([0, 255, 1]),
      metadata: Buffer.from([9, 200]),
    });
    const { position, nextExpectedRevision } = await client.appendToStream(stream, [json, binary], {
      streamState: NO_STREAM,
    });
    expect(nextExpectedRevision).toBe(1n);
    const read = await collect(client.readStream(stream));
    expect(read).toMatchObject([
      {
        streamId: stream,
        id: json.id,
        revision: 0n,
        type: 'Größe',
        isJson: true,
        data: { a: 'ü' },
        metadata: { org: 'o' },
      },
      {
        streamId: stream,
        id: binary.id,
        revision: 1n,
        type: 'Bytes',
        isJson: false,
        position,
      },
    ]);
    expect([...(read[1]!.data as Uint8Array)]).toEqual([0, 255, 1]);
    expect([...(read[1]!.metadata as Uint8Array)]).toEqual([9, 200]);
    expect(Math.abs(read[0]!.created.getTime() - Date.now())).toBeLessThan(60_000);
  });

  it('appends by either call, in pieces, and is refused in its words', async () => {
    const stream = target.name('newer');
    await client.appendToStream(stream, events(200), { batchAppendSize: 1000 });
    const credentials = { username: 'admin', password: 'changeit' };
    for (const options of [{}, { credentials }]) {
      const refused = client.appendToStream(stream, events(1), {
        streamState: NO_STREAM,
        ...options,
      });
      await expect(refused).rejects.toThrow(WrongExpectedVersionError);
      await expect(refused).rejects.toMatchObject({
        streamName: stream,
        expectedState: NO_STREAM,
        actualState: 199n,
      });
    }
    expect(await revisions(client.readStream(stream, { fromRevision: 198n }))).toEqual([198, 199]);
  });

  it('reads a stream both ways, and large events', async () => {
    const stream = target.name('newer');
    await client.appendToStream(stream, events(5));
    expect(await revisions(client.readStream(stream, { fromRevision: 1n, maxCount: 2 }))).toEqual([1, 2]);
    expect(
      await revisions(
        client.readStream(stream, {
          direction: BACKWARDS,
          fromRevision: END,
          maxCount: 2,
        }),
      ),
    ).toEqual([4, 3]);
    const large = jsonEvent({
      type: 'Large',
      data: { text: 'x'.repeat(1_000_000) },
    });
    for (let n = 0; n < 3; n++) await client.appendToStream(stream, { ...large, id: events(1)[0]!.id });
    expect(await revisions(client.readStream(stream, { fromRevision: 5n }))).toEqual([5, 6, 7]);
  });

  it('reads $all both ways and through a filter', async () => {
    const stream = target.name('newer');
    const { position } = await client.appendToStream(stream, events(3));
    expect(await collect(client.readAll({ maxCount: 2 }))).toHaveLength(2);
    const filter = streamNameFilter({ prefixes: [stream] });
    expect(await revisions(client.readAll({ filter }))).toEqual([0, 1, 2]);
    expect(await revisions(client.readAll({ filter, direction: BACKWARDS, fromPosition: END }))).toEqual([
      2, 1, 0,
    ]);
    const [first] = await collect(client.readAll({ fromPosition: position!, maxCount: 1 }));
    expect(first).toMatchObject({ streamId: stream, revision: 2n, position });
  });

  it('says what is not there', async () => {
    const [absent, ended] = [target.name('newer'), target.name('newer')];
    await client.tombstoneStream(ended);
    await expect(collect(client.readStream(absent))).rejects.toThrow(StreamNotFoundError);
    await expect(collect(client.readStream(ended))).rejects.toThrow(StreamDeletedError);
    await expect(client.appendToStream(ended, events(1))).rejects.toThrow(StreamDeletedError);
  });

  it('deletes, and sets and reads metadata', async () => {
    const stream = target.name('newer');
    await client.appendToStream(stream, events(4));
    await client.setStreamMetadata(stream, { maxCount: 2, team: 'a' } as never);
    expect((await client.getStreamMetadata(stream)).metadata).toEqual({
      maxCount: 2,
      team: 'a',
    });
    expect(await revisions(client.readStream(stream))).toEqual([2, 3]);
    await client.deleteStream(stream, { expectedRevision: 3n });
    await expect(collect(client.readStream(stream))).rejects.toThrow(StreamNotFoundError);
  });

  it('subscribes to a stream and to $all', async () => {
    const stream = target.name('newer');
    await client.appendToStream(stream, events(2));
    let checkpoints = 0;
    const filter = streamNameFilter({
      prefixes: [stream],
      maxSearchWindow: 1,
      checkpointInterval: 1,
      checkpointReached: () => void checkpoints++,
    });
    const listeners = [
      listen(client.subscribeToStream(stream, { fromRevision: START })),
      listen(client.subscribeToAll({ fromPosition: START, filter })),
    ];
    const at = (...numbers: number[]) => numbers.map((revision) => `${stream}@${revision}`);
    for (const { heard } of listeners)
      await eventually(() => expect(heard).toEqual(['confirmed', ...at(0, 1), 'caught up']));
    await client.appendToStream(stream, events(1));
    for (const { heard, leave } of listeners) {
      await eventually(() => expect(heard.slice(4)).toEqual(at(2)));
      await leave();
    }
    expect(checkpoints).toBeGreaterThan(0);
  });

  it('consumes by persistent subscription, of a stream and of $all', async () => {
    const stream = target.name('newer');
    const group = target.name('group');
    const filter = streamNameFilter({ prefixes: [stream] });
    await client.createPersistentSubscriptionToStream(
      stream,
      group,
      persistentSubscriptionToStreamSettingsFromDefaults({ startFrom: START }),
    );
    await client.createPersistentSubscriptionToAll(
      group,
      persistentSubscriptionToAllSettingsFromDefaults({ startFrom: START }),
      { filter },
    );
    await client.appendToStream(stream, events(3));
    for (const subscription of [
      client.subscribeToPersistentSubscriptionToStream(stream, group),
      client.subscribeToPersistentSubscriptionToAll(group),
    ]) {
      const seen: bigint[] = [];
      for await (const resolved of subscription) {
        seen.push(resolved.event!.revision);
        await subscription.ack(resolved);
        if (seen.length === 3) break;
      }
      expect(seen).toEqual([0n, 1n, 2n]);
    }
    expect(await client.getPersistentSubscriptionToStreamInfo(stream, group)).toMatchObject({
      eventSource: stream,
      groupName: group,
    });
    await client.deletePersistentSubscriptionToStream(stream, group);
    await client.deletePersistentSubscriptionToAll(group);
  });

  it('is told that appends over several streams need a newer server', async () => {
    const requests = [
      {
        streamName: target.name('newer'),
        expectedState: NO_STREAM,
        events: events(1),
      },
    ];
    // They are services of protocol 2, which KurrentDB has from 25.1 and 26.1 on; ours does not.
    if (target.ours)
      await expect(client.multiStreamAppend(requests as never)).rejects.toThrow(UnsupportedError);
  });
});
