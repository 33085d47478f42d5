import { randomUUID } from 'node:crypto';
import {
  BACKWARDS,
  END,
  FORWARDS,
  jsonEvent,
  NO_STREAM,
  START,
  STREAM_EXISTS,
  StreamDeletedError,
  StreamNotFoundError,
  WrongExpectedVersionError,
  type EventStoreDBClient,
  type ResolvedEvent,
} from '@eventstore/db-client';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EventStoreProcesses } from '../test/event-store-process.js';

const processes = new EventStoreProcesses();
let client: EventStoreDBClient;

beforeAll(async () => {
  client = (await processes.start(await processes.directory())).client();
});
afterAll(() => processes.release());

const events = (count: number) =>
  Array.from({ length: count }, (_, n) => jsonEvent({ type: 'Tried', data: { n } }));
const newStream = () => `try-${randomUUID()}`;

async function collect(stream: AsyncIterable<ResolvedEvent>): Promise<NonNullable<ResolvedEvent['event']>[]> {
  const collected = [];
  for await (const { event } of stream) if (event) collected.push(event);
  return collected;
}

const revisions = async (...read: Parameters<EventStoreDBClient['readStream']>) =>
  (await collect(client.readStream(...read))).map(({ revision }) => Number(revision));

async function streamOf(count: number): Promise<string> {
  const stream = newStream();
  await client.appendToStream(stream, events(count));
  return stream;
}

describe('reading a stream', () => {
  let stream: string;
  beforeAll(async () => {
    stream = await streamOf(10);
  });

  it.each([
    ['all of it', {}, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]],
    ['forwards from a revision', { fromRevision: 7n }, [7, 8, 9]],
    ['a few', { fromRevision: 2n, maxCount: 3 }, [2, 3, 4]],
    ['forwards from the end', { fromRevision: END }, []],
    ['forwards from beyond the end', { fromRevision: 99n }, []],
    ['backwards from the end', { direction: BACKWARDS, fromRevision: END, maxCount: 2 }, [9, 8]],
    ['backwards from a revision', { direction: BACKWARDS, fromRevision: 2n }, [2, 1, 0]],
    ['backwards from the start', { direction: BACKWARDS, fromRevision: START }, [0]],
    ['backwards from beyond the end', { direction: BACKWARDS, fromRevision: 99n, maxCount: 1 }, [9]],
  ] as const)('%s', async (_name, options, expected) => {
    expect(await revisions(stream, options)).toEqual(expected);
  });

  it('says that it is not there', async () => {
    await expect(revisions(newStream())).rejects.toThrow(StreamNotFoundError);
  });
});

describe('reading $all', () => {
  it('goes forwards and backwards, includes its position forwards and excludes it backwards', async () => {
    await streamOf(3);
    await streamOf(3);
    const all = await collect(client.readAll());
    const positions = all.map(({ position }) => position!.commit);
    expect(positions).toEqual([...positions].sort((a, b) => (a < b ? -1 : 1)));
    expect(new Set(positions).size).toBe(all.length);

    const ids = (read: typeof all) => read.map(({ id }) => id);
    const backwards = await collect(client.readAll({ direction: BACKWARDS, fromPosition: END }));
    expect(ids(backwards)).toEqual(ids(all).reverse());

    const fromPosition = all.at(-3)!.position!;
    expect(ids(await collect(client.readAll({ fromPosition })))).toEqual(ids(all.slice(-3)));
    expect(ids(await collect(client.readAll({ direction: BACKWARDS, fromPosition, maxCount: 1 })))).toEqual([
      all.at(-4)!.id,
    ]);
    expect(await collect(client.readAll({ direction: FORWARDS, fromPosition: END }))).toEqual([]);
    expect(await collect(client.readAll({ maxCount: 2 }))).toHaveLength(2);
  });
});

