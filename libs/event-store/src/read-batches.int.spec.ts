import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startPlatform, type Platform } from './platform.fixtures.js';
import { readModels, type ReadModels } from './projection.fixtures.js';
import { headOfLog, readAllBatches, readPages } from './read-batches.js';
import type { Batch } from './subscribe.js';

const EVENTS = 11_000;

describe('reading the log in batches', () => {
  let platform: Platform;
  let mine: ReadModels;
  let others: ReadModels;

  beforeAll(async () => {
    platform = await startPlatform();
    mine = readModels(platform);
    others = readModels(platform);
    await mine.add(Array.from({ length: EVENTS }, (_, n) => ({ id: `${n % 40}`, by: n })));
    await others.add(Array.from({ length: 100 }, () => ({ id: 'other', by: 1 })));
  });
  afterAll(() => platform?.stop());

  const options = () => ({
    client: platform.connections.eventStore,
    prefixes: [`${mine.schema}-`],
    signal: new AbortController().signal,
  });
  const all = async (batches: AsyncIterable<Batch>) => {
    const found: Batch[] = [];
    for await (const batch of batches) found.push(batch);
    return found;
  };

  it.each([
    ['of our own event store', readAllBatches],
    ['of any EventStoreDB', readPages],
  ])('%s finds every event of the prefix in order, and says how far it looked', async (_, read) => {
    const head = await headOfLog(platform.connections.eventStore);
    const batches = await all(read({ ...options(), from: null }));
    const events = batches.flatMap((batch) => batch.events);
    expect(events).toHaveLength(EVENTS);
    expect(events.every(({ streamId }) => streamId.startsWith(`${mine.schema}-`))).toBe(true);
    const positions = events.map(({ position }) => position!.commit);
    expect(positions.every((position, at) => at === 0 || position > positions[at - 1]!)).toBe(true);
    for (const { events: some, position } of batches)
      expect(some.every((event) => event.position!.commit <= position.commit)).toBe(true);
    expect(batches.at(-1)!.position.commit).toBeGreaterThanOrEqual(head!.commit);

    const rest = await all(read({ ...options(), from: events[EVENTS - 11]!.position! }));
    expect(rest.flatMap((batch) => batch.events.map(({ id }) => id))).toEqual(
      events.slice(-10).map(({ id }) => id),
    );
  });

  it('ends when it is told to', async () => {
    const stopped = new AbortController();
    let batches = 0;
    for await (const batch of readAllBatches({ ...options(), from: null, signal: stopped.signal })) {
      batches += batch.events.length ? 1 : 0;
      stopped.abort();
    }
    expect(batches).toBe(1);
  });
});
