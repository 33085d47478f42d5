/** What is appended comes back as it was, with what the server adds: revision, position, time. */
import { randomUUID } from 'node:crypto';
import {
  BACKWARDS,
  binaryEvent,
  END,
  jsonEvent,
  MaxAppendSizeExceededError,
  NO_STREAM,
  type EventData,
  type EventStoreDBClient,
} from '@eventstore/db-client';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { APPEND_CALLS } from './append-calls.js';
import { collect, eventOf, events, ids, revisions } from './sample-events.js';
import { startTarget, type Target } from './target.js';

let target: Target;
let client: EventStoreDBClient;

beforeAll(async () => {
  target = await startTarget();
  client = target.client();
});
afterAll(() => target.stop());

const bytes = (...values: number[]) => Uint8Array.from(values);
const ALL_BYTES = Uint8Array.from({ length: 256 }, (_, value) => value);

describe.each(APPEND_CALLS)('an event that came by %s', (_call, options) => {
  const roundTrip = async (event: EventData) => {
    const stream = target.name('contents');
    await client.appendToStream(stream, event, options);
    const [read] = await collect(client.readStream(stream));
    return read!;
  };

  it('has its id, type, data and metadata, and says where it is', async () => {
    const stream = target.name('contents');
    const event = jsonEvent({
      id: randomUUID(),
      type: 'Größe',
      data: { a: 'ü', n: 1, deep: [null, { b: true }] },
      metadata: { org: 'o' },
    });
    const { position } = await client.appendToStream(stream, event, options);
    const [read] = await collect(client.readStream(stream));
    expect(read).toMatchObject({
      streamId: stream,
      id: event.id,
      revision: 0n,
      type: 'Größe',
      isJson: true,
      data: event.data,
      metadata: event.metadata,
      position,
    });
  });

  it.each([
    ['text', 'CC ‐ 1830'],
    ['a control character', { char: '\u0018' }],
    ['a letter beyond Latin-1', { char: 'Ę' }],
    ['an emoji', { char: '😾' }],
    ['nothing', null],
    ['a number', 42],
    ['an empty object', {}],
  ] as [string, never][])('has the JSON it came with: %s', async (_name, data) => {
    expect(await roundTrip(jsonEvent({ type: 'Tried', data }))).toMatchObject({ isJson: true, data });
  });

  it.each([
    ['every byte', ALL_BYTES],
    ['no bytes', bytes()],
    ['bytes that look like JSON', Uint8Array.from(Buffer.from('{"a":1}'))],
  ])('has the bytes it came with: %s', async (_name, data) => {
    const read = await roundTrip(binaryEvent({ type: 'Bytes', data }));
    expect(read.isJson).toBe(false);
    expect([...(read.data as Uint8Array)]).toEqual([...data]);
  });

  it('has its metadata as JSON or as bytes, with data of either kind', async () => {
    const metadata = { why: 'because' };
    const raw = bytes(9, 0, 200);
    const data = bytes(1);
    expect((await roundTrip(jsonEvent({ type: 'T', data: {}, metadata }))).metadata).toEqual(metadata);
    expect((await roundTrip(binaryEvent({ type: 'T', data, metadata }))).metadata).toEqual(metadata);
    for (const event of [
      jsonEvent({ type: 'T', data: {}, metadata: raw }),
      binaryEvent({ type: 'T', data, metadata: raw }),
    ])
      expect([...((await roundTrip(event)).metadata as Uint8Array)]).toEqual([...raw]);
    expect((await roundTrip(jsonEvent({ type: 'T', data: {} }))).metadata).toBeUndefined();
  });

  it('was created when it was appended', async () => {
    const before = Date.now();
    const { created } = await roundTrip(events(1)[0]!);
    // The clocks of two machines may differ; that of ours is this one.
    const skew = target.ours ? 0 : 60_000;
    expect(created).toBeInstanceOf(Date);
    expect(created.getTime()).toBeGreaterThanOrEqual(before - skew);
    expect(created.getTime()).toBeLessThanOrEqual(Date.now() + skew);
  });

  it('has the position of its append if it is the last of it', async () => {
    const stream = target.name('contents');
    const { position } = await client.appendToStream(stream, events(8), options);
    const [last] = await collect(
      client.readStream(stream, { direction: BACKWARDS, fromRevision: END, maxCount: 1 }),
    );
    expect(last!.position).toEqual(position);
    const positions = (await collect(client.readStream(stream))).map((event) => event.position!.commit);
    expect(positions).toEqual([...positions].sort((a, b) => (a < b ? -1 : 1)));
  });

  it('may be in a stream of any name', async () => {
    for (const name of ['with spaces', 'größe-☃', 'a/b?c=d&e#f', '%41', 'a--b-', 'CaSe']) {
      const stream = target.name(name);
      await client.appendToStream(stream, events(1), options);
      await client.appendToStream(stream.toUpperCase(), events(2), options);
      expect((await collect(client.readStream(stream))).map(({ streamId }) => streamId)).toEqual([stream]);
    }
  });
});

describe.each(APPEND_CALLS)('the size of an append by %s', (_call, options) => {
  it('may be just below a mebibyte', async () => {
    const stream = target.name('size');
    await expect(
      client.appendToStream(stream, eventOf(1_000_000), { expectedRevision: NO_STREAM, ...options }),
    ).resolves.toMatchObject({ success: true });
    const [read] = await collect(client.readStream(stream));
    expect((read!.data as { text: string }).text).toHaveLength(1_000_000);
  });

  it.each([
    ['one event', () => [eventOf(1_100_000)]],
    ['a few', () => [eventOf(600_000), eventOf(600_000)]],
    ['many', () => Array.from({ length: 1200 }, () => eventOf(1000))],
    ['one larger than a message of gRPC’s default', () => [eventOf(6_000_000)]],
  ])('is refused above it, alone and whole: %s', async (_name, tooLarge) => {
    const [stream, neighbour] = [target.name('size'), target.name('size')];
    const neighbours = Array.from({ length: 5 }, () => client.appendToStream(neighbour, events(1), options));
    const refused = client.appendToStream(stream, tooLarge(), options);
    await expect(refused).rejects.toThrow(MaxAppendSizeExceededError);
    await expect(refused).rejects.toMatchObject({
      type: 'maximum-append-size-exceeded',
      maxAppendSize: 1024 * 1024,
    });
    await expect(Promise.all(neighbours)).resolves.toHaveLength(5);
    await expect(ids(client, stream)).rejects.toThrow(/not found/);
    expect(await revisions(client, neighbour)).toHaveLength(5);
  });
});
