import { beforeEach, describe, expect, it } from '@jest/globals';
import { Leases } from './leases.js';
import { noJob, type JobState } from './job.state.js';

const running: JobState = { ...noJob, status: 'RUNNING', attempt: 2, agent_id: 'a' };

describe('leases', () => {
  let leases: Leases;
  beforeEach(() => {
    leases = new Leases();
    leases.observe('j', running, 0);
  });

  it('run out 30 s after the last sign of life', () => {
    expect(leases.expired(30_000)).toEqual([]);
    expect(leases.expired(30_001)).toEqual([{ jobId: 'j', attempt: 2 }]);
  });

  it('are renewed by the agent that holds the current attempt, and by nobody else', () => {
    expect(leases.renew('j', 2, 'a', 20_000)).toBe(true);
    expect(leases.renew('j', 1, 'a', 25_000)).toBe(false);
    expect(leases.renew('j', 2, 'b', 25_000)).toBe(false);
    expect(leases.renew('other', 2, 'a', 25_000)).toBe(false);
    expect(leases.expired(50_000)).toEqual([]);
    expect(leases.expired(50_001)).toHaveLength(1);
  });

  it('end with the attempt', () => {
    leases.observe('j', { ...running, status: 'COMPLETED' }, 10_000);
    expect(leases.expired(100_000)).toEqual([]);
  });

  it('are known by the agent that holds them', () => {
    expect(leases.heldBy('a')).toEqual([{ jobId: 'j', attempt: 2 }]);
    expect(leases.heldBy('b')).toEqual([]);
  });

  it('start over after a time in which renewals could not be seen', () => {
    leases.startOver(60_000);
    expect(leases.expired(90_000)).toEqual([]);
    expect(leases.expired(90_001)).toHaveLength(1);
  });
});
