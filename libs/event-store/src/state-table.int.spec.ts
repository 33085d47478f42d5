import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, seededRandom } from '@hybrid/testing';
import { randomUUID } from 'node:crypto';
import { counterDecider } from './counter.fixtures.js';
import { callBy, startPlatform, type Platform } from './platform.fixtures.js';
import { readModels } from './projection.fixtures.js';
import { stateTable } from './state-table.js';
import { metadataOf, type StoredEvent } from './stored-event.js';

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

  it('counts its rows, also those that change, come twice, or begin and change in one batch', async () => {
    const chance = seededRandom();
    const pick = (below: number) => Math.floor(chance() * below);
    const schema = `s${randomUUID().slice(0, 8)}`;
    const counters = stateTable({
      schema,
      table: 'counters',
      version: 1,
      category: schema,
      decider: counterDecider,
      columns: {
        size: { type: 'text', value: ({ sum }) => (sum < 5 ? 'small' : 'large') },
        parity: { type: 'text', value: ({ sum }) => (sum % 2 ? 'odd' : 'even') },
      },
      counts: ['size', 'parity'],
    });
    const streams = Array.from({ length: 12 }, (_, index): StoredEvent[] =>
      Array.from({ length: 8 }, (_, revision) => ({
        event: { type: 'Added', data: { by: pick(3), note: '' } },
        metadata: metadataOf({ ...callBy('someone'), org: index % 3 ? 'one' : 'other' }, undefined),
        id: randomUUID(),
        streamId: `${schema}-${index}`,
        category: schema,
        thingId: String(index),
        revision: BigInt(revision),
        created: new Date(),
      })),
    );
    const connection = await platform.connections.pool.connect();
    try {
      await connection.query(`create schema ${schema}; set search_path to ${schema}`);
      await connection.query(counters.create);
      const batches: StoredEvent[][] = [];
      while (streams.some((stream) => stream.length > 0)) {
        const next = streams.flatMap((stream) => stream.splice(0, pick(4)));
        batches.push(next.length ? next : (batches[pick(batches.length)] ?? []));
        const again = pick(3) ? [] : (batches[pick(batches.length)] ?? []);
        for (const batch of [batches.at(-1)!, again]) await counters.apply(connection, batch);
        const counted = await connection.query(
          `select org, size, parity, things from counters_counts where things <> 0 order by 1, 2, 3`,
        );
        const real = await connection.query(
          `select org, size, parity, count(*) as things from counters group by 1, 2, 3 order by 1, 2, 3`,
        );
        expect(counted.rows).toEqual(real.rows);
      }
      const { rows } = await connection.query('select sum(things)::int as things from counters_counts');
      expect(rows).toEqual([{ things: 12 }]);
    } finally {
      connection.release(true);
    }
  });
});
