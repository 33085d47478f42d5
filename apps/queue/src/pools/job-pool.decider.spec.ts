import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { given, goldenEvents } from '@hybrid/testing';
import { JOB_POOL_FOLD, jobPoolDecider, type JobPoolCommand } from './job-pool.decider.js';
import type { JobPoolEvent } from './job-pool.events.js';
import { jobPoolPublisher } from './job-pool.publisher.js';

const at = '2026-01-01T00:00:00.000Z';
const pause = (reason: string, by = 'user administrator'): JobPoolCommand => ({
  type: 'PausePool',
  pool: 'linux',
  reason,
  by,
  now: at,
});
const resume: JobPoolCommand = { type: 'ResumePool', pool: 'linux', now: at };
const paused = (reason: string): JobPoolEvent => ({
  type: 'JobPoolPaused',
  data: { pool: 'linux', reason, by: 'user administrator', at },
});
const resumed: JobPoolEvent = { type: 'JobPoolResumed', data: { pool: 'linux', at } };

describe('a pool', () => {
  const pool = (...history: JobPoolEvent[]) => given(jobPoolDecider, ...history);

  it('is paused for a reason, and resumed', () => {
    pool().when(pause('move')).then(paused('move'));
    pool(paused('move')).when(resume).then(resumed);
    pool(paused('move'), resumed).when(pause('move')).then(paused('move'));
  });

  it('is not paused or resumed twice, whoever says so', () => {
    pool(paused('move')).when(pause('move', 'user other')).thenNothing();
    pool().when(resume).thenNothing();
    pool(paused('move'), resumed).when(resume).thenNothing();
  });

  it('can stay paused for another reason', () => {
    pool(paused('move')).when(pause('flood')).then(paused('flood'));
  });
});

describe('stored events of a pool', () => {
  const golden = goldenEvents(join(import.meta.dirname, 'golden'), jobPoolDecider, {
    version: JOB_POOL_FOLD,
    digest: 'cbf893e7f8f13168',
  });
  const why = {
    reason: 'the build machines are being moved',
    by: 'user administrator',
    at: '2030-01-02T03:04:05.000Z',
  };

  it('say whether it gives out jobs, and if not, why', () => {
    const state = jobPoolDecider.evolve(jobPoolDecider.initial, golden('JobPoolPaused'));
    expect(state).toEqual({ paused: why });
    expect(jobPoolDecider.evolve(state, golden('JobPoolResumed'))).toEqual({ paused: null });
  });

  it('are told to all who watch', () => {
    const publish = (event: JobPoolEvent) =>
      jobPoolPublisher.publish({ event } as Parameters<typeof jobPoolPublisher.publish>[0]);
    expect(publish(golden('JobPoolPaused'))).toEqual({
      noun: 'pool',
      event: 'paused',
      type: 'PoolChanged',
      data: { pool: 'linux', paused: why },
    });
    expect(publish(golden('JobPoolResumed'))).toMatchObject({
      event: 'resumed',
      data: { pool: 'linux', paused: null },
    });
  });
});
