import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '@hybrid/testing';
import { randomUUID } from 'node:crypto';
import { counterDecider } from './counter.fixtures.js';
import { callBy, startPlatform, type Platform } from './platform.fixtures.js';
import type { Projection } from './projection.js';
import { Projector } from './projector.js';
import { stateTable } from './state-table.js';
import { Things } from './things.js';

describe('a projector', () => {
  let platform: Platform;
  let schema: string;
  const started: Projector[] = [];
  const user = callBy('someone');

  beforeAll(async () => {
    platform = await startPlatform();
  });
  afterAll(() => platform.stop());
  beforeEach(() => {
    schema = `s${randomUUID().slice(0, 8)}`;
  });
  afterEach(async () => {
    for (const projector of started.splice(0)) await projector.stop();
  });

  const project = async (projection: Projection) => {
    const { eventStore, pool } = platform.connections;
    const projector = new Projector(eventStore, pool, projection, () => undefined);
    started.push(projector);
    await projector.start();
    return projector;
  };
  /** The category is the schema's name: each test has its own things. */
  const add = (id: string, by: number, note?: string) =>
    new Things(platform.connections.eventStore, schema, counterDecider).handle(
      id,
      { type: 'Add', by, note },
      user,
    );
  const query = async (sql: string) =>
    (await platform.connections.pool.query<Record<string, unknown>>(sql)).rows;
  const sums = async (): Promise<Record<string, unknown>> => {
    const rows = await query(`select id, sum from ${schema}.counters`);
    return Object.fromEntries(rows.map(({ id, sum }) => [String(id), sum]));
  };
  const everything = () =>
    query(`select id, org, created_at, revision, state, sum from ${schema}.counters order by id`);

  const counters = (version = 1): Projection =>
    stateTable({
      schema,
      table: 'counters',
      version,
      category: schema,
      decider: counterDecider,
      columns: { sum: { type: 'int', value: ({ sum }) => sum } },
      indexes: [['sum']],
    });

  /** Adds up and so tells an event that came twice, or never. */
  const tally = (apply?: () => void): Projection => ({
    schema,
    name: 'tally',
    version: 1,
    prefixes: [`${schema}-`],
    tables: ['tallies'],
    create: 'create table tallies (total int not null); insert into tallies values (0)',
    async apply(connection, events) {
      await connection.query('update tallies set total = total + $1', [events.length]);
      apply?.();
    },
  });
  const total = async () => (await query(`select total from ${schema}.tallies`))[0]?.['total'];
  const holders = () =>
    query(
      `select pid from pg_locks where locktype = 'advisory' and granted
         and (classid::bigint << 32 | objid::bigint) = hashtextextended('projection:${schema}.tally', 0)`,
    );

  it('writes rows and checkpoint together, or neither', async () => {
    let broken = true;
    let tries = 0;
    await project(
      tally(() => {
        tries++;
        // A disk that is full: no event's fault, so that none is parked.
        if (broken) throw Object.assign(new Error('after the row was written'), { code: '53100' });
      }),
    );
    for (let n = 0; n < 5; n++) await add('a', 1);
    await eventually(() => expect(tries).toBeGreaterThan(1));
    expect(await total()).toBe(0);
    expect(await query(`select commit_position from ${schema}.projections`)).toEqual([
      { commit_position: null },
    ]);
    broken = false;
    await eventually(async () => expect(await total()).toBe(5));
  });

  it('goes on when its connection is killed, and counts nothing twice', async () => {
    await project(tally());
    for (let round = 1; round <= 3; round++) {
      await eventually(async () => expect(await holders()).toHaveLength(1));
      const [holder] = await holders();
      const written = Promise.all(['a', 'b', 'c', 'd'].map((id) => add(id, 1)));
      await query(`select pg_terminate_backend(${String(holder!['pid'])})`);
      await written;
      await eventually(async () => expect(await total()).toBe(4 * round));
    }
  });

  it('builds the same rows anew from a higher version as it built bit by bit', async () => {
    const first = await project(counters());
    for (let n = 1; n <= 20; n++) await add(`${n % 4}`, n, `note ${n}`);
    await eventually(async () => expect(await sums()).toEqual({ 0: 60, 1: 45, 2: 50, 3: 55 }));
    const before = await everything();
    await first.stop();
    await project(counters(2));
    // The lock of the one that stopped may live for a moment longer, and with it the old version.
    await eventually(async () => {
      expect(await query(`select version from ${schema}.projections`)).toEqual([
        { version: counters(2).version },
      ]);
      expect(await everything()).toEqual(before);
    });
  });

  it('builds a table anew that was dropped', async () => {
    const first = await project(counters());
    await add('a', 2);
    await eventually(async () => expect(await sums()).toEqual({ a: 2 }));
    await first.stop();
    await query(`drop table ${schema}.counters`);
    await project(counters());
    await eventually(async () => expect(await sums()).toEqual({ a: 2 }));
  });

  it('is the only active one, and another takes over when it stops', async () => {
    const applied = [0, 0];
    const first = await project(tally(() => void applied[0]!++));
    await eventually(async () => expect(await holders()).toHaveLength(1));
    await project(tally(() => void applied[1]!++));
    await add('a', 1);
    await eventually(async () => expect(await total()).toBe(1));
    expect(await holders()).toHaveLength(1);
    expect(applied).toEqual([1, 0]);
    await first.stop();
    await add('a', 1);
    await eventually(async () => expect(await total()).toBe(2));
    expect(applied).toEqual([1, 1]);
  });

  it('leaves nothing out when a new version starts beside the old one', async () => {
    const old = await project(counters(1));
    await add('a', 1);
    await eventually(async () => expect(await sums()).toEqual({ a: 1 }));
    await project(counters(2));
    await add('b', 2);
    await eventually(async () => expect((await sums())['b']).toBe(2));
    await old.stop();
    await eventually(async () => {
      expect(await query(`select version from ${schema}.projections`)).toEqual([
        { version: counters(2).version },
      ]);
      expect(await sums()).toEqual({ a: 1, b: 2 });
    });
  });

  it('leaves nothing out when its table is dropped while it runs and another replica starts', async () => {
    await project(counters());
    await add('a', 1);
    await eventually(async () => expect(await sums()).toEqual({ a: 1 }));
    await query(`drop table ${schema}.counters`);
    await project(counters());
    await add('b', 2);
    await eventually(async () => expect(await sums()).toEqual({ a: 1, b: 2 }));
  });

  it('keeps texts that PostgreSQL cannot, without their unprintable parts', async () => {
    await project(counters());
    await add('a', 1, 'nul \0, half a pair \ud83d, a backslash \\u0000 and a whole \u{1f600}');
    await add('b', 2);
    await eventually(async () => expect(await sums()).toEqual({ a: 1, b: 2 }));
    expect(await query(`select state->'notes'->>0 as note from ${schema}.counters where id = 'a'`)).toEqual([
      { note: 'nul \ufffd, half a pair \ufffd, a backslash \\u0000 and a whole \u{1f600}' },
    ]);
  });
});
