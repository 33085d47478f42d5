import { binaryEvent, jsonEvent } from '@eventstore/db-client';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { EVENTS_STREAM, type PublicEvent } from '@hybrid/contracts';
import type { Decider } from '@hybrid/decider';
import { eventually } from '@hybrid/testing';
import { jetstream } from '@nats-io/jetstream';
import { randomUUID } from 'node:crypto';
import {
  counterDecider,
  type CounterCommand,
  type CounterEvent,
  type CounterState,
} from './counter.fixtures.js';
import { callBy, startPlatform, type Platform } from './platform.fixtures.js';
import { Projector } from './projector.js';
import { Relay, type Publisher } from './relay.js';
import { stateTable } from './state-table.js';
import { Things } from './things.js';

/**
 * The counter of the next version: what `Added` said is now `Added.v2`, which says the unit; it can be cleared, and
 * doubled, which versions before read as an addition.
 */
type NextEvent =
  | { type: 'Added.v2'; data: { by: number; note: string; unit: string } }
  | { type: 'Cleared'; data: object }
  | { type: 'Doubled'; data: { from: number } };
type NextCommand = { type: 'Add'; by: number } | { type: 'Clear' | 'Double' };
type NextState = CounterState & { units: string[] };
const next: Decider<NextState, NextCommand, NextEvent> = {
  initial: { sum: 0, notes: [], units: [] },
  events: {
    today: { 'Added.v2': true, Cleared: true, Doubled: true },
    upcasts: {
      Added: (data: CounterEvent['data']) => ({ type: 'Added.v2', data: { ...data, unit: 'piece' } }),
    },
    downcasts: {
      Doubled: ({ from }: { from: number }) => ({ type: 'Added', data: { by: from, note: 'twice' } }),
    },
  },
  decide(command, { sum }) {
    switch (command.type) {
      case 'Add':
        return [{ type: 'Added.v2', data: { by: command.by, note: '', unit: 'metre' } }];
      case 'Clear':
        return [{ type: 'Cleared', data: {} }];
      case 'Double':
        return [{ type: 'Doubled', data: { from: sum } }];
    }
  },
  evolve(state, event) {
    switch (event.type) {
      case 'Added.v2':
        return {
          sum: state.sum + event.data.by,
          notes: event.data.note ? [...state.notes, event.data.note] : state.notes,
          units: [...state.units, event.data.unit],
        };
      case 'Cleared':
        return { ...state, sum: 0 };
      case 'Doubled':
        return { ...state, sum: 2 * state.sum };
    }
  },
};

