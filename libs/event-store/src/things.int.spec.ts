import { jsonEvent, type EventStoreDBClient } from '@eventstore/db-client';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { fold } from '@hybrid/decider';
import { freePort } from '@hybrid/servers';
import { awakeMs, breakableLine, type BrokenLine, eventually } from '@hybrid/testing';
import { randomUUID } from 'node:crypto';
import { connectEventStore } from './connections.js';
import {
  counterDecider,
  type CounterCommand,
  type CounterEvent,
  type CounterState,
} from './counter.fixtures.js';
import { callBy, startPlatform, type Platform } from './platform.fixtures.js';
import { Snapshots } from './snapshots.js';
import { metadataOf } from './stored-event.js';
import { Things } from './things.js';

/** A caller of a service waits for five seconds: the store's absence must be told before, on a machine that is not busy. */
const LIMIT_MS = 9_000;

describe('things', () => {
  let platform: Platform;
  let things: Things<CounterState, CounterCommand, CounterEvent>;
  const user = callBy('someone');
  const add = (by: number, limit?: number): CounterCommand => ({ type: 'Add', by, limit });
  const thingsOf = (client: EventStoreDBClient) => new Things(client, 'counter', counterDecider);

  beforeAll(async () => {
    platform = await startPlatform();
    things = thingsOf(platform.connections.eventStore);
  });
  afterAll(() => platform.stop());

  const unavailable = async (work: () => Promise<unknown>) => {
    const took = await awakeMs(() =>
      expect(work()).rejects.toMatchObject({
        problem: { code: 'event_store_unavailable', kind: 'unavailable' },
      }),
    );
    expect(took).toBeLessThan(LIMIT_MS);
  };

  it('are what their stream says, and nothing before it begins', async () => {
    const id = randomUUID();
    expect(await things.load(id, 'default')).toEqual({ state: { sum: 0, notes: [] }, revision: null });
    const handled = await things.handle(id, add(2), user);
    expect(handled).toMatchObject({ state: { sum: 2 }, revision: 0n, events: [{ type: 'Added' }] });
    expect(await things.load(id, 'default')).toMatchObject({ state: { sum: 2 }, revision: 0n });
    expect(await things.eventAt(id, 0, 'default')).toEqual({ type: 'Added', data: { by: 2, note: '' } });
    expect(await things.eventAt(id, 1, 'default')).toBeNull();
  });

  it('get no event from a command that changes nothing, or is refused', async () => {
    const id = randomUUID();
    expect(await things.handle(id, add(0), user)).toMatchObject({ revision: null, events: [] });
    await expect(things.handle(id, add(3, 2), user)).rejects.toMatchObject({
      problem: { code: 'too_much', kind: 'conflict' },
    });
    expect(await things.history(id)).toEqual([]);
  });

  it('keep who did it, for whom and why', async () => {
    const id = randomUUID();
    await things.handle(id, add(1), { ...user, causationId: 'cause' });
    expect((await things.history(id))[0]).toMatchObject({
      category: 'counter',
      thingId: id,
      metadata: {
        org: 'default',
        actor: { type: 'user', id: 'someone' },
        $correlationId: user.correlationId,
        $causationId: 'cause',
        version: 1,
      },
    });
  });

  it('are decided in turn, however many change one at once', async () => {
    const id = randomUUID();
    const outcomes = await Promise.allSettled(
      Array.from({ length: 8 }, () => things.handle(id, add(1, 5), user)),
    );
    const revisions = outcomes.flatMap((one) => (one.status === 'fulfilled' ? [one.value.revision] : []));
    expect(revisions.sort()).toEqual([0n, 1n, 2n, 3n, 4n]);
    expect((await things.load(id, 'default')).state.sum).toBe(5);
    for (const one of outcomes)
      if (one.status === 'rejected') expect(one.reason).toMatchObject({ problem: { code: 'too_much' } });
  });

  it('let forty callers at once each have their turn', async () => {
    const id = randomUUID();
    const each = Array.from({ length: 40 }, () => thingsOf(platform.connections.eventStore));
    await Promise.all(each.map((own) => own.handle(id, add(1), user)));
    expect((await things.load(id, 'default')).state.sum).toBe(40);
  });

  it('are read and decided anew where the caller knows an older state', async () => {
    const id = randomUUID();
    const known = await things.handle(id, add(1), user);
    await things.handle(id, add(3), user);
    expect(await things.handle(id, add(1, 5), user, known)).toMatchObject({
      state: { sum: 5 },
      revision: 2n,
    });
    await expect(things.handle(id, add(1, 5), user, known)).rejects.toMatchObject({
      problem: { code: 'too_much' },
    });
  });

  it('are what their whole stream says when it is long, by whomever and however often it is written at once', async () => {
    const id = randomUUID();
    const { eventStore, pool } = platform.connections;
    const long = () =>
      new Things(
        eventStore,
        'counter',
        counterDecider,
        new Snapshots(pool, 'counters', 1, counterDecider.events),
      );
    const metadata = metadataOf(user, undefined);
    const begin = Array.from({ length: 480 }, () =>
      jsonEvent({ type: 'Added', data: { by: 1, note: '' }, metadata } as never),
    );
    await eventStore.appendToStream(`counter-${id}`, begin);
    const writer = async (name: string) => {
      let one = long();
      for (let by = 1; by <= 40; by++) {
        const note = `${name}${by}`;
        // With bad luck one loses ten times in a row, and is told so.
        const { state } = await eventually(() => one.handle(id, { type: 'Add', by, note }, user));
        expect(state.notes.at(-1)).toBe(note);
        // Starts anew now and then, from a snapshot that another may have made.
        if (by % 15 === 0) one = long();
      }
    };
    await Promise.all([writer('a'), writer('b'), writer('c')]);
    const all = fold(
      counterDecider,
      (await things.history(id)).map(({ event }) => event),
    );
    expect(all.sum).toBe(480 + 3 * 820);
    expect(new Set(all.notes).size).toBe(120);
    for (const one of [things, long()])
      expect(await one.load(id, 'default')).toEqual({ state: all, revision: 599n });
    expect((await long().load(id, 'other')).revision).toBeNull();
    expect((await pool.query(`select from counters.snapshots where id = $1`, [id])).rowCount).toBe(1);
  });

  it('are not there for another organisation', async () => {
    const id = randomUUID();
    await things.handle(id, add(2), user);
    expect(await things.load(id, 'other')).toEqual({ state: { sum: 0, notes: [] }, revision: null });
    expect(await things.eventAt(id, 0, 'other')).toBeNull();
    await expect(things.handle(id, add(1), callBy('x', 'other'))).rejects.toMatchObject({
      problem: { kind: 'conflict' },
    });
    expect(await things.history(id)).toHaveLength(1);
  });

  describe('over a line that breaks', () => {
    let line: BrokenLine;
    let client: EventStoreDBClient;
    beforeAll(async () => {
      line = await breakableLine(platform.eventStore.port);
      client = connectEventStore(`esdb://127.0.0.1:${line.port}?tls=false`);
    });
    afterAll(async () => {
      await client.dispose();
      await line.close();
    });

    it.each([
      ['cut', async () => line.cut()],
      [
        'cut by a crash of the store',
        async () => {
          await platform.eventStore.kill();
          await platform.eventStore.restart();
          line.cut();
        },
      ],
    ])('get one copy of an event whose acknowledgement was lost, %s', async (_, cut) => {
      const id = randomUUID();
      const far = thingsOf(client);
      const known = await far.handle(id, add(1), user);
      line.mute();
      const handled = far.handle(id, add(1), user, known);
      await eventually(async () => expect(await things.history(id)).toHaveLength(2));
      await cut();
      expect(await handled).toMatchObject({ state: { sum: 2 }, revision: 1n });
      expect(await things.history(id)).toHaveLength(2);
    });

    it('say in time that the store does not answer, once it fell silent', async () => {
      const id = randomUUID();
      const far = thingsOf(client);
      const known = await far.handle(id, add(1), user);
      line.mute();
      await Promise.all([
        unavailable(() => far.handle(id, add(1), user, known)),
        unavailable(() => far.load(id, 'default')),
      ]);
    });
  });

  it('say in time that there is no store', async () => {
    const client = connectEventStore(`esdb://127.0.0.1:${await freePort()}?tls=false`);
    const nowhere = thingsOf(client);
    await unavailable(() => nowhere.handle(randomUUID(), add(1), user));
    await client.dispose();
  });
});
