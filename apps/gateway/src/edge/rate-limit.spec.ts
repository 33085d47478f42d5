import { describe, expect, it } from '@jest/globals';
import { seededRandom, specSeed } from '@hybrid/testing';
import { RateLimit } from './rate-limit.js';

describe('a rate limit', () => {
  let now = 0;
  const limitOf = (perMinute: number, maxKeys?: number) => new RateLimit(perMinute, () => now, maxKeys);
  const taken = (limit: RateLimit, key: string, times: number) =>
    Array.from({ length: times }, () => limit.take(key)).filter(({ retrySeconds }) => retrySeconds === 0)
      .length;

  it('lets a minute of requests through at once, then as many as the time gives back', () => {
    now = 1_000;
    const limit = limitOf(60);
    expect(limit.take('a')).toEqual({ limit: 60, remaining: 59, resetSeconds: 1, retrySeconds: 0 });
    expect(taken(limit, 'a', 100)).toBe(59);
    expect(limit.take('a')).toEqual({ limit: 60, remaining: 0, resetSeconds: 60, retrySeconds: 1 });
    now += 10_000;
    expect(limit.look('a')).toEqual({ limit: 60, remaining: 10, resetSeconds: 50, retrySeconds: 0 });
    expect(taken(limit, 'a', 100)).toBe(10);
    now += 60_000;
    expect(taken(limit, 'a', 100)).toBe(60);
  });

  it('counts each key for itself, and a look not at all', () => {
    now = 1_000;
    const limit = limitOf(2);
    for (let n = 0; n < 5; n++) limit.look('a');
    expect(taken(limit, 'a', 5)).toBe(2);
    expect(taken(limit, 'b', 5)).toBe(2);
    expect(limit.take('a')).toMatchObject({ remaining: 0, retrySeconds: 30 });
  });

  it('forgets nobody who has used some of it, and everybody else, when the minute turns', () => {
    now = 1_000;
    const limit = limitOf(60);
    taken(limit, 'idle', 60);
    now += 55_000;
    taken(limit, 'busy', 60);
    now += 6_000;
    expect(taken(limit, 'busy', 60)).toBe(6);
    now += 60_000;
    expect(limit.look('idle').remaining).toBe(60);
    limit.take('other');
    now += 60_000;
    limit.take('other');
    expect(limit.size).toBeLessThanOrEqual(2);
  });

  it('holds no more keys than it may, however many addresses there are', () => {
    now = 1_000;
    const limit = limitOf(60, 1_000);
    for (let n = 0; n < 100_000; n++) {
      limit.take(`key ${n}`);
      // Who is there all the time is not forgotten for those who come once.
      if (n % 500 === 0) limit.take('regular');
    }
    expect(limit.size).toBeLessThanOrEqual(2_000);
    expect(taken(limit, 'regular', 100)).toBe(0);
  });

  const seed = specSeed();
  it(`lets through no more than it should, and those who wait as told (seed ${seed})`, () => {
    const random = seededRandom(seed);
    for (let round = 0; round < 50; round++) {
      now = random() * 1e6;
      const perMinute = 1 + Math.floor(random() * 200);
      const limit = limitOf(perMinute);
      const times: number[] = [];
      for (let n = 0; n < 500; n++) {
        now += random() < 0.7 ? random() * 100 : random() * 10_000;
        const quota = limit.take('key');
        if (quota.retrySeconds === 0) {
          times.push(now);
          continue;
        }
        expect(quota.remaining).toBe(0);
        now += quota.retrySeconds * 1_000;
        expect(limit.take('key').retrySeconds).toBe(0);
        times.push(now);
      }
      for (const [index, begun] of times.entries()) {
        const within = times.slice(index).filter((time) => time <= begun + 60_000).length;
        expect(within).toBeLessThanOrEqual(2 * perMinute + 1);
      }
    }
  });
});
