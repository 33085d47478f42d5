import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { ProblemError } from '@hybrid/contracts';
import { eventually } from '@hybrid/testing';
import { startPlatform, type Platform } from './platform.fixtures.js';
import type { Projection } from './projection.js';
import { readModels, tallyOf, type ReadModels } from './projection.fixtures.js';
import type { Projector } from './projector.js';

describe('a rebuild', () => {
  let platform: Platform;
  let models: ReadModels;

  beforeAll(async () => {
    platform = await startPlatform();
  });
  afterAll(() => platform.stop());
  afterEach(() => models.stop());

  const ended = (projector: Projector, status = 'DONE') =>
    eventually(async () => expect((await projector.view()).rebuild).toMatchObject({ status }));
  const schemas = () =>
    models.query(`select nspname from pg_namespace where nspname like '${models.schema}\\_rebuild%'`);
  const fill = (things: number, events: number, from = 0) =>
    models.add(
      Array.from({ length: things * events }, (_, n) => ({
        id: `${from + (n % things)}`,
        by: n,
        note: `n${n}`,
      })),
    );
  const running = () =>
    models.query<{ pid: number }>(
      `select pid from pg_locks where locktype = 'advisory' and granted
         and (classid::bigint << 32 | objid::bigint) = hashtextextended('rebuild:${models.schema}.counters', 0)`,
    );
  /** Waits in the rebuild's schema until it is opened; the live one goes on. */
  const gated = (projection: Projection) => {
    let open = () => {};
    let arrived = () => {};
    const gate = new Promise<void>((resolve) => (open = resolve));
    const reached = new Promise<void>((resolve) => (arrived = resolve));
    const apply: Projection['apply'] = async (connection, events) => {
      const { rows } = await connection.query<{ schema: string }>('select current_schema() as schema');
      if (rows[0]!.schema.includes('_rebuild_')) {
        arrived();
        await gate;
      }
      await projection.apply(connection, events);
    };
    return { projection: { ...projection, apply }, open, reached };
  };

  it('has the same rows as the live one, row for row, and mends what somebody spoilt', async () => {
    models = readModels(platform);
    await fill(50, 20);
    const projector = await models.keep();
    await eventually(async () => expect((await projector.view()).lag_events).toBe(0));
    const before = await models.everything();
    expect(before).toHaveLength(50);
    await models.query(`update ${models.schema}.counters set sum = 0 where id < '3'`);
    const begun = await projector.rebuild();
    expect(begun).toMatchObject({ status: 'RUNNING', error: null });
    await ended(projector);
    expect(await models.everything()).toEqual(before);
    expect((await projector.view()).rebuild).toMatchObject({ id: begun.id, events: 1000, progress: 1 });
    expect(await schemas()).toEqual([]);
  });

  it('switches while events flow in: nothing lost or doubled, and no query goes back in time', async () => {
    models = readModels(platform);
    const { schema } = models;
    const tally = tallyOf(schema);
    await fill(20, 50);
    const projector = await models.keep(tally);
    await models.keep(tally);
    const total = async () =>
      (await models.query<{ total: number }>(`select total from ${schema}.tallies`))[0]?.total;
    await eventually(async () => expect(await total()).toBe(1000));
    let writing = true;
    let written = 1000;
    const writer = (async () => {
      while (writing) {
        await fill(5, 2);
        written += 10;
      }
    })();
    const seen: (number | undefined)[] = [];
    const reader = (async () => {
      while (writing) seen.push(await total());
    })();
    for (let round = 0; round < 3; round++) {
      const { id } = await projector.rebuild();
      await eventually(
        async () => expect((await projector.view()).rebuild).toMatchObject({ id, status: 'DONE' }),
        30_000,
      );
    }
    writing = false;
    await Promise.all([writer, reader]);
    await eventually(async () => expect(await total()).toBe(written));
    expect(seen.length).toBeGreaterThan(10);
    expect(seen).toEqual([...seen].sort((a, b) => a! - b!));
  });

  it('that was killed leaves the live one as it was; another one begins anew and cleans up', async () => {
    models = readModels(platform);
    const { projection, open, reached } = gated(models.counters);
    await fill(20, 10);
    const projector = await models.keep(projection);
    await eventually(async () => expect((await projector.view()).lag_events).toBe(0));
    await projector.rebuild();
    await reached;
    const [holder] = await running();
    await models.query(`select pg_terminate_backend(${holder!.pid})`);
    open();
    await ended(projector, 'INTERRUPTED');
    expect(await schemas()).toHaveLength(1);
    await fill(20, 1, 20);
    await eventually(async () => expect(await models.everything()).toHaveLength(40));
    const before = await models.everything();
    await projector.rebuild();
    await ended(projector);
    expect(await models.everything()).toEqual(before);
    expect(await schemas()).toEqual([]);
  });

  it('that was killed is cleaned up by the next replica that starts, but not one that is running', async () => {
    models = readModels(platform);
    const { projection, open, reached } = gated(models.counters);
    await fill(3, 1);
    const projector = await models.keep(projection);
    await projector.rebuild();
    await reached;
    await models.keep(projection);
    expect(await schemas()).toHaveLength(1);
    await models.query(`select pg_terminate_backend(${(await running())[0]!.pid})`);
    open();
    await ended(projector, 'INTERRUPTED');
    await models.keep(projection);
    expect(await schemas()).toEqual([]);
  });

  it('is one at a time, and of the version that is live', async () => {
    models = readModels(platform);
    const { projection, open, reached } = gated(models.counters);
    await fill(3, 1);
    const first = await models.keep(projection);
    const second = await models.keep(projection);
    const other = await models.keep({ ...projection, version: projection.version + 1 });
    await expect(other.rebuild()).rejects.toMatchObject({ problem: { code: 'projection_other_version' } });
    await second.rebuild();
    await reached;
    await expect(first.rebuild()).rejects.toMatchObject({ problem: { code: 'rebuild_running' } });
    expect(await first.view()).toMatchObject({ status: 'LIVE', rebuild: { status: 'RUNNING' } });
    open();
    await ended(first);
    expect(await models.everything()).toHaveLength(3);
  });

  it('is one of several that are asked for at the same moment, at the same replica and at another', async () => {
    models = readModels(platform);
    const { projection, open, reached } = gated(models.counters);
    await fill(3, 1);
    const [first, second] = [await models.keep(projection), await models.keep(projection)];
    const asked = [first, second, first, second].map((projector) => projector.rebuild());
    const begun = (await Promise.allSettled(asked)).map((outcome) =>
      outcome.status === 'fulfilled' ? 'begun' : (outcome.reason as ProblemError).problem.code,
    );
    expect(begun.sort()).toEqual(['begun', 'rebuild_running', 'rebuild_running', 'rebuild_running']);
    await reached;
    open();
    await ended(first);
    expect(await models.everything()).toHaveLength(3);
  });

  it('parks what the folds cannot take, and takes what was parked before they were mended', async () => {
    const broken = new Set(['n1', 'n2']);
    models = readModels(platform, ({ data }) => {
      if (broken.has(data.note)) throw new TypeError(data.note);
    });
    await fill(4, 2);
    const projector = await models.keep();
    await eventually(async () => expect((await projector.view()).parked_events).toBe(4));
    broken.delete('n1');
    await projector.rebuild();
    await ended(projector);
    expect(await projector.view()).toMatchObject({ status: 'DEGRADED', parked_events: 2 });
    expect(await models.sums()).toEqual({ 0: 4, 1: 6, 3: 10 });
    broken.clear();
    expect(await projector.replay()).toEqual({ replayed_events: 2, parked_events: 0 });
    expect(await models.sums()).toEqual({ 0: 4, 1: 6, 2: 8, 3: 10 });
  });

  it('waits for a long query on the live tables, and lets others have their turn', async () => {
    models = readModels(platform);
    await fill(5, 1);
    const projector = await models.keep();
    await eventually(async () => expect((await projector.view()).lag_events).toBe(0));
    const reader = await platform.connections.pool.connect();
    await reader.query('begin');
    await reader.query(`select count(*) from ${models.schema}.counters`);
    await projector.rebuild();
    await eventually(async () => {
      const waiting = await models.query(
        `select 1 from pg_locks where not granted and relation = '${models.schema}.counters'::regclass`,
      );
      expect(waiting).toHaveLength(1);
    });
    // Behind the switch at first, and answered when that steps back.
    expect(await models.everything()).toHaveLength(5);
    expect((await projector.view()).rebuild?.status).toBe('RUNNING');
    await reader.query('commit');
    reader.release();
    await ended(projector);
    expect(await models.everything()).toHaveLength(5);
  });
});
