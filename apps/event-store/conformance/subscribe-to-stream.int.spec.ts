/** Catch-up subscriptions to one stream: the past, CaughtUp once, then everything that comes. */
import { Writable, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  END,
  START,
  StreamDeletedError,
  type EventStoreDBClient,
  type ResolvedEvent,
} from '@eventstore/db-client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@hybrid/testing';
import { at, Listener, upTo } from './heard.js';
import { eventOf, events } from './sample-events.js';
import { startTarget, type Target } from './target.js';

const listener = new Listener();
let target: Target;
let client: EventStoreDBClient;

beforeAll(async () => {
  target = await startTarget();
  client = target.client();
});
afterEach(() => listener.stop());
afterAll(() => target.stop());

async function streamOf(count: number): Promise<string> {
  const stream = target.name('heard');
  if (count > 0) await client.appendToStream(stream, events(count));
  return stream;
}

describe('a subscription to a stream', () => {
  it('gives the past, says so, then gives the rest', async () => {
    const stream = await streamOf(3);
    const heard = listener.to(client.subscribeToStream(stream));
    await eventually(() => expect(heard).toEqual(['confirmed', ...at(stream, 0, 1, 2), 'caught up']));
    await streamOf(1);
    await client.appendToStream(stream, events(2));
    await client.appendToStream(stream, events(1));
    await eventually(() => expect(heard.slice(5)).toEqual(at(stream, 3, 4, 5)));
  });

  it.each([
    ['the start', START, [0, 1, 2], [3, 4]],
    ['a revision, which it excludes', 0n, [1, 2], [3, 4]],
    ['the last revision', 2n, [], [3, 4]],
    ['the end', END, [], [3, 4]],
  ] as const)('starts from %s', async (_name, fromRevision, past, later) => {
    const stream = await streamOf(3);
    const heard = listener.to(client.subscribeToStream(stream, { fromRevision }));
    await eventually(() => expect(heard).toEqual(['confirmed', ...at(stream, ...past), 'caught up']));
    await client.appendToStream(stream, events(2));
    await eventually(() => expect(heard.slice(2 + past.length)).toEqual(at(stream, ...later)));
  });

  it('waits for a stream that is not there, from its start and from its end', async () => {
    const stream = await streamOf(0);
    const [start, end] = ([START, END] as const).map((fromRevision) =>
      listener.to(client.subscribeToStream(stream, { fromRevision })),
    );
    await eventually(() => expect([start, end]).toEqual(Array(2).fill(['confirmed', 'caught up'])));
    await client.appendToStream(stream, events(2));
    await eventually(() =>
      expect([start, end]).toEqual(Array(2).fill(['confirmed', 'caught up', ...at(stream, 0, 1)])),
    );
  });

  it('loses nothing and repeats nothing while it catches up and others write', async () => {
    const stream = await streamOf(300);
    const writing = (async () => {
      for (let round = 0; round < 60; round++) await client.appendToStream(stream, events(5));
    })();
    const listeners = Array.from({ length: 5 }, () => listener.to(client.subscribeToStream(stream)));
    await writing;
    for (const heard of listeners)
      await eventually(() =>
        expect(heard.filter((item) => String(item).startsWith(stream))).toEqual(at(stream, ...upTo(600))),
      );
  });

  it('gives what the stream hides to nobody', async () => {
    const stream = await streamOf(5);
    await client.setStreamMetadata(stream, { truncateBefore: 3 });
    const heard = listener.to(client.subscribeToStream(stream));
    await eventually(() => expect(heard).toEqual(['confirmed', ...at(stream, 3, 4), 'caught up']));
  });

  it('goes on after a soft delete', async () => {
    const stream = await streamOf(2);
    const heard = listener.to(client.subscribeToStream(stream));
    await eventually(() => expect(heard).toHaveLength(4));
    await client.deleteStream(stream);
    await client.appendToStream(stream, events(1));
    await eventually(() => expect(heard.slice(4)).toEqual(at(stream, 2)));
  });

  it('ends with an error at a tombstone, and is refused after it', async () => {
    const stream = await streamOf(1);
    const heard = listener.to(client.subscribeToStream(stream));
    await eventually(() => expect(heard).toHaveLength(3));
    await client.tombstoneStream(stream);
    await eventually(() => expect(heard.slice(3)).toContainEqual(expect.any(StreamDeletedError)));
    const late = listener.to(client.subscribeToStream(stream));
    await eventually(() => expect(late).toContainEqual(expect.any(StreamDeletedError)));
  });

  it('to its metadata hears of changes', async () => {
    const stream = await streamOf(1);
    const heard = listener.to(client.subscribeToStream(`$$${stream}`));
    await eventually(() => expect(heard).toEqual(['confirmed', 'caught up']));
    await client.setStreamMetadata(stream, { maxCount: 9 });
    await eventually(() => expect(heard.slice(2)).toEqual(at(`$$${stream}`, 0)));
  });

  it('ends without an error when it is left', async () => {
    const stream = await streamOf(2);
    const subscription = client.subscribeToStream(stream);
    const heard = listener.to(subscription);
    await eventually(() => expect(heard).toHaveLength(4));
    await subscription.unsubscribe();
    await eventually(() => expect(heard.at(-1)).toBe('ended'));
    await client.appendToStream(stream, events(1));
    expect(heard).toHaveLength(5);
  });

  it('ends without an error when its client is disposed', async () => {
    const stream = await streamOf(1);
    const other = target.client();
    const heard = listener.to(other.subscribeToStream(stream));
    await eventually(() => expect(heard).toHaveLength(3));
    await other.dispose();
    await eventually(() => expect(heard.slice(3)).toEqual(['ended']));
  });

  it('can be iterated, and left', async () => {
    const stream = await streamOf(9);
    const seen: number[] = [];
    for await (const { event } of client.subscribeToStream(stream)) {
      seen.push(Number(event!.revision));
      if (seen.length === 9) break;
    }
    expect(seen).toEqual(upTo(9));
  });

  it('can be piped', async () => {
    const stream = await streamOf(9);
    const subscription = client.subscribeToStream(stream);
    const seen: number[] = [];
    const sink = new Writable({
      objectMode: true,
      write({ event }: ResolvedEvent, _encoding, done) {
        seen.push(Number(event!.revision));
        if (seen.length < 9) done();
        else void subscription.unsubscribe().then(() => done());
      },
    });
    await pipeline(subscription as unknown as Readable, sink);
    expect(seen).toEqual(upTo(9));
  });

  it('loses nothing for a reader that stands still', async () => {
    const stream = await streamOf(0);
    const stalled = client.subscribeToStream(stream);
    await new Promise((resolve) => stalled.once('confirmation', resolve));
    for (let round = 0; round < 20; round++)
      await client.appendToStream(
        stream,
        Array.from({ length: 9 }, () => eventOf(100_000)),
      );
    let count = 0;
    for await (const { event } of stalled) {
      expect(event!.revision).toBe(BigInt(count));
      if (++count === 180) break;
    }
  });

  it('is one of hundreds', async () => {
    const stream = await streamOf(1);
    const all = Array.from({ length: 200 }, () => listener.to(client.subscribeToStream(stream)));
    await eventually(() => all.forEach((heard) => expect(heard).toContain('caught up')));
    await client.appendToStream(stream, events(1));
    await eventually(() => all.forEach((heard) => expect(heard.at(-1)).toBe(`${stream}@1`)));
  });
});
