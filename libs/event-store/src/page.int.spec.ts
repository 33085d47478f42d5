import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readJson, type PageQuery } from '@hybrid/contracts';
import { startPostgres, type ServerWithUrl } from '@hybrid/servers';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Pool } from 'pg';
import { connectEventStore, connectPostgres } from './connections.js';
import { ReadModel } from './freshness.js';
import { ALL_ORGANISATIONS, listPage, listText } from './page.js';

describe('a list', () => {
  let directory: string;
  let postgres: ServerWithUrl;
  let pool: Pool;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'hybrid-page-'));
    postgres = await startPostgres({ dataDir: directory });
    pool = connectPostgres(postgres.url, 'page');
    await pool.query('create table things (id text, org text, created_at timestamptz, colour text)');
    // Seven of the same instant, one older, one newer.
    await pool.query(`insert into things
      select 'm' || n, 'default', '2026-01-01T00:00:00.123Z', case when n % 2 = 0 then 'red' else 'blue' end
      from generate_series(1, 7) n`);
    await pool.query(`insert into things values
      ('old', 'default', '2025-01-01', 'red'), ('new', 'default', '2027-01-01', 'red'), ('theirs', 'other', '2026-01-01', 'red')`);
  });
  afterAll(async () => {
    await pool.end();
    await postgres.stop();
    await rm(directory, { recursive: true, force: true });
  });

  const listOf = (query: PageQuery, where: Record<string, string | undefined> = {}, org = 'default') => ({
    from: new ReadModel(
      {
        pool,
        eventStore: connectEventStore('esdb://127.0.0.1:1?tls=false'),
        stopping: new AbortController().signal,
      },
      { schema: 'public', name: 'things', prefixes: [] },
    ),
    table: 'things',
    call: { org },
    query,
    where,
  });
  const list = (...wanted: Parameters<typeof listOf>) =>
    listPage<{ id: string; created_at: Date }, string>({ ...listOf(...wanted), view: ({ id }) => id });
  const walk = async (limit: number, where = {}) => {
    const pages: string[][] = [];
    let cursor: string | undefined;
    do {
      const page = await list({ limit, cursor }, where);
      pages.push(page.items);
      cursor = page.next_cursor ?? undefined;
    } while (cursor);
    return pages;
  };

  it('is walked page by page, newest first, every row once, also among rows of one instant', async () => {
    expect(await walk(2)).toEqual([['new', 'm7'], ['m6', 'm5'], ['m4', 'm3'], ['m2', 'm1'], ['old']]);
    expect(await walk(9)).toHaveLength(1);
  });

  it('counts and shows only what the filter lets through', async () => {
    expect(await walk(2, { colour: 'blue' })).toEqual([
      ['m7', 'm5'],
      ['m3', 'm1'],
    ]);
    expect(await list({}, { colour: undefined })).toMatchObject({ total: 9 });
    expect(await list({}, { colour: 'blue' })).toMatchObject({ total: 4, next_cursor: null });
  });

  it('is counted at its first page, for all of them', async () => {
    const first = await list({ limit: 2 });
    await pool.query(`insert into things values ('newest', 'default', '2028-01-01', 'red')`);
    expect(await list({ limit: 2, cursor: first.next_cursor! })).toMatchObject({
      items: ['m6', 'm5'],
      total: 9,
    });
    expect(await list({ limit: 2 })).toMatchObject({ items: ['newest', 'new'], total: 10 });
    await pool.query(`delete from things where id = 'newest'`);
  });

  it('shows one organisation nothing of another', async () => {
    expect(await list({}, {}, 'other')).toEqual({ items: ['theirs'], total: 1, next_cursor: null });
    expect(await list({}, {}, 'third')).toEqual({ items: [], total: 0, next_cursor: null });
  });

  it('shows those of all organisations only to whoever says so, page by page', async () => {
    const all = (query: PageQuery) =>
      listPage<{ id: string; created_at: Date }, string>({
        ...listOf(query),
        call: { org: ALL_ORGANISATIONS },
        view: ({ id }) => id,
      });
    const first = await all({ limit: 2 });
    expect(first).toMatchObject({ items: ['new', 'm7'], total: 10 });
    expect(await all({ limit: 2, cursor: first.next_cursor! })).toMatchObject({ items: ['m6', 'm5'] });
  });

  const cursorOf = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  it.each([
    ['no base64', '%%%'],
    ['no JSON', Buffer.from('hello').toString('base64url')],
    ['no pair', cursorOf({})],
    ['nothing', cursorOf(null)],
    ['no time', cursorOf(['yesterday', 'm1', 1])],
    ['a time only to JavaScript', cursorOf(['1', 'm1', 1])],
    ['a time beyond all calendars', cursorOf(['+275760-09-13T00:00:00.000Z', 'm1', 1])],
    ['no id', cursorOf(['2026-01-01T00:00:00.123Z', 7, 1])],
    ['an id that is no text to PostgreSQL', cursorOf(['2026-01-01T00:00:00.123Z', 'm\0', 1])],
    ['no total', cursorOf(['2026-01-01T00:00:00.123Z', 'm1'])],
    ['a total that nothing has', cursorOf(['2026-01-01T00:00:00.123Z', 'm1', -1])],
  ])('refuses a cursor that is %s', async (_, cursor) => {
    await expect(list({ cursor })).rejects.toMatchObject({
      problem: { kind: 'invalid', code: 'invalid_cursor', errors: [{ path: 'cursor' }] },
    });
  });

  describe('as text', () => {
    interface Thing {
      id: string;
      note?: string;
    }
    const text = async (counts: string[], ...wanted: Parameters<typeof listOf>) =>
      readJson(await listText<'things', Thing>('things', { ...listOf(...wanted), column: 'view', counts }));

    beforeAll(async () => {
      await pool.query(`alter table things add column view text;
        update things set view = json_build_object('id', id, 'note', '"é" \\')::text`);
      await pool.query(`create table things_counts (org text, colour text, things bigint);
        insert into things_counts select org, colour, count(*) from things group by org, colour`);
    });

    it.each([1, 2, 4, 200])('shows the same pages of %i', async (limit) => {
      let cursor: string | undefined;
      do {
        const { items, ...rest } = await list({ limit, cursor });
        const things = items.map((id) => ({ id, note: '"é" \\' }));
        expect(await text([], { limit, cursor })).toEqual({ things, ...rest });
        cursor = rest.next_cursor ?? undefined;
      } while (cursor);
    });

    it('shows nothing where there is nothing', async () => {
      expect(await text(['colour'], {}, {}, 'third')).toEqual({ things: [], total: 0, next_cursor: null });
    });

    it('takes the total from what is counted already, where that is by all that is asked for', async () => {
      await pool.query('update things_counts set things = things + 100');
      const total = async (where: Record<string, string | undefined>) =>
        (await text(['colour'], { limit: 1 }, where)).total;
      expect(await total({})).toBe(209);
      expect(await total({ colour: 'blue' })).toBe(104);
      expect(await total({ colour: 'green' })).toBe(0);
      expect(await total({ colour: 'blue', id: 'm1' })).toBe(1);
    });

    it('ends a page where a message is full, and goes on behind it', async () => {
      await pool.query(`insert into things select 'l' || n, 'large', '2026-01-01', 'red',
        json_build_object('id', 'l' || n, 'note', repeat('é', case n when 3 then 500000 else 100000 end))::text
        from generate_series(1, 6) n`);
      const pages: string[][] = [];
      let cursor: string | undefined;
      do {
        const { things, total, next_cursor } = await text([], { cursor }, {}, 'large');
        expect(total).toBe(6);
        pages.push(things.map(({ id }) => id));
        cursor = next_cursor ?? undefined;
      } while (cursor);
      expect(pages).toEqual([['l6', 'l5', 'l4'], ['l3'], ['l2', 'l1']]);
    });
  });
});
