import { jsonEvent } from '@eventstore/db-client';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { awakeMs, eventually } from '@hybrid/testing';
import { randomUUID } from 'node:crypto';
import { counterDecider } from './counter.fixtures.js';
import { ReadModel } from './freshness.js';
import { listPage } from './page.js';
import { callBy, startPlatform, type Platform } from './platform.fixtures.js';
import type { Projection } from './projection.js';
import { Projector } from './projector.js';
import { stateTable } from './state-table.js';
import { Things } from './things.js';

const WAIT_MS = 400;

describe('a read model that is asked to be as new as a command', () => {
  let platform: Platform;
  let projection: Projection;
  let stopping: AbortController;
  const projectors: Projector[] = [];

  beforeAll(async () => {
    platform = await startPlatform();
  });
  afterAll(() => platform.stop());
  beforeEach(() => {
    const schema = `s${randomUUID().slice(0, 8)}`;
    stopping = new AbortController();
    projection = stateTable({
      schema,
      table: 'counters',
      version: 1,
      category: schema,
      decider: counterDecider,
      columns: { sum: { type: 'int', value: ({ sum }) => sum } },
    });
  });
  afterEach(async () => {
    for (const projector of projectors.splice(0)) await projector.stop();
  });

  const project = async () => {
    const { eventStore, pool } = platform.connections;
    const projector = new Projector(eventStore, pool, projection, () => undefined);
    projectors.push(projector);
    await projector.start();
    return projector;
  };
  const readModel = (waitMs = 20_000) =>
    new ReadModel({ ...platform.connections, stopping: stopping.signal }, projection, waitMs);
  /** Answers the position, as whoever called learns it. */
  const add = async (id: string, by = 1, category = projection.schema): Promise<bigint> => {
    let written: bigint | undefined;
    const call = { ...callBy('someone'), wrote: (position: bigint) => void (written = position) };
    await new Things(platform.connections.eventStore, category, counterDecider).handle(
      id,
      { type: 'Add', by },
      call,
    );
    if (written === undefined) throw new Error('the command told no position');
    return written;
  };
  const list = (model: ReadModel, atLeast?: bigint) =>
    listPage<{ id: string; created_at: Date; sum: number }, [string, number]>({
      from: model,
      table: `${projection.schema}.counters`,
      call: { org: 'default', atLeast },
      query: {},
      where: {},
      view: ({ id, sum }) => [id, sum],
    });
  const checkpoint = async () => {
    const { rows } = await platform.connections.pool.query<{ commit_position: string }>(
      `select commit_position from ${projection.schema}.projections`,
    );
    return BigInt(rows[0]?.commit_position ?? -1);
  };
  const refusal = { problem: { kind: 'unavailable', code: 'read_model_behind' } };

  it('shows every command to the list right after it', async () => {
    await project();
    const model = readModel();
    for (let sum = 1; sum <= 50; sum++)
      expect((await list(model, await add('one'))).items).toEqual([['one', sum]]);
  });

  it('can be asked to hold whatever was written before, without being told where', async () => {
    await project();
    const model = readModel();
    for (let sum = 1; sum <= 10; sum++) {
      await add('one');
      await add('theirs', 1, `${projection.schema}other`);
      await model.reachHead();
      expect((await list(model)).items).toEqual([['one', sum]]);
    }
  });

  it('waits for a projector that starts later, together with all others who wait', async () => {
    const prepared = await project();
    await prepared.stop();
    const positions = [await add('one'), await add('two'), await add('three')];
    const model = readModel();
    let shown = 0;
    const waiting = positions.map(async (position) => {
      await model.reach(position);
      shown++;
    });
    await expect(readModel(WAIT_MS).reach(positions[0])).rejects.toMatchObject(refusal);
    expect(shown).toBe(0);
    await project();
    await Promise.all(waiting);
    expect((await list(model)).total).toBe(3);
  });

  it('is not behind because of events that it does not read', async () => {
    await project();
    const mine = await add('one');
    const model = readModel();
    await model.reach(mine);
    const theirs = await add('theirs', 1, `${projection.schema}other`);
    expect(theirs).toBeGreaterThan(mine);
    expect(await checkpoint()).toBeLessThan(theirs);
    // To wait in vain would take five seconds.
    expect(await awakeMs(() => model.reach(theirs))).toBeLessThan(4_500);
  });

  it('is behind if one of its own events stands before another’s', async () => {
    const projector = await project();
    await readModel().reach(await add('one'));
    await projector.stop();
    await add('two');
    const theirs = await add('theirs', 1, `${projection.schema}other`);
    await expect(readModel(WAIT_MS).reach(theirs)).rejects.toMatchObject(refusal);
    await project();
    const model = readModel();
    expect((await list(model, theirs)).total).toBe(2);
  });

  it('looks past more foreign events than it takes in one go', async () => {
    const projector = await project();
    await readModel().reach(await add('one'));
    await projector.stop();
    const others = Array.from({ length: 1_100 }, () => jsonEvent({ type: 'Added', data: { by: 1 } }));
    await platform.connections.eventStore.appendToStream(`${projection.schema}other-theirs`, others);
    const last = await add('theirs', 1, `${projection.schema}other`);
    await readModel().reach(last);
  });

  it('says how far it is when it does not come in time', async () => {
    await project();
    const mine = await add('one');
    await readModel().reach(mine);
    const never = mine + 1_000_000_000n;
    const error = await readModel(WAIT_MS)
      .reach(never)
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject(refusal);
    expect(String(error)).toContain(
      `${projection.schema}.counters has come to position ${await checkpoint()}`,
    );
    expect(String(error)).toContain(`and ${never} was asked for`);
  });

  it('does not keep a process that stops waiting', async () => {
    await project();
    const waiting = readModel(60_000).reach((await add('one')) + 1_000_000_000n);
    stopping.abort();
    await expect(waiting).rejects.toMatchObject(refusal);
  });

  it('goes on after PostgreSQL failed those who waited', async () => {
    const model = readModel();
    // Nobody prepared its tables.
    await expect(model.reach(1n)).rejects.toMatchObject({ code: '42P01' });
    await project();
    await model.reach(await add('one'));
  });

  it('is waited for anew after it was made anew', async () => {
    const projector = await project();
    const position = await add('one');
    const model = readModel();
    await model.reach(position);
    await projector.stop();
    await platform.connections.pool.query(
      `update ${projection.schema}.projections set commit_position = null, prepare_position = null`,
    );
    await expect(readModel(WAIT_MS).reach(position)).rejects.toMatchObject({
      problem: { detail: expect.stringContaining('has not begun to read the log') },
    });
    await project();
    await model.reach(position);
    await eventually(async () => expect(await checkpoint()).toBeGreaterThanOrEqual(position));
  });
});
