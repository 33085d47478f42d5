import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Priority } from '@hybrid/contracts';
import { noJob, type JobState } from './job.state.js';
import { WaitingJobs } from './waiting-jobs.js';

const now = '2026-01-01T00:00:00.000Z';
const claimant = { org: 'default', pool: 'default', labels: { os: 'linux' } };

interface Options {
  priority?: Priority;
  pool?: string;
  org?: string;
  labels?: Record<string, string>;
  status?: JobState['status'];
  available_at?: string;
  revision?: bigint;
}

function job(id: string, options: Options = {}) {
  const {
    priority = 'NORMAL',
    pool = 'default',
    org = 'default',
    labels = {},
    status = 'QUEUED',
    revision = 0n,
  } = options;
  const state = {
    ...noJob,
    status,
    available_at: options.available_at ?? now,
    job: { job_id: id, priority, pool, labels },
  } as unknown as JobState;
  return { id, org, thing: { state, revision } };
}

describe('waiting jobs', () => {
  let waiting: WaitingJobs;
  beforeEach(() => {
    waiting = new WaitingJobs();
  });
  const put = (...jobs: ReturnType<typeof job>[]) => jobs.forEach((one) => waiting.put(one, now));
  const takeAll = () => {
    const ids: string[] = [];
    for (let next; (next = waiting.take(claimant, now));) ids.push(next.id);
    return ids;
  };

  it('are taken by priority, and within it in the order of arrival', () => {
    put(
      job('n1'),
      job('l1', { priority: 'LOW' }),
      job('c1', { priority: 'CRITICAL' }),
      job('n2'),
      job('h1', { priority: 'HIGH' }),
    );
    expect(takeAll()).toEqual(['c1', 'h1', 'n1', 'n2', 'l1']);
  });

  it('are kept from other pools, other organisations and agents without their labels', () => {
    put(
      job('pool', { pool: 'gpu' }),
      job('org', { org: 'other' }),
      job('label', { labels: { os: 'windows' } }),
    );
    put(job('mine', { labels: { os: 'linux' } }));
    expect(takeAll()).toEqual(['mine']);
  });

  it('are not taken before their pause is over', () => {
    put(job('later', { available_at: '2026-01-01T00:00:01.000Z' }));
    expect(takeAll()).toEqual([]);
    expect(waiting.take(claimant, '2026-01-01T00:00:01.000Z')?.id).toBe('later');
  });

  it('are gone once claimed, and back when requeued', () => {
    put(job('j'), job('j', { status: 'CLAIMED', revision: 1n }));
    expect(takeAll()).toEqual([]);
    put(job('j', { revision: 2n }));
    expect(takeAll()).toEqual(['j']);
  });

  it('do not go back in time', () => {
    put(job('j', { status: 'CLAIMED', revision: 1n }), job('j', { revision: 0n }));
    expect(takeAll()).toEqual([]);
  });

  it('wake one waiting claimant that they fit', async () => {
    const woken: string[] = [];
    const wait = (name: string, pool: string) =>
      waiting.arrival({ ...claimant, pool }, 60_000).then(() => woken.push(name));
    const other = wait('other pool', 'gpu');
    const first = wait('first', 'default');
    const second = wait('second', 'default');
    put(job('j1'));
    await first;
    expect(woken).toEqual(['first']);
    waiting.wakeAll();
    await Promise.all([other, second]);
  });
});