describe('stored events of another version', () => {
  let platform: Platform;
  let category: string;
  let things: Things<CounterState, CounterCommand, CounterEvent>;
  let newer: Things<NextState, NextCommand, NextEvent>;
  const user = callBy('someone');

  beforeAll(async () => {
    platform = await startPlatform();
  });
  afterAll(() => platform.stop());
  beforeEach(() => {
    category = `counter${randomUUID().slice(0, 8)}`;
    things = new Things(platform.connections.eventStore, category, counterDecider);
    newer = new Things(platform.connections.eventStore, category, next);
  });

  const add = (id: string, by: number) => things.handle(id, { type: 'Add', by, note: `${by}` }, user);
  const stored = async (id: string) => {
    const types: string[] = [];
    for await (const { event } of platform.connections.eventStore.readStream(`${category}-${id}`))
      types.push(event!.type);
    return types;
  };
  /** What something else wrote into the stream. */
  const scribble = async (id: string) => {
    await platform.connections.eventStore.appendToStream(`${category}-${id}`, [
      binaryEvent({ type: 'Added', data: Buffer.from([1, 2, 255]), metadata: Buffer.from([254]) }),
      jsonEvent({ type: 'Added', data: { by: 1_000 } }),
      jsonEvent({ type: 'Added', data: { by: 1_000 }, metadata: { actor: 'nobody' } }),
    ]);
  };
  const project = async (decider: Parameters<typeof stateTable<NextState, NextEvent>>[0]['decider']) => {
    const { eventStore, pool } = platform.connections;
    const projection = stateTable({
      schema: category,
      table: 'counters',
      version: 1,
      category,
      decider,
      columns: {},
    });
    const projector = new Projector(eventStore, pool, projection, () => undefined);
    await projector.start();
    return projector;
  };
  const rows = async () => {
    const result = await platform.connections.pool.query<{ id: string; revision: string; state: object }>(
      `select id, revision, state from ${category}.counters order by id`,
    );
    return result.rows;
  };

  it('are skipped by whoever does not know them, who goes on after them', async () => {
    await add('a', 1);
    await newer.handle('a', { type: 'Clear' }, user);
    expect(await things.load('a', 'default')).toEqual({ state: { sum: 1, notes: ['1'] }, revision: 1n });
    expect(await add('a', 2)).toMatchObject({ state: { sum: 3 }, revision: 2n });
    expect((await things.history('a')).map(({ revision }) => revision)).toEqual([0n, 2n]);
    expect(await things.eventAt('a', 1, 'default')).toBeNull();
    expect(await stored('a')).toEqual(['Added', 'Cleared', 'Added']);
    expect((await newer.load('a', 'default')).state).toEqual({
      sum: 2,
      notes: ['1', '2'],
      units: ['piece', 'piece'],
    });
  });

  it('are read as they say of themselves by whoever does not know them, who decides by that', async () => {
    await add('a', 3);
    await newer.handle('a', { type: 'Double' }, user);
    const doubled = { state: { sum: 6, notes: ['3', 'twice'] }, revision: 1n };
    expect(await things.load('a', 'default')).toEqual(doubled);
    const past = things.handle('a', { type: 'Add', by: 1, limit: 6 }, user);
    await expect(past).rejects.toMatchObject({ problem: { code: 'too_much' } });
    expect(await add('a', 1)).toMatchObject({ state: { sum: 7 }, revision: 2n });
    expect((await things.history('a')).map(({ event }) => event.type)).toEqual(['Added', 'Added', 'Added']);
    expect(await stored('a')).toEqual(['Added', 'Doubled', 'Added']);
    expect((await newer.load('a', 'default')).state).toMatchObject({ sum: 7, notes: ['3', '1'] });
  });

  it('are nothing yet where this version knows none of them, and the thing can begin all the same', async () => {
    await newer.handle('a', { type: 'Add', by: 5 }, user);
    expect(await things.load('a', 'default')).toEqual({ state: counterDecider.initial, revision: 0n });
    expect(await things.load('a', 'other')).toEqual({ state: counterDecider.initial, revision: null });
    expect(await add('a', 1)).toMatchObject({ state: { sum: 1 }, revision: 1n });
  });

  it('of before are read as today’s, and stay as they were stored', async () => {
    await add('a', 1);
    expect(await newer.handle('a', { type: 'Add', by: 2 }, user)).toMatchObject({
      state: { sum: 3, units: ['piece', 'metre'] },
      revision: 1n,
    });
    expect(await newer.eventAt('a', 0, 'default')).toEqual({
      type: 'Added.v2',
      data: { by: 1, note: '1', unit: 'piece' },
    });
    expect(await stored('a')).toEqual(['Added', 'Added.v2']);
  });

  it('of another hand change nothing, and are appended after', async () => {
    await add('a', 1);
    await scribble('a');
    await scribble('b');
    expect(await things.load('a', 'default')).toEqual({ state: { sum: 1, notes: ['1'] }, revision: 3n });
    expect(await add('a', 2)).toMatchObject({ state: { sum: 3 }, revision: 4n });
    expect(await things.load('b', 'default')).toEqual({ state: counterDecider.initial, revision: 2n });
    expect(await add('b', 2)).toMatchObject({ state: { sum: 2 }, revision: 3n });
    expect((await stored('a')).length).toBe(5);
  });

  it('are told of as today’s, and those that say nothing to this version not at all', async () => {
    await add('a', 1);
    await newer.handle('a', { type: 'Add', by: 2 }, user);
    await scribble('a');
    await newer.handle('a', { type: 'Double' }, user);
    await newer.handle('a', { type: 'Clear' }, user);
    const { eventStore: client, nats, pool } = platform.connections;
    const publisher: Publisher<NextEvent> = {
      service: category,
      prefixes: [`${category}-`],
      // A version between the two: `Cleared` and `Doubled` are still unknown to it.
      events: { today: { 'Added.v2': true } as never, upcasts: next.events.upcasts },
      publish: ({ event }) => ({ noun: 'counter', event: 'changed', type: 'CounterChanged', data: event }),
    };
    const relay = new Relay({ client, nats, pool }, publisher, () => undefined);
    relay.start();
    await newer.handle('a', { type: 'Add', by: 3 }, user);
    const heard = async () => {
      const consumer = await jetstream(nats).consumers.get(EVENTS_STREAM, {
        filter_subjects: `evt.*.${category}.>`,
      });
      const data: unknown[] = [];
      for await (const message of await consumer.fetch({ max_messages: 10, expires: 1_000 }))
        data.push(message.json<PublicEvent>().data);
      return data;
    };
    await eventually(
      async () =>
        expect(await heard()).toMatchObject([
          { type: 'Added.v2', data: { by: 1, unit: 'piece' } },
          { type: 'Added.v2', data: { by: 2, unit: 'metre' } },
          { type: 'Added.v2', data: { by: 3, unit: 'piece' } },
          { type: 'Added.v2', data: { by: 3, unit: 'metre' } },
        ]),
      // It leaves the lock some times to a newer relay first.
      60_000,
    );
    await relay.stop();
  });

  it('do not stop a read model, which the version that knows them makes anew', async () => {
    await add('a', 1);
    await newer.handle('a', { type: 'Clear' }, user);
    await newer.handle('b', { type: 'Add', by: 7 }, user);
    await scribble('c');
    await add('d', 4);
    const older = await project(counterDecider as never);
    await eventually(async () =>
      expect(await rows()).toEqual([
        { id: 'a', revision: '1', state: { sum: 1, notes: ['1'] } },
        { id: 'd', revision: '0', state: { sum: 4, notes: ['4'] } },
      ]),
    );
    // One after the other, live: what was caught up above comes in one piece.
    await newer.handle('e', { type: 'Add', by: 7 }, user);
    await scribble('e');
    await add('d', 5);
    await newer.handle('d', { type: 'Double' }, user);
    await eventually(async () =>
      expect((await rows()).find(({ id }) => id === 'd')).toMatchObject({
        revision: '2',
        state: { sum: 18 },
      }),
    );
    expect((await rows()).map(({ id }) => id)).toEqual(['a', 'd']);
    await older.stop();
    const projector = await project(next);
    await eventually(async () =>
      expect(await rows()).toMatchObject([
        { id: 'a', revision: '1', state: { sum: 0, units: ['piece'] } },
        { id: 'b', revision: '0', state: { sum: 7, units: ['metre'] } },
        { id: 'd', revision: '2', state: { sum: 18 } },
        { id: 'e', revision: '0', state: { sum: 7 } },
      ]),
    );
    await projector.stop();
  });
});
