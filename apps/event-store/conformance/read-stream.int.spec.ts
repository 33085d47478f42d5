/** Reading a stream: direction, start, count, and what is said of a stream that is not there. */
import {
  BACKWARDS,
  END,
  FORWARDS,
  START,
  StreamNotFoundError,
  type EventStoreDBClient,
} from '@eventstore/db-client';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { collect, eventOf, events, revisions } from './sample-events.js';
import { startTarget, type Target } from './target.js';

let target: Target;
let client: EventStoreDBClient;
let stream: string;

beforeAll(async () => {
  target = await startTarget();
  client = target.client();
  stream = target.name('read');
  await client.appendToStream(stream, events(10));
});
afterAll(() => target.stop());

const LAST = 2n ** 63n - 1n;

describe('reading a stream', () => {
  it.each([
    ['all of it', {}, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]],
    ['from the start', { fromRevision: START, maxCount: 2 }, [0, 1]],
    ['forwards from a revision', { direction: FORWARDS, fromRevision: 7n }, [7, 8, 9]],
    ['forwards from the last', { fromRevision: 9n }, [9]],
    ['a few', { fromRevision: 2n, maxCount: 3 }, [2, 3, 4]],
    ['one', { fromRevision: 5n, maxCount: 1 }, [5]],
    ['more than there are', { fromRevision: 8n, maxCount: 100 }, [8, 9]],
    ['forwards from the end', { fromRevision: END }, []],
    ['forwards from just beyond the end', { fromRevision: 10n }, []],
    ['forwards from far beyond the end', { fromRevision: 99n }, []],
    ['backwards from the end', { direction: BACKWARDS, fromRevision: END }, [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]],
    ['a few backwards', { direction: BACKWARDS, fromRevision: END, maxCount: 2 }, [9, 8]],
    ['backwards from a revision', { direction: BACKWARDS, fromRevision: 2n }, [2, 1, 0]],
    ['backwards from the start', { direction: BACKWARDS, fromRevision: START }, [0]],
    ['backwards from the first', { direction: BACKWARDS, fromRevision: 0n }, [0]],
  ] as const)('%s', async (_name, options, expected) => {
    expect(await revisions(client, stream, options)).toEqual(expected);
  });

  it('goes backwards from beyond the end', async () => {
    // A real server may answer with a page that ends early, which the client cannot tell from the end: ask for one.
    const read = revisions(client, stream, { direction: BACKWARDS, fromRevision: 99n, maxCount: 100 });
    const expected = target.ours ? [9, 8, 7, 6, 5, 4, 3, 2, 1, 0] : expect.any(Array);
    expect(await read).toEqual(expected);
  });

  it.each([
    ['the largest revision', LAST],
    ['a revision that no store reaches', 2n ** 53n],
  ])('takes %s for one that is not there yet', async (_name, fromRevision) => {
    expect(await revisions(client, stream, { fromRevision })).toEqual([]);
  });

  it.each([
    ['less than none', -1n],
    ['more than a revision can be', 2n ** 64n],
  ])('is refused from a revision of %s', async (_name, fromRevision) => {
    await expect(revisions(client, stream, { direction: BACKWARDS, fromRevision })).rejects.toThrow();
  });

  it('says that the stream is not there, and which', async () => {
    for (const name of [target.name('absent'), target.name('größe ☃')]) {
      const read = revisions(client, name);
      await expect(read).rejects.toThrow(StreamNotFoundError);
      await expect(read).rejects.toMatchObject({ type: 'stream-not-found' });
      for (const options of [
        { direction: BACKWARDS, fromRevision: END },
        { fromRevision: 5n },
        { maxCount: 1 },
      ] as const)
        await expect(revisions(client, name, options)).rejects.toThrow(StreamNotFoundError);
    }
  });

  it('gives a stream of its own to each of fifty readers', async () => {
    const reads = await Promise.all(Array.from({ length: 50 }, () => revisions(client, stream)));
    for (const read of reads) expect(read).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('gives large events, more than fit a window of HTTP/2', async () => {
    const large = target.name('large');
    for (let n = 0; n < 8; n++) await client.appendToStream(large, eventOf(900_000));
    const read = await collect(client.readStream(large));
    expect(read.map(({ data }) => (data as { text: string }).text.length)).toEqual(Array(8).fill(900_000));
  });

  it('can be left in the middle, and read again', async () => {
    const long = target.name('long');
    await client.appendToStream(long, events(2000));
    for (let round = 0; round < 5; round++) {
      let seen = 0;
      for await (const _ of client.readStream(long)) if (++seen === 3) break;
      const read = client.readStream(long);
      await new Promise((resolve) => read.once('data', resolve));
      await read.cancel();
    }
    expect(await revisions(client, long)).toHaveLength(2000);
  });

  it('waits for a reader that is slow', async () => {
    const long = target.name('long');
    for (let n = 0; n < 5; n++)
      await client.appendToStream(
        long,
        Array.from({ length: 90 }, () => eventOf(10_000)),
      );
    let seen = 0;
    for await (const { event } of client.readStream(long)) {
      expect(event!.revision).toBe(BigInt(seen++));
      await new Promise(setImmediate);
    }
    expect(seen).toBe(450);
  });

  it('sees an append as soon as it is acknowledged, over any connection', async () => {
    const fresh = target.name('fresh');
    const other = target.client();
    for (let n = 0; n < 30; n++) {
      await client.appendToStream(fresh, events(1));
      expect(await revisions(other, fresh, { direction: BACKWARDS, fromRevision: END, maxCount: 1 })).toEqual(
        [n],
      );
    }
  });
});
