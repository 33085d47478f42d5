/** Reading $all: order, positions and count. Other streams may be written meanwhile, by the server too. */
import {
  BACKWARDS,
  END,
  FORWARDS,
  START,
  type AllStreamResolvedEvent,
  type EventStoreDBClient,
  type Position,
} from '@eventstore/db-client';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { collect, events } from './sample-events.js';
import { startTarget, type Target } from './target.js';

let target: Target;
let client: EventStoreDBClient;
let before: Position;
let left: string;
let right: string;

beforeAll(async () => {
  target = await startTarget();
  client = target.client();
  left = target.name('left');
  right = target.name('right');
  before = (await client.appendToStream(target.name('mark'), events(1, 'Mark'))).position!;
  for (let round = 0; round < 3; round++) {
    await client.appendToStream(left, events(2));
    await client.appendToStream(right, events(1));
  }
});
afterAll(() => target.stop());

const BOTH = () => [0, 1, 2].flatMap((n) => [`${left}@${2 * n}`, `${left}@${2 * n + 1}`, `${right}@${n}`]);

/** The events of this spec's two streams in a read. */
async function ours(read: AsyncIterable<AllStreamResolvedEvent>): Promise<string[]> {
  return (await collect(read))
    .filter(({ streamId }) => streamId === left || streamId === right)
    .map(({ streamId, revision }) => `${streamId}@${revision}`);
}

describe('reading $all', () => {
  it('gives every event in the order in which they were written', async () => {
    expect(await ours(client.readAll())).toEqual(BOTH());
    expect(await ours(client.readAll({ direction: FORWARDS, fromPosition: START }))).toEqual(BOTH());
    expect(await ours(client.readAll({ fromPosition: before }))).toEqual(BOTH());
  });

  it('goes backwards from the end', async () => {
    expect(await ours(client.readAll({ direction: BACKWARDS, fromPosition: END }))).toEqual(BOTH().reverse());
  });

  it('gives positions that grow, the same in both directions and in the stream', async () => {
    const all = await collect(client.readAll({ fromPosition: before }));
    const commits = all.map(({ position }) => position!.commit);
    expect(commits).toEqual([...commits].sort((a, b) => (a < b ? -1 : 1)));
    expect(new Set(commits).size).toBe(commits.length);
    const positionOf = new Map(all.map(({ id, position }) => [id, position]));
    for (const { id, position } of await collect(client.readStream(left)))
      expect(positionOf.get(id)).toEqual(position);
    for (const { id, position } of await collect(
      client.readAll({ direction: BACKWARDS, fromPosition: END, maxCount: 5 }),
    ))
      if (positionOf.has(id)) expect(positionOf.get(id)).toEqual(position);
  });

  it('includes its position forwards and excludes it backwards', async () => {
    const [, second, third] = await collect(client.readStream(left));
    const { position } = third!;
    const [forwards] = await collect(client.readAll({ fromPosition: position!, maxCount: 1 }));
    expect(forwards).toMatchObject({ id: third!.id, position });
    const backwards = await collect(
      client.readAll({ direction: BACKWARDS, fromPosition: position!, maxCount: 5 }),
    );
    expect(backwards.map(({ id }) => id)).not.toContain(third!.id);
    expect(backwards.map(({ id }) => id)).toContain(second!.id);
  });

  it('has nothing after the end, and nothing before the start', async () => {
    expect(await ours(client.readAll({ fromPosition: END }))).toEqual([]);
    expect(await collect(client.readAll({ direction: BACKWARDS, fromPosition: START }))).toEqual([]);
  });

  it.each([1, 2, 7])('stops after %i', async (maxCount) => {
    expect(await collect(client.readAll({ maxCount }))).toHaveLength(maxCount);
    expect(await collect(client.readAll({ direction: BACKWARDS, fromPosition: END, maxCount }))).toHaveLength(
      maxCount,
    );
  });

  it('shows metadata and tombstones as events', async () => {
    const stream = target.name('shown');
    const { position } = await client.appendToStream(stream, events(1));
    await client.setStreamMetadata(stream, { maxCount: 3 });
    await client.tombstoneStream(stream);
    const shown = (await collect(client.readAll({ fromPosition: position! }))).filter(({ streamId }) =>
      streamId.endsWith(stream),
    );
    expect(shown).toMatchObject([
      { streamId: stream, type: 'Tried' },
      { streamId: `$$${stream}`, type: '$metadata', revision: 0n },
      { streamId: stream, type: '$streamDeleted', revision: 2n ** 63n - 1n },
    ]);
  });

  it('still shows what a stream hides by a soft delete or a limit', async () => {
    const stream = target.name('hidden');
    const { position } = await client.appendToStream(stream, events(3));
    const first = (await collect(client.readStream(stream)))[0]!;
    await client.setStreamMetadata(stream, { maxCount: 1 });
    const shown = (await collect(client.readAll({ fromPosition: first.position! }))).filter(
      ({ streamId }) => streamId === stream,
    );
    // EventStoreDB removes them for good when it is scavenged, and may leave them out before.
    expect(shown.at(-1)?.position).toEqual(position);
    if (target.ours) expect(shown).toHaveLength(3);
  });
});