describe('a soft-deleted stream', () => {
  it('is gone, and comes back at the next revision without its past', async () => {
    const stream = await streamOf(3);
    const { position } = await client.deleteStream(stream, { expectedRevision: 2n });
    expect(position!.commit).toBeGreaterThan(0n);
    await expect(revisions(stream)).rejects.toThrow(StreamNotFoundError);
    await expect(
      client.appendToStream(stream, events(1), { expectedRevision: STREAM_EXISTS }),
    ).rejects.toThrow(StreamDeletedError);

    const again = await client.appendToStream(stream, events(2), { expectedRevision: NO_STREAM });
    expect(again.nextExpectedRevision).toBe(4n);
    expect(await revisions(stream)).toEqual([3, 4]);
    expect(await revisions(stream, { direction: BACKWARDS, fromRevision: END })).toEqual([4, 3]);
    expect((await client.getStreamMetadata(stream)).metadata).toEqual({ truncateBefore: 3 });
  });

  it('keeps its past hidden when it gets new metadata', async () => {
    const stream = await streamOf(3);
    await client.deleteStream(stream);
    await client.setStreamMetadata(stream, { maxCount: 50, owner: 'a' } as never);
    expect(await revisions(stream)).toEqual([]);
    await client.appendToStream(stream, events(1));
    expect(await revisions(stream)).toEqual([3]);
    expect((await client.getStreamMetadata(stream)).metadata).toMatchObject({ maxCount: 50, owner: 'a' });
  });

  it('is not made by a delete at another revision', async () => {
    const stream = await streamOf(3);
    const refused = client.deleteStream(stream, { expectedRevision: 1n });
    await expect(refused).rejects.toThrow(WrongExpectedVersionError);
    await expect(refused).rejects.toMatchObject({
      streamName: stream,
      expectedVersion: 1n,
      actualVersion: 2n,
    });
    await expect(client.deleteStream(stream, { expectedRevision: NO_STREAM })).rejects.toThrow(
      WrongExpectedVersionError,
    );
    expect(await revisions(stream)).toHaveLength(3);
  });

  it('can be deleted before it exists, as EventStoreDB allows', async () => {
    const stream = newStream();
    await expect(client.deleteStream(stream, { expectedRevision: NO_STREAM })).resolves.toBeDefined();
    await expect(revisions(stream)).rejects.toThrow(StreamNotFoundError);
    await expect(client.appendToStream(stream, events(1))).resolves.toMatchObject({
      nextExpectedRevision: 0n,
    });
    expect(await revisions(stream)).toEqual([0]);
  });
});

describe('a tombstoned stream', () => {
  it('is gone for good, and so is its metadata', async () => {
    const stream = await streamOf(2);
    await client.setStreamMetadata(stream, { maxCount: 5 });
    await expect(client.tombstoneStream(stream, { expectedRevision: 0n })).rejects.toThrow(
      WrongExpectedVersionError,
    );
    const { position } = await client.tombstoneStream(stream, { expectedRevision: 1n });

    for (const name of [stream, `$$${stream}`]) {
      const refused = revisions(name);
      await expect(refused).rejects.toThrow(StreamDeletedError);
      await expect(refused).rejects.toMatchObject({ streamName: name });
      await expect(client.appendToStream(name, events(1))).rejects.toThrow(StreamDeletedError);
    }
    await expect(client.tombstoneStream(stream)).rejects.toThrow(StreamDeletedError);
    await expect(client.deleteStream(stream)).rejects.toThrow(StreamDeletedError);

    const [last] = await collect(client.readAll({ fromPosition: position!, maxCount: 1 }));
    expect(last).toMatchObject({ streamId: stream, type: '$streamDeleted', revision: 2n ** 63n - 1n });
  });

  it('need not have existed', async () => {
    const stream = newStream();
    await client.tombstoneStream(stream, { expectedRevision: NO_STREAM });
    await expect(revisions(stream)).rejects.toThrow(StreamDeletedError);
  });

  it('is named in the error even when its name is not ASCII', async () => {
    const stream = `größe-${randomUUID()}`;
    await client.tombstoneStream(stream);
    await expect(revisions(stream)).rejects.toMatchObject({ streamName: encodeURI(stream) });
  });
});

describe('the metadata of a stream', () => {
  it('is set, replaced and read', async () => {
    const stream = newStream();
    expect((await client.getStreamMetadata(stream)).metadata).toBeUndefined();
    await client.setStreamMetadata(stream, { maxCount: 7 }, { expectedRevision: NO_STREAM });
    await client.setStreamMetadata(stream, { maxAge: 60, team: 'a' } as never, { expectedRevision: 0n });
    expect((await client.getStreamMetadata(stream)).metadata).toEqual({ maxAge: 60, team: 'a' });
    expect(await revisions(`$$${stream}`)).toEqual([1]);
    await expect(revisions(stream)).rejects.toThrow(StreamNotFoundError);
    await expect(
      client.appendToStream(stream, events(1), { expectedRevision: STREAM_EXISTS }),
    ).resolves.toBeDefined();
  });

  it.each([
    ['$maxCount', { maxCount: 2 }, [8, 9]],
    ['$tb', { truncateBefore: 7 }, [7, 8, 9]],
    ['$maxAge', { maxAge: 3600 }, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]],
  ])('limits what is read: %s', async (_name, metadata, expected) => {
    const stream = await streamOf(10);
    await client.setStreamMetadata(stream, metadata);
    expect(await revisions(stream)).toEqual(expected);
    expect(await revisions(stream, { direction: BACKWARDS, fromRevision: END })).toEqual(
      [...expected].reverse(),
    );
  });
});
