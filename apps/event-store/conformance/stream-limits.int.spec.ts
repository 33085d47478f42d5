/** $maxCount, $maxAge and $tb: what a stream's metadata hides from readers of the stream. */
import { BACKWARDS, END, STREAM_EXISTS, type EventStoreDBClient } from '@eventstore/db-client';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, unlessStalled } from '@hybrid/testing';
import { events, revisions } from './sample-events.js';
import { startTarget, type Target } from './target.js';

let target: Target;
let client: EventStoreDBClient;

beforeAll(async () => {
  target = await startTarget();
  client = target.client();
});
afterAll(() => target.stop());

async function streamOf(count: number): Promise<string> {
  const stream = target.name('limited');
  await client.appendToStream(stream, events(count));
  return stream;
}

describe('a limit of a stream', () => {
  it.each([
    ['$maxCount', { maxCount: 2 }, [8, 9]],
    ['$maxCount of more than there are', { maxCount: 20 }, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]],
    ['$tb', { truncateBefore: 7 }, [7, 8, 9]],
    ['$tb at the end', { truncateBefore: 10 }, []],
    ['$tb beyond the end', { truncateBefore: 15 }, []],
    ['$maxAge', { maxAge: 3600 }, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]],
    ['the tighter of two', { maxCount: 5, truncateBefore: 8 }, [8, 9]],
  ])('hides, both ways: %s', async (_name, metadata, expected) => {
    const stream = await streamOf(10);
    await client.setStreamMetadata(stream, metadata);
    expect(await revisions(client, stream)).toEqual(expected);
    expect(await revisions(client, stream, { direction: BACKWARDS, fromRevision: END })).toEqual(
      [...expected].reverse(),
    );
    expect(await revisions(client, stream, { fromRevision: 1n })).toEqual(expected.filter((n) => n >= 1));
    expect(await revisions(client, stream, { fromRevision: 8n, maxCount: 1 })).toEqual(
      expected.includes(8) ? [8] : [],
    );
  });

  it('of a count moves on with the stream, and is lifted with new metadata', async () => {
    const stream = target.name('limited');
    await client.setStreamMetadata(stream, { maxCount: 2 });
    for (let n = 0; n < 4; n++) {
      await client.appendToStream(stream, events(1));
      expect(await revisions(client, stream)).toEqual([n - 1, n].filter((revision) => revision >= 0));
    }
    await client.setStreamMetadata(stream, { maxCount: 3 });
    const lifted = await revisions(client, stream);
    // EventStoreDB may have removed for good what was hidden.
    expect(lifted.slice(-2)).toEqual([2, 3]);
    if (target.ours) expect(lifted).toEqual([1, 2, 3]);
  });

  it('of an age hides an event when it has that age', async () => {
    const stream = target.name('limited');
    await client.setStreamMetadata(stream, { maxAge: 2 });
    // On a machine that stands still meanwhile it has that age when it is read.
    const seen = () =>
      unlessStalled(1_000, async () => {
        const { nextExpectedRevision } = await client.appendToStream(stream, events(2));
        const last = Number(nextExpectedRevision);
        expect((await revisions(client, stream)).slice(-2)).toEqual([last - 1, last]);
        return last;
      });
    const first = await seen();
    await eventually(async () => expect(await revisions(client, stream)).toEqual([]));
    expect(await seen()).toBeGreaterThan(first);
    expect(await revisions(client, stream)).not.toContain(first);
  });

  it('is not what decides an append', async () => {
    const stream = await streamOf(3);
    await client.setStreamMetadata(stream, { truncateBefore: 3 });
    await expect(
      client.appendToStream(stream, events(1), { expectedRevision: STREAM_EXISTS }),
    ).resolves.toMatchObject({ nextExpectedRevision: 3n });
    expect(await revisions(client, stream)).toEqual([3]);
  });

  it('of one stream is none of another', async () => {
    const [one, other] = [await streamOf(3), await streamOf(3)];
    await client.setStreamMetadata(one, { maxCount: 1 });
    expect(await revisions(client, other)).toEqual([0, 1, 2]);
  });
});
