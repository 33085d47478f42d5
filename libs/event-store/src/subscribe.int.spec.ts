import { jsonEvent, type Position } from '@eventstore/db-client';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '@hybrid/testing';
import { randomUUID } from 'node:crypto';
import { counterDecider } from './counter.fixtures.js';
import { callBy, startPlatform, type Platform } from './platform.fixtures.js';
import { subscribe, type Batch } from './subscribe.js';
import { Things } from './things.js';

describe('a subscription', () => {
  let platform: Platform;
  let prefix: string;
  let stop: AbortController;
  let checkpoint: Position | null;
  let seen: string[];
  const user = callBy('someone');

  beforeAll(async () => {
    platform = await startPlatform();
  });
  afterAll(() => platform.stop());
  beforeEach(() => {
    prefix = `c${randomUUID().slice(0, 8)}`;
    stop = new AbortController();
    checkpoint = null;
    seen = [];
  });

  /** Events with the notes `from` to `to` - 1, in turn on three things. */
  const write = async (from: number, to: number) => {
    const things = new Things(platform.connections.eventStore, prefix, counterDecider);
    for (let note = from; note < to; note++)
      await things.handle(`${note % 3}`, { type: 'Add', by: 1, note: `${note}` }, user);
  };
  const notes = ({ events }: Batch) => events.map(({ event }) => (event.data as { note: string }).note);
  const keep = async (batch: Batch) => {
    seen.push(...notes(batch));
    checkpoint = batch.position;
  };
  const options = () => ({
    client: platform.connections.eventStore,
    prefixes: [`${prefix}-`],
    signal: stop.signal,
    log: () => undefined,
  });
  const follow = (handle = keep) => subscribe({ ...options(), from: () => checkpoint, handle });
  const upTo = (end: number) => Array.from({ length: end }, (_, note) => `${note}`);

  it('hears everything once and in order, over a crash of the store', async () => {
    await write(0, 30);
    const following = follow();
    await eventually(() => expect(seen).toEqual(upTo(30)));
    await platform.eventStore.kill();
    await platform.eventStore.restart();
    await write(30, 60);
    await eventually(() => expect(seen).toEqual(upTo(60)));
    stop.abort();
    await following;
    expect(seen).toEqual(upTo(60));
  });

  it('says when it follows, and when it does not: not while it reads what is old, nor without the store', async () => {
    await write(0, 30);
    const told: { now: boolean; seen: number }[] = [];
    const following = subscribe({
      ...options(),
      from: () => checkpoint,
      handle: keep,
      following: (now) => told.push({ now, seen: seen.length }),
    });
    await eventually(() => expect(told).toEqual([{ now: true, seen: 30 }]));
    await platform.eventStore.kill();
    await eventually(() => expect(told.at(-1)).toEqual({ now: false, seen: 30 }));
    await platform.eventStore.restart();
    await eventually(() => expect(told.at(-1)).toEqual({ now: true, seen: 30 }));
    await write(30, 31);
    await eventually(() => expect(seen).toEqual(upTo(31)));
    stop.abort();
    await following;
    expect(told.map(({ now }) => now)).toEqual([true, false, true, false]);
  });

  it('gets the batch again that could not be handled, and nothing that could', async () => {
    await write(0, 5);
    let failures = 0;
    const refused: string[] = [];
    const following = follow(async (batch) => {
      if (notes(batch).includes('7') && failures++ < 2) {
        refused.push(...notes(batch));
        throw new Error('not now');
      }
      await keep(batch);
    });
    await eventually(() => expect(seen).toEqual(upTo(5)));
    await write(5, 10);
    await eventually(() => expect(seen).toEqual(upTo(10)));
    stop.abort();
    await following;
    expect(failures).toBe(3);
    expect(refused).toContain('7');
  });

  it('stands behind what it heard, whatever others write while it is busy', async () => {
    await write(0, 1);
    let free = () => {};
    const busy = new Promise<void>((resolve) => (free = resolve));
    const following = follow(async (batch) => {
      await keep(batch);
      await busy;
    });
    await eventually(() => expect(seen).toEqual(upTo(1)));
    const others = Array.from({ length: 400 }, () => jsonEvent({ type: 'Added', data: {} }));
    await platform.connections.eventStore.appendToStream(`${prefix}others-1`, others);
    await write(1, 8);
    let arrived: string[] = [];
    const witness = subscribe({
      ...options(),
      from: () => null,
      handle: async (batch) => void (arrived = [...arrived, ...notes(batch)]),
    });
    await eventually(() => expect(arrived).toEqual(upTo(8)));
    free();
    await eventually(() => expect(seen).toEqual(upTo(8)));
    stop.abort();
    await Promise.all([following, witness]);
    stop = new AbortController();
    const next = follow();
    await write(8, 9);
    await eventually(() => expect(seen).toContain('8'));
    stop.abort();
    await next;
    expect(seen).toEqual(upTo(9));
  });
});
