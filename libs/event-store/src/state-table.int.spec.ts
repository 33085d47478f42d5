import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@hybrid/testing';
import { counterDecider } from './counter.fixtures.js';
import { startPlatform, type Platform } from './platform.fixtures.js';
import { readModels } from './projection.fixtures.js';
import { stateTable } from './state-table.js';

describe('a table of states', () => {
  let platform: Platform;
  beforeAll(async () => {
    platform = await startPlatform();
  });
  afterAll(() => platform.stop());

  it('keeps what the first event filled, however many follow, in its batch or later', async () => {
    const { schema, keep, add, query, stop } = readModels(platform);
    const counters = stateTable({
      schema,
      table: 'counters',
      version: 1,
      category: schema,
      decider: counterDecider,
      firstColumns: {
        began: { type: 'text', value: ({ event }) => (event.data as { note: string }).note },
        place: { type: 'bigint', value: ({ position }) => position!.commit.toString() },
      },
      columns: { sum: { type: 'int', value: ({ sum }) => sum } },
    });
    try {
      await add([
        { id: 'a', by: 1, note: 'first' },
        { id: 'a', by: 1, note: 'second' },
        { id: 'b', by: 1, note: 'other' },
      ]);
      await keep(counters);
      const rows = () => query(`select id, sum, began, place from ${schema}.counters order by id`);
      const before = await eventually(async () => {
        const found = await rows();
        expect(found).toMatchObject([
          { id: 'a', sum: 2, began: 'first' },
          { id: 'b', sum: 1, began: 'other' },
        ]);
        return found;
      });
      await add([{ id: 'a', by: 5, note: 'third' }]);
      await eventually(async () => expect(await rows()).toEqual([{ ...before[0], sum: 7 }, before[1]]));
      expect(BigInt(before[0]!['place'] as string)).toBeGreaterThan(0n);
    } finally {
      await stop();
    }
  });
});
