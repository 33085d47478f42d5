import { describe, expect, it } from '@jest/globals';
import { UNTRUSTED_JOBS } from '@hybrid/contracts';
import { fold } from '@hybrid/decider';
import { given } from '@hybrid/testing';
import { jobDecider } from './job.decider.js';
import type { JobEvent } from './job.events.js';
import { at, claim, enqueue, story, timeOutInQueue } from './job.fixtures.js';
import { jobView } from './job.view.js';

const job = (...history: JobEvent[]) => given(jobDecider, ...history);
const view = (...history: JobEvent[]) => jobView(fold(jobDecider, history));

describe('a job of a fork', () => {
  const spec = { step: { id: 'a', name: 'a', type: 'step.shell_exec', config: {} } };
  it('is for agents alone whose version knows what that means, whoever asks for it', () => {
    const untrusted = { ...spec, untrusted: true };
    expect(view(...story(enqueue({ spec: untrusted }))).capabilities).toEqual([UNTRUSTED_JOBS]);
    const asked = enqueue({ spec: untrusted, capabilities: ['docker', UNTRUSTED_JOBS] });
    expect(view(...story(asked)).capabilities).toEqual(['docker', UNTRUSTED_JOBS]);
    expect(view(...story(enqueue({ spec }))).capabilities).toEqual([]);
  });
});

describe('a delayed job', () => {
  it('is not given out before its delay is over', () => {
    const delayed = story(enqueue({ delay_seconds: 60 }));
    expect(view(...delayed).available_at).toBe(at(60));
    job(...delayed)
      .when(claim('a', 59.999))
      .thenRejected('job_not_available');
    job(...delayed)
      .when(claim('a', 60))
      .thenTypes('JobClaimed');
  });

  it('is not given out before its time, whatever zone that was written in', () => {
    const timed = story(enqueue({ run_at: '2026-01-01T02:00:00.5+01:30' }));
    expect(view(...timed).available_at).toBe('2026-01-01T00:30:00.500Z');
  });

  it('whose time is past waits from now on, not from then', () => {
    expect(view(...story(enqueue({ run_at: '2025-01-01T00:00:00Z' }))).available_at).toBe(at(0));
  });

  it.each([
    ['has a delay and a time', { delay_seconds: 1, run_at: at(1) }],
    ['has a time that is none', { run_at: '2026-01-01T25:00:00Z' }],
    ['lies more than 366 days ahead', { run_at: at(366 * 86_400 + 1) }],
  ])('is refused when it %s', (_, wants) => {
    job().when(enqueue(wants)).thenRejected('invalid_input');
    expect(jobDecider.decide(enqueue(wants), jobDecider.initial)).toMatchObject({ kind: 'invalid' });
  });

  it('waits for its agent from when it may run', () => {
    const delayed = story(enqueue({ delay_seconds: 60, queue_timeout_seconds: 30 }));
    job(...delayed)
      .when(timeOutInQueue(89.999))
      .thenNothing();
    job(...delayed)
      .when(timeOutInQueue(90))
      .thenTypes('JobQueueTimedOut');
    job(...story(enqueue()))
      .when(timeOutInQueue(1e9))
      .thenNothing();
  });
});
