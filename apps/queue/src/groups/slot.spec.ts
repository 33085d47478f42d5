import { describe, expect, it } from '@jest/globals';
import { fold } from '@hybrid/decider';
import { jobDecider } from '../jobs/job.decider.js';
import {
  cancel,
  claim,
  close,
  complete,
  enqueue,
  expire,
  release,
  requeue,
  revokeSlot,
  start,
  story,
} from '../jobs/job.fixtures.js';
import type { JobCommand } from '../jobs/job.commands.js';
import { nextSlot, slotFate, type Slot } from './slot.js';

const slot = (attempt: number, revoked = 0): Slot => ({ job_id: 'j1', attempt, revoked });
const job = (...commands: JobCommand[]) =>
  fold(jobDecider, story(enqueue({ concurrency: { group: 'deploy' }, max_attempts: 1 }), ...commands));
const claimed = [claim('a', 0, slot(1))];
const running = [...claimed, start(1, 'a')];

describe('a place in a concurrency group', () => {
  it.each<[string, JobCommand[], Slot, ReturnType<typeof slotFate>]>([
    ['is for a claim that may be under way while the job waits', [], slot(1), 'claiming'],
    ['is for nothing after it was taken back', [revokeSlot(1, 0)], slot(1), 'over'],
    ['may be taken again after that', [revokeSlot(1, 0)], slot(1, 1), 'claiming'],
    ['is held by a claimed job', claimed, slot(1), 'held'],
    ['is held by a running job', running, slot(1), 'held'],
    ['is over for the claim that was fenced', [revokeSlot(1, 0), claim('a', 0, slot(1, 1))], slot(1), 'over'],
    ['is held by the one after it', [revokeSlot(1, 0), claim('a', 0, slot(1, 1))], slot(1, 1), 'held'],
    ['is over with the result', [...running, complete(1, 'a', 0)], slot(1), 'over'],
    ['is over with the cancellation', [...running, cancel], slot(1), 'over'],
    ['is over when the job waits for its next attempt', [...running, release(1, 'a')], slot(1), 'over'],
    ['is for the next attempt then', [...running, expire(1)], slot(2), 'claiming'],
    ['is over in the dead letters', [...running, complete(1, 'a', 1)], slot(1), 'over'],
    ['is over for ever', [...running, complete(1, 'a', 1), requeue], slot(1), 'over'],
    [
      'is over while the next attempt lives',
      [...running, expire(1), claim('b', 0, slot(2))],
      slot(1),
      'over',
    ],
    ['is held while what was read of the job lies before it', claimed, slot(2), 'held'],
    ['is not asked for again by a job that was requeued', [close(1), requeue], slot(1), 'over'],
  ])('%s', (_, commands, of, fate) => {
    expect(slotFate(of, job(...commands))).toBe(fate);
  });

  it('is not given away while nobody knows what its job is', () => {
    expect(slotFate(slot(1), jobDecider.initial)).toBe('held');
  });

  it('is asked for by a job as it waits', () => {
    expect(nextSlot('j1', job())).toEqual(slot(1));
    expect(nextSlot('j1', job(...running, release(1, 'a'), revokeSlot(2, 0)))).toEqual(slot(2, 1));
  });
});
