import { describe, expect, it } from '@jest/globals';
import type { Claimant } from '../schedule/schedule.js';
import { WaitingClaims } from './waiting-claims.js';

const claimant = (label = '', pool = 'p'): Claimant => ({
  org: 'o',
  pool,
  labels: label ? { label } : {},
  capabilities: [],
});

/** A shelf of jobs, each a pool and the label that it needs. */
function shelf() {
  const jobs: { pool: string; needs: string }[] = [];
  let looks = 0;
  let nextIn: number | null = null;
  const waiting = new WaitingClaims<string>({
    take: ({ pool, labels }) => {
      looks++;
      const index = jobs.findIndex(
        (job) => job.pool === pool && (!job.needs || labels['label'] === job.needs),
      );
      return index < 0 ? undefined : `${pool} ${jobs.splice(index, 1)[0]!.needs}`;
    },
    nextIn: () => nextIn,
  });
  return {
    waiting,
    looks: () => looks,
    soon: (ms: number) => (nextIn = ms),
    put: (needs = '', pool = 'p') => jobs.push({ needs, pool }),
    wait: (who = claimant(), ms = 10_000, signal = new AbortController().signal) =>
      waiting.next(who, ms, signal),
  };
}

const pending = (promise: Promise<unknown>) => Promise.race([promise, Promise.resolve('waits')]);

describe('a waiting claim', () => {
  it('is handed what comes, and only the one that waits longest', async () => {
    const { waiting, put, wait } = shelf();
    const [first, second] = [wait(), wait()];
    put();
    waiting.changed('o', 'p');
    expect(await first).toBe('p ');
    expect(await pending(second)).toBe('waits');
    put();
    waiting.changed('o', 'p');
    expect(await second).toBe('p ');
    expect(waiting.size).toBe(0);
  });

  it('gets nothing that needs what it has not, nor of another pool or organisation', async () => {
    const { waiting, put, wait } = shelf();
    const [plain, gpu, other] = [wait(), wait(claimant('gpu')), wait(claimant('', 'q'))];
    put('gpu');
    waiting.changed('other', 'p');
    waiting.changed('other', null);
    expect(await pending(gpu)).toBe('waits');
    waiting.changed('o', 'p');
    expect(await gpu).toBe('p gpu');
    put('', 'q');
    waiting.changed('o', null);
    expect(await other).toBe('q ');
    waiting.endAll();
    expect(await plain).toBeUndefined();
  });

  it('is looked at once for many changes, and one of a kind for all like it', async () => {
    const { waiting, looks, wait } = shelf();
    const all = Array.from({ length: 100 }, () => wait());
    for (let change = 0; change < 500; change++) waiting.changed('o', 'p');
    await Promise.resolve();
    expect(looks()).toBe(1);
    waiting.endAll();
    await Promise.all(all);
  });

  it('gets nothing after its wait, or when it is abandoned, and leaves the job to others', async () => {
    const { waiting, put, wait } = shelf();
    const hangUp = new AbortController();
    const [short, abandoned, patient] = [
      wait(claimant(), 5),
      wait(claimant(), 10_000, hangUp.signal),
      wait(),
    ];
    expect(await short).toBeUndefined();
    hangUp.abort();
    expect(await abandoned).toBeUndefined();
    expect(await wait(claimant(), 10_000, hangUp.signal)).toBeUndefined();
    expect(await wait(claimant(), 0)).toBeUndefined();
    put();
    waiting.changed('o', 'p');
    expect(await patient).toBe('p ');
  });

  it('is looked at when the next job becomes available by itself, and not after its wait', async () => {
    const { waiting, put, wait, soon, looks } = shelf();
    soon(20);
    const begun = performance.now();
    const one = wait();
    put();
    expect(await one).toBe('p ');
    expect(performance.now() - begun).toBeGreaterThanOrEqual(20);
    // 40 days: more than a timer can count to.
    soon(40 * 86_400_000);
    const before = looks();
    expect(await wait(claimant(), 30)).toBeUndefined();
    expect(looks()).toBe(before);
    expect(waiting.size).toBe(0);
  });
});
