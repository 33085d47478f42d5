import { describe, expect, it } from '@jest/globals';
import { setTimeout as pause } from 'node:timers/promises';
import { awakeMs, cpuMs, stalledMs, unlessStalled } from './stalls.js';

/** The whole process stands still, as when its machine does. */
const standStill = (ms: number) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

describe('a machine that stands still', () => {
  it('takes no time of what is measured', async () => {
    const took = await awakeMs(async () => {
      await pause(100);
      standStill(1_500);
      await pause(100);
    });
    expect(took).toBeGreaterThanOrEqual(150);
    expect(took).toBeLessThan(1_000);
  });

  it('is what somebody may be late by', async () => {
    const stalled = await stalledMs(async () => {
      await pause(100);
      standStill(1_500);
      await pause(100);
    });
    expect(stalled).toBeGreaterThan(1_000);
    expect(stalled).toBeLessThan(60_000);
  });

  it('costs no processor', () => {
    expect(cpuMs(() => standStill(1_500))).toBeLessThan(1_000);
    const busy = () => {
      for (const until = performance.now() + 300; performance.now() < until;);
    };
    expect(cpuMs(busy)).toBeGreaterThan(0);
  });

  it('fails nothing: it is tried again', async () => {
    let tries = 0;
    const done = await unlessStalled(400, async () => {
      await pause(50);
      if (++tries > 2) return 'done';
      standStill(500);
      throw new Error('too late');
    });
    expect([done, tries]).toEqual(['done', 3]);
  });

  it('hides no failure of another cause, nor one that comes each time', async () => {
    let tries = 0;
    const failing = (ms: number) =>
      unlessStalled(60_000, async () => {
        tries++;
        standStill(ms);
        throw new Error('wrong');
      });
    await expect(failing(10)).rejects.toThrow('wrong');
    expect(tries).toBe(1);
    tries = 0;
    const stalled = unlessStalled(20, async () => {
      tries++;
      standStill(30);
      throw new Error('wrong');
    });
    await expect(stalled).rejects.toThrow('wrong');
    expect(tries).toBe(5);
  });

  it('may be another one, which is asked', async () => {
    let tries = 0;
    const probes = [() => pause(300)];
    const work = async () => {
      await pause(700);
      if (++tries < 2) throw new Error('too late');
    };
    await unlessStalled(250, work, probes);
    expect(tries).toBe(2);
  });
});
