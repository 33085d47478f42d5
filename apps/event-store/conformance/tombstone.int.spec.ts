/** tombstoneStream ends a stream for good. */
import {
  ANY,
  BACKWARDS,
  END,
  NO_STREAM,
  STREAM_EXISTS,
  StreamDeletedError,
  WrongExpectedVersionError,
  type EventStoreDBClient,
  type TombstoneStreamOptions,
} from '@eventstore/db-client';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { collect, events, revisions } from './sample-events.js';
import { startTarget, type Target } from './target.js';

let target: Target;
let client: EventStoreDBClient;

beforeAll(async () => {
  target = await startTarget();
  client = target.client();
});
afterAll(() => target.stop());

async function streamOf(count: number): Promise<string> {
  const stream = target.name('ended');
  await client.appendToStream(stream, events(count));
  return stream;
}

describe('a tombstone', () => {
  it.each([
    ['any revision', ANY],
    ['its revision', 2n],
    ['that it exists', STREAM_EXISTS],
  ] as const)('expecting %s ends the stream', async (_name, expectedRevision) => {
    const stream = await streamOf(3);
    // The client sends that it must exist, and does not declare it.
    const { position } = await client.tombstoneStream(stream, { expectedRevision } as TombstoneStreamOptions);
    expect(position!.commit).toBeGreaterThan(0n);
    for (const options of [{}, { direction: BACKWARDS, fromRevision: END }, { fromRevision: 9n }] as const) {
      const refused = revisions(client, stream, options);
      await expect(refused).rejects.toThrow(StreamDeletedError);
      await expect(refused).rejects.toMatchObject({ type: 'stream-deleted', streamName: stream });
    }
  });

  it.each([
    ['an earlier revision', 1n, 1n],
    ['a later revision', 7n, 7n],
    ['no stream', NO_STREAM, -1n],
  ] as const)('expecting %s is refused', async (_name, expectedRevision, expectedVersion) => {
    const stream = await streamOf(3);
    const refused = client.tombstoneStream(stream, { expectedRevision });
    await expect(refused).rejects.toThrow(WrongExpectedVersionError);
    await expect(refused).rejects.toMatchObject({
      streamName: stream,
      expectedVersion,
      actualVersion: 2n,
    });
    expect(await revisions(client, stream)).toEqual([0, 1, 2]);
  });

  it('may come before the stream', async () => {
    const stream = target.name('ended');
    await expect(client.tombstoneStream(stream, { expectedRevision: NO_STREAM })).resolves.toBeDefined();
    await expect(revisions(client, stream)).rejects.toThrow(StreamDeletedError);
    await expect(client.appendToStream(stream, events(1), { expectedRevision: NO_STREAM })).rejects.toThrow(
      StreamDeletedError,
    );
  });

  it('ends the metadata too', async () => {
    const stream = await streamOf(1);
    await client.setStreamMetadata(stream, { maxCount: 5 });
    await client.tombstoneStream(stream);
    await expect(client.getStreamMetadata(stream)).rejects.toThrow(StreamDeletedError);
    await expect(client.setStreamMetadata(stream, { maxCount: 6 })).rejects.toThrow(StreamDeletedError);
    await expect(revisions(client, `$$${stream}`)).rejects.toMatchObject({ streamName: `$$${stream}` });
  });

  it('comes once', async () => {
    const stream = await streamOf(1);
    await client.tombstoneStream(stream);
    await expect(client.tombstoneStream(stream)).rejects.toThrow(StreamDeletedError);
    await expect(client.deleteStream(stream)).rejects.toThrow(StreamDeletedError);
  });

  it('is the last event of the stream in $all', async () => {
    const stream = await streamOf(2);
    const { position } = await client.tombstoneStream(stream);
    const [last] = await collect(client.readAll({ fromPosition: position!, maxCount: 1 }));
    expect(last).toMatchObject({ streamId: stream, type: '$streamDeleted', revision: 2n ** 63n - 1n });
  });

  it('leaves streams with like names alone', async () => {
    const stream = await streamOf(1);
    await client.appendToStream(`${stream}x`, events(1));
    await client.tombstoneStream(stream);
    expect(await revisions(client, `${stream}x`)).toEqual([0]);
  });

  it('names the stream in the error, as it is sent in a header, when its name is not ASCII', async () => {
    const stream = target.name('größe');
    await client.tombstoneStream(stream);
    const refused = revisions(client, stream);
    await expect(refused).rejects.toThrow(StreamDeletedError);
    // Trailers are ASCII: how other characters travel is the server's choice.
    if (target.ours) await expect(refused).rejects.toMatchObject({ streamName: encodeURI(stream) });
  });
});
