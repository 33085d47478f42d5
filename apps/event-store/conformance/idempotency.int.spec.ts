/**
 * A retry of an append that was carried out writes nothing and gets the first answer.
 *
 * Below the stream's end the ids after the expected revision are compared one by one; with ANY and STREAM_EXISTS the
 * ids are looked up. EventStoreDB calls the lookup best effort, so the specs that need it retry at once.
 */
import {
  ANY,
  NO_STREAM,
  STREAM_EXISTS,
  WrongExpectedVersionError,
  type AppendExpectedRevision,
  type EventStoreDBClient,
} from '@eventstore/db-client';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { APPEND_CALLS } from './append-calls.js';
import { events, ids } from './sample-events.js';
import { startTarget, type Target } from './target.js';

let target: Target;
let client: EventStoreDBClient;

beforeAll(async () => {
  target = await startTarget();
  client = target.client();
});
afterAll(() => target.stop());

describe.each(APPEND_CALLS)('a retried %s', (_call, options) => {
  const append = (
    stream: string,
    batch: ReturnType<typeof events>,
    expectedRevision: AppendExpectedRevision,
  ) => client.appendToStream(stream, batch, { expectedRevision, ...options });

  it.each([
    ['no stream', NO_STREAM],
    ['any', ANY],
  ] as const)('with %s gets the first answer', async (_name, expected) => {
    const stream = target.name('retry');
    const batch = events(3);
    const first = await append(stream, batch, expected);
    const again = await append(stream, batch, expected);
    expect(again).toMatchObject({ success: true, nextExpectedRevision: 2n });
    expect(again.nextExpectedRevision).toBe(first.nextExpectedRevision);
    expect(await ids(client, stream)).toEqual(batch.map(({ id }) => id));
  });

  it.each([
    ['no stream', NO_STREAM, 0, 1n],
    ['any', ANY, 0, 1n],
    ['any, in the middle', ANY, 2, 3n],
    ['stream exists', STREAM_EXISTS, 2, 3n],
    ['its revision', 1n, 2, 3n],
    ['its revision, at the end', 3n, 4, 5n],
  ] as const)(
    'with %s is known after others have written',
    async (_name, expected, from, nextExpectedRevision) => {
      const stream = target.name('retry');
      const all = events(6);
      for (const at of [0, 2, 4])
        await append(stream, all.slice(at, at + 2), at === 0 ? NO_STREAM : BigInt(at - 1));
      const again = await append(stream, all.slice(from, from + 2), expected);
      expect(again).toMatchObject({ success: true, nextExpectedRevision });
      expect(await ids(client, stream)).toEqual(all.map(({ id }) => id));
    },
  );

  it('of one event out of an earlier batch is known', async () => {
    const stream = target.name('retry');
    const all = events(3);
    await append(stream, all, NO_STREAM);
    await expect(append(stream, all.slice(0, 1), NO_STREAM)).resolves.toMatchObject({
      nextExpectedRevision: 0n,
    });
    await expect(append(stream, all.slice(1, 2), 0n)).resolves.toMatchObject({ nextExpectedRevision: 1n });
    await expect(append(stream, all.slice(1, 2), ANY)).resolves.toMatchObject({ success: true });
    expect(await ids(client, stream)).toHaveLength(3);
  });

  it('of a known id at the stream’s end is a new event', async () => {
    const stream = target.name('retry');
    const all = events(2);
    await append(stream, all, NO_STREAM);
    await expect(append(stream, all.slice(0, 1), 1n)).resolves.toMatchObject({ nextExpectedRevision: 2n });
    expect(await ids(client, stream)).toEqual([all[0]!.id, all[1]!.id, all[0]!.id]);
  });

  it.each([
    ['a revision before', 0n],
    ['a revision after', 5n],
  ] as const)('of a known id expecting %s where it is not is refused', async (_name, expected) => {
    const stream = target.name('retry');
    const all = events(3);
    await append(stream, all, NO_STREAM);
    await expect(append(stream, all.slice(0, 1), expected)).rejects.toThrow(WrongExpectedVersionError);
    expect(await ids(client, stream)).toHaveLength(3);
  });

  it.each([
    ['no stream', NO_STREAM],
    ['any', ANY],
  ] as const)('that grew, with %s, is refused and adds nothing', async (_name, expected) => {
    const stream = target.name('retry');
    const all = events(3);
    await append(stream, all.slice(0, 2), NO_STREAM);
    await expect(append(stream, all, expected)).rejects.toThrow(WrongExpectedVersionError);
    expect(await ids(client, stream)).toHaveLength(2);
  });

  it('in another stream is no retry', async () => {
    const [one, other] = [target.name('retry'), target.name('retry')];
    const batch = events(2);
    await append(one, batch, ANY);
    await expect(append(other, batch, ANY)).resolves.toMatchObject({ nextExpectedRevision: 1n });
    expect(await ids(client, other)).toEqual(batch.map(({ id }) => id));
  });

  it('compares ids and not contents', async () => {
    const stream = target.name('retry');
    const [event] = events(1);
    await append(stream, [event!], NO_STREAM);
    await append(stream, [{ ...event!, type: 'Other', data: { n: 99 } }], NO_STREAM);
    const read = [];
    for await (const resolved of client.readStream(stream)) read.push(resolved.event);
    expect(read).toMatchObject([{ type: 'Tried', data: { n: 0 } }]);
  });

  it('may hold the same id several times', async () => {
    const stream = target.name('retry');
    const [event] = events(1);
    const batch = Array.from({ length: 6 }, () => event!);
    await expect(append(stream, batch, NO_STREAM)).resolves.toMatchObject({ nextExpectedRevision: 5n });
    await expect(append(stream, batch, NO_STREAM)).resolves.toMatchObject({ nextExpectedRevision: 5n });
    // With ANY the revision of the answer is not reliable, in EventStoreDB either.
    await expect(append(stream, batch, ANY)).resolves.toMatchObject({ success: true });
    expect(await ids(client, stream)).toHaveLength(6);
  });

  it('sent twenty times at once is written once', async () => {
    const stream = target.name('retry');
    const batch = events(2);
    const answers = await Promise.all(Array.from({ length: 20 }, () => append(stream, batch, NO_STREAM)));
    expect(new Set(answers.map(({ nextExpectedRevision }) => nextExpectedRevision))).toEqual(new Set([1n]));
    expect(await ids(client, stream)).toHaveLength(2);
  });
});

describe('an append of nothing', () => {
  it.each(APPEND_CALLS)('by %s succeeds and makes no stream', async (_call, options) => {
    const stream = target.name('nothing');
    for (const expectedRevision of [ANY, NO_STREAM, ANY, NO_STREAM] as const)
      await expect(
        client.appendToStream(stream, [], { expectedRevision, ...options }),
      ).resolves.toMatchObject({ success: true });
    await expect(ids(client, stream)).rejects.toThrow(/not found/);
  });
});
