import { describe, expect, it } from '@jest/globals';
import { eventually } from '@hybrid/testing';
import { PeriodicTask } from './periodic-task.js';

describe('PeriodicTask', () => {
  it('does its work again and again, never twice at once', async () => {
    let turns = 0;
    let running = 0;
    let atOnce = 0;
    const task = new PeriodicTask(
      1,
      async () => {
        atOnce = Math.max(atOnce, ++running);
        await new Promise((over) => setTimeout(over, 10));
        running--;
        turns++;
      },
      fail,
    );
    task.start();
    await eventually(() => expect(turns).toBeGreaterThan(3));
    await task.stop();
    expect(atOnce).toBe(1);
  });

  it('goes on after a turn that failed, and tells why', async () => {
    const reasons: string[] = [];
    const task = new PeriodicTask(
      1,
      () => Promise.reject(new Error('PostgreSQL is away')),
      (reason) => reasons.push(reason),
    );
    task.start();
    await eventually(() => expect(reasons.length).toBeGreaterThan(1));
    await task.stop();
    expect(new Set(reasons)).toEqual(new Set(['PostgreSQL is away']));
  });

  it('stops when the turn that has begun is over, and begins none after it', async () => {
    let begun = 0;
    let end: () => void = () => undefined;
    const work = async (): Promise<void> => {
      begun++;
      await new Promise<void>((resolve) => (end = resolve));
    };
    const task = new PeriodicTask(1, work, fail);
    task.start();
    await eventually(() => expect(begun).toBe(1));
    let stopped = false;
    const stopping = task.stop().then(() => (stopped = true));
    await new Promise(setImmediate);
    expect(stopped).toBe(false);
    end();
    await stopping;
    await new Promise((later) => setTimeout(later, 20));
    expect(begun).toBe(1);
  });

  it('does nothing where it is stopped before its first turn', async () => {
    const task = new PeriodicTask(1, () => Promise.reject(new Error('ran')), fail);
    task.start();
    await task.stop();
    await new Promise((later) => setTimeout(later, 20));
  });
});

function fail(reason: string): void {
  throw new Error(reason);
}
