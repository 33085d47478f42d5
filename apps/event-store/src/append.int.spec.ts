import { randomUUID } from 'node:crypto';
import {
  ANY,
  binaryEvent,
  DeadlineExceededError,
  jsonEvent,
  MaxAppendSizeExceededError,
  NO_STREAM,
  STREAM_EXISTS,
  StreamDeletedError,
  WrongExpectedVersionError,
  type AppendExpectedRevision,
  type EventStoreDBClient,
} from '@eventstore/db-client';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EventStoreProcesses, type StartedEventStore } from '../test/event-store-process.js';

/** What the client keeps to itself of the server's answer. */
interface Capabilities {
  serverVersion: string;
  supports(method: { path: string }): boolean;
}

const processes = new EventStoreProcesses();
let store: StartedEventStore;
let client: EventStoreDBClient;

beforeAll(async () => {
  store = await processes.start(await processes.directory());
  client = store.client();
});
afterAll(() => processes.release());

const event = (id: string = randomUUID()) => jsonEvent({ id, type: 'Tried', data: { id } });
const newStream = () => `try-${randomUUID()}`;

async function idsOf(stream: string): Promise<string[]> {
  const ids: string[] = [];
  for await (const { event } of client.readStream(stream)) ids.push(event?.id ?? '');
  return ids;
}

describe('the server', () => {
  it('says what it can do', async () => {
    const { capabilities } = client as unknown as { capabilities: Promise<Capabilities> };
    const { serverVersion, supports } = await capabilities;
    const streams = '/event_store.client.streams.Streams';
    expect(serverVersion).toMatch(/^24\.2\.0-hybrid/);
    expect(supports({ path: `${streams}/BatchAppend` })).toBe(true);
    expect(supports({ path: `${streams}/Read` })).toBe(true);
    expect(
      supports({ path: '/event_store.client.persistent_subscriptions.PersistentSubscriptions/Create' }),
    ).toBe(false);
  });

  it('answers what it cannot do with UNIMPLEMENTED', async () => {
    await expect(client.createProjection('p', 'fromAll()')).rejects.toMatchObject({ code: 12 });
  });

  it('gives back every part of an event', async () => {
    const stream = `größe-☃-${randomUUID()}`;
    const json = jsonEvent({ type: 'Größe', data: { a: 'ü', n: 1 }, metadata: { org: 'o' } });
    const binary = binaryEvent({
      type: 'Bytes',
      data: Uint8Array.from([0, 255, 1]),
      metadata: Uint8Array.from([9, 0, 200]),
    });
    const before = Date.now();
    await client.appendToStream(stream, [json, binary, jsonEvent({ type: 'Bare', data: {} })]);
    const read = [];
    for await (const { event } of client.readStream(stream)) read.push(event);
    expect(read).toMatchObject([
      {
        streamId: stream,
        id: json.id,
        revision: 0n,
        type: 'Größe',
        isJson: true,
        data: json.data,
        metadata: json.metadata,
      },
      { id: binary.id, revision: 1n, type: 'Bytes', isJson: false },
      { revision: 2n, type: 'Bare', data: {}, metadata: undefined },
    ]);
    expect([...(read[1]?.data as Uint8Array)]).toEqual([0, 255, 1]);
    expect([...(read[1]?.metadata as Uint8Array)]).toEqual([9, 0, 200]);
    expect(read[0]?.created.getTime()).toBeGreaterThanOrEqual(before);
    expect(read[0]?.created.getTime()).toBeLessThanOrEqual(Date.now());
  });
});

