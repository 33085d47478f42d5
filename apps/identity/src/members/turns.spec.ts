import { describe, expect, it } from '@jest/globals';
import { eventually } from '@hybrid/testing';
import { Turns } from './turns.js';

describe('turns', () => {
  /** Work that ends when it is told to. */
  const held = () => {
    let end!: () => void;
    const ended = new Promise<void>((resolve) => (end = resolve));
    return { end, work: () => ended };
  };

  it('are taken one after the other, in order, also after a failure, and leave nothing behind', async () => {
    const turns = new Turns();
    const done: number[] = [];
    let running = 0;
    const piece = (n: number) => async () => {
      expect(++running).toBe(1);
      await Promise.resolve();
      running--;
      done.push(n);
      if (n % 2) throw new Error('odd');
      return n;
    };
    const all = await Promise.allSettled([0, 1, 2, 3].map((n) => turns.take('a', piece(n))));
    expect(all.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected']);
    expect(done).toEqual([0, 1, 2, 3]);
    await turns.take('a', piece(4));
    await eventually(() => expect(turns.size).toBe(0));
  });

  it('of different keys do not wait for each other', async () => {
    const turns = new Turns();
    const { end, work } = held();
    const first = turns.take('a', work);
    expect(await turns.take('b', () => Promise.resolve('b'))).toBe('b');
    end();
    await first;
  });

  it('that come too late are not taken at all', async () => {
    const turns = new Turns(-1);
    let worked = false;
    const late = turns.take('a', () => Promise.resolve((worked = true)));
    await expect(late).rejects.toMatchObject({ problem: { kind: 'unavailable', code: 'organisation_busy' } });
    expect(worked).toBe(false);
  });
});
