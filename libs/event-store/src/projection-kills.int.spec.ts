import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { startProcess, type RunningProcess } from '@hybrid/servers';
import { bundleProgram, eventually, seededRandom, specSeed, type BundledProgram } from '@hybrid/testing';
import { setTimeout as pause } from 'node:timers/promises';
import { startPlatform, type Platform } from './platform.fixtures.js';
import { readModels, tallyOf, type ReadModels } from './projection.fixtures.js';
import type { Projector } from './projector.js';

const KILLS = Number(process.env['PROJECTION_KILLS'] ?? 8);
const THINGS = 40;
/** Between two writes of one writer: there is always something to project, and the replicas get to it. */
const BREATH_MS = 20;
const seed = specSeed();

describe('replicas that project, killed at random', () => {
  let platform: Platform;
  let models: ReadModels;
  let program: BundledProgram;
  const replicas: RunningProcess[] = [];

  beforeAll(async () => {
    platform = await startPlatform();
    program = await bundleProgram('libs/event-store/src/projection-process.fixtures.ts');
  });
  afterEach(async () => {
    for (const replica of replicas.splice(0)) await replica.kill();
    await models.stop();
  });
  afterAll(async () => {
    await platform?.stop();
    await program?.remove();
  });

  const start = async (place: number, rebuilds: boolean) => {
    const replica = await startProcess({
      name: 'replica',
      command: process.execPath,
      args: [program.path],
      env: {
        PATH: process.env['PATH'],
        EVENTSTORE_URL: platform.eventStore.url,
        DATABASE_URL: platform.postgres.url,
        SCHEMA: models.schema,
        REBUILDS: `${rebuilds}`,
      },
    });
    replicas[place] = replica;
    await replica.ready;
  };
  const settled = (projector: Projector) =>
    eventually(
      async () => expect(await projector.view()).toMatchObject({ lag_events: 0, parked_events: 0 }),
      60_000,
    );
  const rebuilt = async (projector: Projector) => {
    const { id } = await projector.rebuild();
    await eventually(
      async () => expect((await projector.view()).rebuild).toMatchObject({ id, status: 'DONE' }),
      60_000,
    );
  };
  const total = async () =>
    (await models.query<{ total: number }>(`select total from ${models.schema}.tallies`))[0]?.total;

  // Rebuilds mend what the live ones would have lost: only without them would it show.
  it.each([
    ['while they project', false],
    ['while they project and rebuild', true],
  ])('%s leave read models that equal the log and a full rebuild, row for row', async (_, rebuilds) => {
    models = readModels(platform);
    const random = seededRandom(seed);
    const sums: Record<string, number> = {};
    let written = 0;
    let killing = true;
    await Promise.all([start(0, rebuilds), start(1, rebuilds)]);
    const write = async () => {
      while (killing) {
        const events = Array.from({ length: 20 }, () => ({
          id: `${Math.floor(random() * THINGS)}`,
          by: Math.floor(random() * 9),
        }));
        await models.add(events);
        for (const { id, by } of events) sums[id] = (sums[id] ?? 0) + by;
        written += events.length;
        await pause(BREATH_MS);
      }
    };
    const writers = Promise.all([write(), write(), write()]);
    const killer = seededRandom(seed + 1);
    for (let kill = 0; kill < KILLS; kill++) {
      const place = Math.floor(killer() * 2);
      await pause(10 + killer() * 500);
      await replicas[place]!.kill();
      await start(place, rebuilds);
    }
    killing = false;
    await writers;
    for (const replica of replicas.splice(0)) await replica.kill();
    process.stderr.write(`${KILLS} kills, ${written} events\n`);
    expect(written).toBeGreaterThan(100);

    const counters = await models.keep();
    const tally = await models.keep(tallyOf(models.schema));
    await settled(counters);
    await settled(tally);
    expect(await models.sums()).toEqual(sums);
    expect(await total()).toBe(written);
    const before = await models.everything();
    await rebuilt(counters);
    await rebuilt(tally);
    expect(await models.everything()).toEqual(before);
    expect(await total()).toBe(written);
    const leftovers = `select nspname from pg_namespace where nspname like '${models.schema}\\_rebuild%'`;
    expect(await models.query(leftovers)).toEqual([]);
  });
});
