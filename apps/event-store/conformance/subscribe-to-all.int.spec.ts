/** Catch-up subscriptions to $all, with and without filter, and their checkpoints. */
import {
  END,
  eventTypeFilter,
  excludeSystemEvents,
  START,
  streamNameFilter,
  type EventStoreDBClient,
  type Position,
} from '@eventstore/db-client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@hybrid/testing';
import { at, Listener, upTo } from './heard.js';
import { events } from './sample-events.js';
import { startTarget, type Target } from './target.js';

const listener = new Listener();
let target: Target;
let client: EventStoreDBClient;

beforeAll(async () => {
  target = await startTarget();
  client = target.client();
});
afterEach(() => listener.stop());
afterAll(() => target.stop());

async function written(stream: string, count: number, type?: string): Promise<Position> {
  return (await client.appendToStream(stream, events(count, type))).position!;
}

const only = (stream: string) => (name: string) => name === stream;

describe('a subscription to $all', () => {
  it('goes on after the position it is given', async () => {
    const stream = target.name('after');
    const fromPosition = await written(stream, 1);
    await written(stream, 2);
    const heard = listener.to(client.subscribeToAll({ fromPosition }), only(stream));
    await eventually(() => expect(heard).toEqual(['confirmed', ...at(stream, 1, 2), 'caught up']));
    await written(stream, 1);
    await eventually(() => expect(heard.slice(4)).toEqual(at(stream, 3)));
  });

  it('starts at the start', async () => {
    const stream = target.name('start');
    await written(stream, 2);
    for (const options of [{}, { fromPosition: START }] as const) {
      const heard = listener.to(client.subscribeToAll(options), only(stream));
      await eventually(() => expect(heard).toEqual(['confirmed', ...at(stream, 0, 1), 'caught up']), 60_000);
    }
  });

  it('starts at the end', async () => {
    const stream = target.name('end');
    await written(stream, 2);
    const heard = listener.to(client.subscribeToAll({ fromPosition: END }), only(stream));
    await eventually(() => expect(heard).toEqual(['confirmed', 'caught up']));
    await written(stream, 2);
    await eventually(() => expect(heard.slice(2)).toEqual(at(stream, 2, 3)));
  });

  it('gives every event once and in order while others write', async () => {
    const streams = upTo(5).map(() => target.name('busy'));
    const fromPosition = await written(target.name('mark'), 1);
    const heard = listener.to(client.subscribeToAll({ fromPosition }), (name) => streams.includes(name));
    for (let round = 0; round < 40; round++)
      await Promise.all(streams.map((stream) => client.appendToStream(stream, events(2))));
    await eventually(() => expect(heard).toHaveLength(402));
    for (const stream of streams)
      expect(heard.filter((item) => String(item).startsWith(stream))).toEqual(at(stream, ...upTo(80)));
  });

  it('gives positions from which another can go on', async () => {
    const stream = target.name('resume');
    const fromPosition = await written(stream, 6);
    const positions: Position[] = [];
    const subscription = client.subscribeToAll({ filter: streamNameFilter({ prefixes: [stream] }) });
    subscription.on('data', ({ event }) => void positions.push(event!.position));
    listener.to(subscription);
    await eventually(() => expect(positions).toHaveLength(6));
    expect(positions.at(-1)).toEqual(fromPosition);
    const heard = listener.to(client.subscribeToAll({ fromPosition: positions[2]! }), only(stream));
    await eventually(() => expect(heard).toEqual(['confirmed', ...at(stream, 3, 4, 5), 'caught up']));
  });
});