// The client takes Append when credentials are given, BatchAppend otherwise.
describe.each([
  ['BatchAppend', {}],
  ['Append', { credentials: { username: 'admin', password: 'changeit' } }],
])('%s', (_call, options) => {
  const append = (
    stream: string,
    events: ReturnType<typeof event>[],
    expectedRevision: AppendExpectedRevision,
    more: { deadline?: number } = {},
  ) => client.appendToStream(stream, events, { expectedRevision, ...options, ...more });

  it.each([
    ['any', ANY],
    ['no stream', NO_STREAM],
  ] as const)('writes a new stream with %s', async (_name, expected) => {
    const stream = newStream();
    const first = await append(stream, [event(), event()], expected);
    expect(first).toMatchObject({ success: true, nextExpectedRevision: 1n });
    const second = await append(stream, [event()], 1n);
    expect(second.nextExpectedRevision).toBe(2n);
    expect(second.position!.commit).toBeGreaterThan(first.position!.commit);
    await expect(append(stream, [event()], STREAM_EXISTS)).resolves.toMatchObject({
      nextExpectedRevision: 3n,
    });
  });

  it.each([
    ['stream exists, and it does not', 0, STREAM_EXISTS, 'no_stream'],
    ['a revision of no stream', 0, 0n, 'no_stream'],
    ['no stream, and there is one', 2, NO_STREAM, 1n],
    ['an earlier revision', 2, 0n, 1n],
    ['a later revision', 2, 7n, 1n],
  ] as const)('refuses %s', async (_name, count, expected, actual) => {
    const stream = newStream();
    if (count > 0)
      await append(
        stream,
        Array.from({ length: count }, () => event()),
        ANY,
      );
    const refused = append(stream, [event()], expected);
    await expect(refused).rejects.toThrow(WrongExpectedVersionError);
    await expect(refused).rejects.toMatchObject({
      streamName: stream,
      expectedVersion: expected,
      actualVersion: actual,
    });
  });

  it.each([
    ['no stream', NO_STREAM],
    ['any', ANY],
  ] as const)('answers a retry with %s as the first time, and writes once', async (_name, expected) => {
    const stream = newStream();
    const events = [event(), event()];
    const first = await append(stream, events, expected);
    await append(stream, [event()], 1n);
    const again = await append(stream, events, expected);
    expect(again).toEqual(first);
    expect(await idsOf(stream)).toHaveLength(3);
  });

  it.each([
    ['a revision', 1n],
    ['any', ANY],
  ] as const)('refuses a partly written batch with %s, and adds nothing', async (_name, expected) => {
    const stream = newStream();
    const known = event();
    await append(stream, [event(), event(), known], NO_STREAM);
    await expect(append(stream, [known, event()], expected)).rejects.toThrow(WrongExpectedVersionError);
    expect(await idsOf(stream)).toHaveLength(3);
  });

  it('lets one of fifty win', async () => {
    const stream = newStream();
    const tries = await Promise.allSettled(
      Array.from({ length: 50 }, () => append(stream, [event()], NO_STREAM)),
    );
    expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await idsOf(stream)).toHaveLength(1);
  });

  it('refuses more than a mebibyte by itself, and no more', async () => {
    const stream = newStream();
    const large = (bytes: number) => jsonEvent({ type: 'Large', data: { text: 'x'.repeat(bytes) } });
    const neighbours = Array.from({ length: 5 }, () => append(newStream(), [event()], ANY));
    const refused = append(stream, [large(600_000), large(600_000)] as never, ANY);
    await expect(refused).rejects.toThrow(MaxAppendSizeExceededError);
    await expect(refused).rejects.toMatchObject({ maxAppendSize: 1024 * 1024 });
    await expect(append(stream, [large(6_000_000)] as never, ANY)).rejects.toThrow(
      MaxAppendSizeExceededError,
    );
    await expect(Promise.all(neighbours)).resolves.toHaveLength(5);
    await expect(append(stream, [large(1_000_000)] as never, NO_STREAM)).resolves.toMatchObject({
      success: true,
    });
  });

  it('refuses what it cannot hold', async () => {
    await expect(append('x'.repeat(1025), [event()], ANY)).rejects.toThrow(/1024 bytes/);
    await expect(append('$all', [event()], ANY)).rejects.toThrow(/cannot be written/);
    await expect(append(newStream(), [event('no-uuid')], ANY)).rejects.toThrow(/no UUID/);
    await expect(append(newStream(), [{ ...event(), type: '' }], ANY)).rejects.toThrow();
    expect(store.process.stderr).toBe('');
  });

  it('refuses a tombstoned stream', async () => {
    const stream = newStream();
    await append(stream, [event()], ANY);
    await client.tombstoneStream(stream);
    await expect(append(stream, [event()], ANY)).rejects.toThrow(StreamDeletedError);
  });
});

describe('BatchAppend', () => {
  it('joins the pieces of a large append, and writes all or nothing', async () => {
    const stream = newStream();
    const events = Array.from({ length: 500 }, () => event());
    const result = await client.appendToStream(stream, events, { batchAppendSize: 1000 });
    expect(result.nextExpectedRevision).toBe(499n);
    expect(await idsOf(stream)).toEqual(events.map(({ id }) => id));
  });

  it('stores nothing after the deadline', async () => {
    const stream = newStream();
    const late = client.appendToStream(
      stream,
      Array.from({ length: 5000 }, () => event()),
      { deadline: 1 },
    );
    await expect(late).rejects.toThrow(DeadlineExceededError);
    await expect(
      client.appendToStream(stream, event(), { expectedRevision: NO_STREAM }),
    ).resolves.toBeDefined();
  });

  it('answers an append of no events', async () => {
    await expect(client.appendToStream(newStream(), [])).resolves.toMatchObject({ success: true });
  });
});
