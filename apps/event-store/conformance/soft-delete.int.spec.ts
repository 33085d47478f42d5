/** deleteStream hides what is in a stream; it can be written again, at the next revision. */
import {
  ANY,
  BACKWARDS,
  END,
  jsonEvent,
  NO_STREAM,
  STREAM_EXISTS,
  StreamDeletedError,
  StreamNotFoundError,
  WrongExpectedVersionError,
  type EventStoreDBClient,
} from '@eventstore/db-client';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@hybrid/testing';
import { events, ids, revisions } from './sample-events.js';
import { startTarget, type Target } from './target.js';

let target: Target;
let client: EventStoreDBClient;

beforeAll(async () => {
  target = await startTarget();
  client = target.client();
});
afterAll(() => target.stop());

async function streamOf(count: number): Promise<string> {
  const stream = target.name('deleted');
  await client.appendToStream(stream, events(count));
  return stream;
}

/** What a real server hides a moment after it has answered, which is when it has rewritten the metadata. */
const seen = (stream: string, expected: number[]) =>
  eventually(async () => expect(await revisions(client, stream)).toEqual(expected));

describe('deleting a stream', () => {
  it.each([
    ['any revision', ANY],
    ['its revision', 2n],
  ] as const)('expecting %s makes it gone', async (_name, expectedRevision) => {
    const stream = await streamOf(3);
    const { position } = await client.deleteStream(stream, { expectedRevision });
    expect(position!.commit).toBeGreaterThan(0n);
    for (const options of [{}, { fromRevision: 2n }, { direction: BACKWARDS, fromRevision: END }] as const)
      await expect(revisions(client, stream, options)).rejects.toThrow(StreamNotFoundError);
  });

  it.each([
    ['an earlier revision', 1n],
    ['a later revision', 7n],
    ['no stream', NO_STREAM],
  ] as const)('expecting %s is refused', async (_name, expectedRevision) => {
    const stream = await streamOf(3);
    const refused = client.deleteStream(stream, { expectedRevision });
    await expect(refused).rejects.toThrow(WrongExpectedVersionError);
    await expect(refused).rejects.toMatchObject({
      streamName: stream,
      expectedVersion: expectedRevision === NO_STREAM ? -1n : expectedRevision,
      actualVersion: 2n,
    });
    expect(await revisions(client, stream)).toEqual([0, 1, 2]);
  });

  it('that has only metadata is possible, expecting no stream', async () => {
    const stream = target.name('deleted');
    await client.setStreamMetadata(stream, { cacheControl: 10 });
    await expect(client.deleteStream(stream, { expectedRevision: NO_STREAM })).resolves.toBeDefined();
  });

  it('that was never there succeeds or is refused, and it can be written', async () => {
    // EventStoreDB refuses this since version 21.10; before, and here, it is a delete of nothing.
    const stream = target.name('deleted');
    const attempt = client.deleteStream(stream, { expectedRevision: NO_STREAM });
    if (target.ours) await expect(attempt).resolves.toBeDefined();
    else await attempt.catch((error) => expect(error).toBeInstanceOf(WrongExpectedVersionError));
    await expect(revisions(client, stream)).rejects.toThrow(StreamNotFoundError);
    await expect(client.appendToStream(stream, events(1))).resolves.toMatchObject({
      nextExpectedRevision: 0n,
    });
    await seen(stream, [0]);
  });
});

describe('a soft-deleted stream', () => {
  it.each([
    ['any revision', {}],
    ['no stream', { expectedRevision: NO_STREAM }],
    ['its last revision', { expectedRevision: 2n }],
  ] as const)('comes back without its past, expecting %s', async (_name, options) => {
    const stream = await streamOf(3);
    await client.deleteStream(stream);
    const again = events(3);
    const result = await client.appendToStream(stream, again, options);
    expect(result.nextExpectedRevision).toBe(5n);
    await seen(stream, [3, 4, 5]);
    expect(await ids(client, stream)).toEqual(again.map(({ id }) => id));
    expect(await revisions(client, stream, { direction: BACKWARDS, fromRevision: END })).toEqual([5, 4, 3]);
    expect(await revisions(client, stream, { fromRevision: 1n })).toEqual([3, 4, 5]);
    expect((await client.getStreamMetadata(stream)).metadata).toEqual({ truncateBefore: 3 });
    expect(await revisions(client, `$$${stream}`)).toEqual([1]);
  });

  it('does not exist for who expects it, and has no revision between', async () => {
    const stream = await streamOf(3);
    await client.deleteStream(stream);
    await expect(
      client.appendToStream(stream, events(1), { expectedRevision: STREAM_EXISTS }),
    ).rejects.toThrow(StreamDeletedError);
    await expect(client.appendToStream(stream, events(1), { expectedRevision: 1n })).rejects.toThrow(
      WrongExpectedVersionError,
    );
  });

  it('lets the first writer alone recreate it', async () => {
    const stream = await streamOf(2);
    await client.deleteStream(stream);
    await client.appendToStream(stream, events(3), { expectedRevision: NO_STREAM });
    await seen(stream, [2, 3, 4]);
    await expect(client.appendToStream(stream, events(1), { expectedRevision: NO_STREAM })).rejects.toThrow(
      WrongExpectedVersionError,
    );
  });

  it('takes further writes that expect nothing', async () => {
    const stream = await streamOf(2);
    await client.deleteStream(stream);
    await Promise.all([client.appendToStream(stream, events(3)), client.appendToStream(stream, events(2))]);
    await seen(stream, [2, 3, 4, 5, 6]);
  });

  it('keeps its other metadata when it comes back', async () => {
    const stream = await streamOf(3);
    await client.deleteStream(stream);
    await client.setStreamMetadata(stream, { maxCount: 50, owner: 'a' } as never);
    await client.appendToStream(stream, events(1));
    await seen(stream, [3]);
    expect((await client.getStreamMetadata(stream)).metadata).toMatchObject({
      maxCount: 50,
      owner: 'a',
      truncateBefore: 3,
    });
  });

  it('is there again, empty, once it has new metadata', async () => {
    const stream = await streamOf(3);
    await client.deleteStream(stream);
    await client.setStreamMetadata(stream, { maxCount: 50 }, { expectedRevision: 0n });
    await seen(stream, []);
    await client.appendToStream(stream, events(1), { expectedRevision: 2n });
    await seen(stream, [3]);
  });

  it('can be deleted and come back many times', async () => {
    const stream = target.name('deleted');
    for (let round = 0; round < 5; round++) {
      await client.appendToStream(stream, events(2));
      await seen(stream, [2 * round, 2 * round + 1]);
      await client.deleteStream(stream, { expectedRevision: BigInt(2 * round + 1) });
      await expect(revisions(client, stream)).rejects.toThrow(StreamNotFoundError);
    }
  });

  it('can be ended for good', async () => {
    const stream = await streamOf(2);
    await client.deleteStream(stream);
    await client.tombstoneStream(stream);
    await expect(revisions(client, stream)).rejects.toThrow(StreamDeletedError);
  });

  it('still knows a retry of what it held', async () => {
    const stream = target.name('deleted');
    const first = jsonEvent({ type: 'Tried', data: {} });
    await client.appendToStream(stream, first, { expectedRevision: NO_STREAM });
    await client.deleteStream(stream);
    await expect(
      client.appendToStream(stream, first, { expectedRevision: NO_STREAM }),
    ).resolves.toMatchObject({ success: true, nextExpectedRevision: 0n });
    await expect(revisions(client, stream)).rejects.toThrow(StreamNotFoundError);
  });
});