describe('a filtered subscription to $all', () => {
  it.each([
    ['a stream prefix', (id: string) => streamNameFilter({ prefixes: [`left-${id}`, 'nothing-'] })],
    ['a stream pattern', (id: string) => streamNameFilter({ regex: `^l[aeiou]ft-${id}` })],
    ['a type prefix', (id: string) => eventTypeFilter({ prefixes: ['Nothing', `Wanted-${id}`] })],
    ['a type pattern', (id: string) => eventTypeFilter({ regex: `^Wan(ted|ing)-${id}$` })],
  ])('hears what it lets through, past and to come: %s', async (_name, filterOf) => {
    const stream = target.name('left');
    const id = stream.slice('left-'.length);
    const fromPosition = await written(target.name('mark'), 1);
    await written(target.name('other'), 40, 'Other');
    await written(stream, 2, `Wanted-${id}`);
    const heard = listener.to(client.subscribeToAll({ fromPosition, filter: filterOf(id) }));
    await eventually(() => expect(heard).toEqual(['confirmed', ...at(stream, 0, 1), 'caught up']));
    await written(target.name('other'), 3, 'Other');
    await client.setStreamMetadata(target.name('other'), { maxCount: 1 });
    await written(stream, 1, `Wanted-${id}`);
    await eventually(() => expect(heard.slice(4)).toEqual(at(stream, 2)));
  });

  it('can leave out what the system writes', async () => {
    const stream = target.name('plain');
    const fromPosition = await written(target.name('mark'), 1);
    await client.setStreamMetadata(stream, { maxCount: 9 });
    await written(stream, 2);
    const types: string[] = [];
    const subscription = client.subscribeToAll({ fromPosition, filter: excludeSystemEvents() });
    subscription.on('data', ({ event }) => types.push(event!.type));
    const heard = listener.to(subscription, only(stream));
    await client.setStreamMetadata(stream, { maxCount: 10 });
    await written(stream, 1);
    await eventually(() => expect(heard).toEqual(expect.arrayContaining(at(stream, 0, 1, 2))));
    expect(types.filter((type) => type.startsWith('$'))).toEqual([]);
  });

  it.each([
    ['past', true],
    ['to come', false],
  ])('marks its way through what it holds back: %s', async (_name, first) => {
    const stream = target.name('rare');
    const fromPosition = await written(stream, 1);
    const checkpoints: Position[] = [];
    const write = async () => {
      for (let round = 0; round < 5; round++) await written(target.name('held'), 40);
      return written(target.name('held'), 20);
    };
    const subscribe = () =>
      listener.to(
        client.subscribeToAll({
          fromPosition,
          filter: streamNameFilter({
            prefixes: [stream],
            maxSearchWindow: 10,
            checkpointInterval: 3,
            checkpointReached: (_subscription, position) => void checkpoints.push(position),
          }),
        }),
      );
    const early = first ? undefined : subscribe();
    if (early) await eventually(() => expect(early).toContain('caught up'));
    const last = await write();
    const heard = early ?? subscribe();
    // How many come exactly is the server's choice; that they come, and grow, is what a reader needs.
    await eventually(() => expect(checkpoints.length).toBeGreaterThanOrEqual(5));
    const commits = checkpoints.map(({ commit }) => commit);
    expect(commits).toEqual([...commits].sort((a, b) => (a < b ? -1 : 1)));
    expect(commits[0]!).toBeGreaterThan(fromPosition.commit);
    if (target.ours) expect(commits.at(-1)!).toBeLessThanOrEqual(last.commit);
    expect(heard).toEqual(['confirmed', 'caught up']);
    await written(stream, 1);
    await eventually(() => expect(heard.slice(2)).toEqual(at(stream, 1)));
  });

  it('loses nothing if it goes on from any of its checkpoints', async () => {
    const stream = target.name('wanted');
    const fromPosition = await written(target.name('mark'), 1);
    for (let round = 0; round < 20; round++) {
      await written(target.name('held'), 7);
      await written(stream, 1);
    }
    const taken: { after: number; position: Position }[] = [];
    let count = 0;
    const filter = {
      prefixes: [stream],
      maxSearchWindow: 5,
      checkpointInterval: 2,
    };
    const subscription = client.subscribeToAll({
      fromPosition,
      filter: streamNameFilter({
        ...filter,
        checkpointReached: (_subscription, position) => void taken.push({ after: count, position }),
      }),
    });
    subscription.on('data', () => void count++);
    listener.to(subscription);
    await eventually(() => expect(count).toBe(20));
    await eventually(() => expect(taken.length).toBeGreaterThan(5));
    for (const { after, position } of taken.filter(({ after }) => after < 20)) {
      const heard = listener.to(
        client.subscribeToAll({ fromPosition: position, filter: streamNameFilter({ prefixes: [stream] }) }),
      );
      const rest = upTo(20).slice(after);
      await eventually(() => expect(heard).toEqual(['confirmed', ...at(stream, ...rest), 'caught up']));
      await listener.stop();
    }
  });

  it('waits for its reader at a checkpoint', async () => {
    const stream = target.name('paced');
    const fromPosition = await written(stream, 1);
    let active = false;
    let overlapping = 0;
    let reached = 0;
    const subscription = client.subscribeToAll({
      fromPosition,
      filter: streamNameFilter({
        prefixes: [stream],
        maxSearchWindow: 5,
        checkpointInterval: 1,
        checkpointReached: async () => {
          active = true;
          reached++;
          await new Promise(setImmediate);
          active = false;
        },
      }),
    });
    subscription.on('data', () => {
      if (active) overlapping++;
    });
    const heard = listener.to(subscription);
    for (let round = 0; round < 10; round++) await written(stream, 10);
    await eventually(() => expect(heard.filter((item) => String(item).startsWith(stream))).toHaveLength(100));
    expect(reached).toBeGreaterThan(5);
    expect(overlapping).toBe(0);
  });

  it('refuses a pattern that is none', async () => {
    const heard = listener.to(client.subscribeToAll({ filter: streamNameFilter({ regex: 'job[' }) }));
    await eventually(() => expect(heard[0]).toBeInstanceOf(Error));
    // EventStoreDB answers UNKNOWN; ours says what is wrong with it.
    if (target.ours) expect(heard[0]).toMatchObject({ code: 3, message: expect.stringContaining('job[') });
  });
});
