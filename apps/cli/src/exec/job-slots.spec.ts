import { describe, expect, it } from '@jest/globals';
import type { EnqueueJobCommand } from '@hybrid/contracts';
import { JobSlots } from './job-slots.js';
import { isTriedAgain, secondsBefore } from './local-job.js';

const spec = { step: { id: 'a', name: 'a', type: 'step.shell_exec', config: {} } };
const job = (job_id: string, more: Partial<EnqueueJobCommand> = {}): EnqueueJobCommand => ({
  job_id,
  spec,
  ...more,
});
const failed = (exitCode: number) => ({ exitCode, outputs: {}, artifacts: [] });

describe('places for jobs', () => {
  it('are taken by the most urgent, then the oldest, as long as there is one', () => {
    const slots = new JobSlots(2);
    for (const each of [job('low', { priority: 'LOW' }), job('first'), job('second')]) slots.add(each);
    expect([slots.take(), slots.take(), slots.take()].map((taken) => taken?.job_id)).toEqual([
      'first',
      'second',
      undefined,
    ]);
    slots.remove('first');
    expect(slots.take()?.job_id).toBe('low');
  });

  it('are left free rather than given to a concurrency group that is full', () => {
    const slots = new JobSlots(4);
    const concurrency = { group: 'deploy', limit: 1 };
    for (const each of [job('a', { concurrency }), job('b', { concurrency }), job('c')]) slots.add(each);
    expect([slots.take()?.job_id, slots.take()?.job_id, slots.take()?.job_id]).toEqual(['a', 'c', undefined]);
    slots.remove('a');
    expect(slots.take()?.job_id).toBe('b');
  });

  it('are idle when nothing waits or runs, also after what waited was cancelled', () => {
    const slots = new JobSlots(1);
    slots.add(job('a'));
    expect(slots.idle).toBe(false);
    slots.remove('a');
    expect(slots.idle).toBe(true);
  });
});

describe('a failed attempt', () => {
  it('is followed by another while there are some', () => {
    expect(isTriedAgain(job('a', { max_attempts: 2 }), 1, failed(1))).toBe(true);
    expect(isTriedAgain(job('a', { max_attempts: 2 }), 2, failed(1))).toBe(false);
    expect(isTriedAgain(job('a', { max_attempts: 2 }), 1, failed(0))).toBe(false);
  });
  it('is the last where its exit code is not among those that are tried again', () => {
    const picky = job('a', { max_attempts: 3, retry_on_exit_codes: [75] });
    expect(isTriedAgain(picky, 1, failed(75))).toBe(true);
    expect(isTriedAgain(picky, 1, failed(1))).toBe(false);
  });
  it('is waited after for longer each time, up to a limit', () => {
    const patient = job('a', { backoff_seconds: 2, backoff_factor: 3, max_backoff_seconds: 10 });
    expect([2, 3, 4].map((attempt) => secondsBefore(patient, attempt))).toEqual([2, 6, 10]);
  });
});
