import { describe, expect, it } from '@jest/globals';
import { given } from '@hybrid/testing';
import { jobDecider, type JobCommand } from './job.decider.js';
import type { JobEvent } from './job.events.js';

const now = '2026-01-01T00:00:00.000Z';
const spec = { step: { id: 'test', name: 'test', type: 'step.shell_exec', config: {} } };
const request = { job_id: 'j1', run_id: 'r1', max_attempts: 2, backoff_seconds: 10, spec };

const enqueue: JobCommand = { type: 'EnqueueJob', request, digest: 'd1', now };
const [enqueued] = jobDecider.decide(enqueue, jobDecider.initial) as JobEvent[];
const claim = (agent: string, at = now): JobCommand => ({
  type: 'ClaimJob',
  agent_id: agent,
  lease_token: `lease-${agent}`,
  lease_expires_at: at,
  now: at,
});
const claimed = (attempt: number, agent: string): JobEvent => ({
  type: 'JobClaimed',
  data: {
    attempt,
    agent_id: agent,
    lease_token: `lease-${agent}`,
    lease_expires_at: now,
    at: now,
    run_id: 'r1',
  },
});
const started = (attempt: number): JobEvent => ({
  type: 'JobStarted',
  data: { attempt, agent_id: 'a', at: now, run_id: 'r1' },
});
const start = (attempt: number, agent: string): JobCommand => ({
  type: 'StartJob',
  attempt,
  agent_id: agent,
  lease_token: `lease-${agent}`,
  now,
});
const complete = (attempt: number, agent: string, exit_code: number): JobCommand => ({
  type: 'CompleteJob',
  attempt,
  agent_id: agent,
  lease_token: `lease-${agent}`,
  exit_code,
  now,
});
const cancel: JobCommand = { type: 'CancelJob', reason: 'enough', now };
const requeue: JobCommand = { type: 'RequeueJob', now };
const expire = (attempt: number): JobCommand => ({ type: 'ExpireLease', attempt, now });
const after = (history: JobEvent[], command: JobCommand): JobEvent[] => [
  ...history,
  ...given(jobDecider, ...history)
    .when(command)
    .thenTypes(...typesOf(history, command)),
];
const typesOf = (history: JobEvent[], command: JobCommand) => {
  const { decision } = given(jobDecider, ...history).when(command);
  if ('rejected' in decision) throw new Error(decision.rejected);
  return decision.map(({ type }) => type);
};

describe('a job', () => {
  const waiting = [enqueued!];
  const taken = [...waiting, claimed(1, 'a')];
  const running = [...taken, started(1)];

  it('is enqueued once, however often it is asked for', () => {
    given(jobDecider).when(enqueue).thenTypes('JobEnqueued');
    given(jobDecider, ...waiting)
      .when(enqueue)
      .thenNothing();
  });

  it('refuses another job under the same id', () => {
    given(jobDecider, ...waiting)
      .when({ ...enqueue, digest: 'other' })
      .thenRejected('idempotency_key_reused');
  });

  it('is claimed by one agent only', () => {
    given(jobDecider, ...waiting)
      .when(claim('a'))
      .then(claimed(1, 'a'));
    given(jobDecider, ...taken)
      .when(claim('b'))
      .thenRejected('job_not_available');
  });

  it('is started by the agent that claimed it, once', () => {
    given(jobDecider, ...taken)
      .when(start(1, 'a'))
      .then(started(1));
    given(jobDecider, ...running)
      .when(start(1, 'a'))
      .thenNothing();
    given(jobDecider, ...taken)
      .when(start(1, 'b'))
      .thenRejected('lease_lost');
  });

  it('completes once; the same result again changes nothing', () => {
    given(jobDecider, ...running)
      .when(complete(1, 'a', 0))
      .thenTypes('JobCompleted');
    given(jobDecider, ...after(running, complete(1, 'a', 0)))
      .when(complete(1, 'a', 0))
      .thenNothing();
  });

  it('refuses the result of an attempt that is over', () => {
    const again = [...after(running, expire(1)), claimed(2, 'b')];
    given(jobDecider, ...again)
      .when(complete(1, 'a', 0))
      .thenRejected('lease_lost');
    given(jobDecider, ...again)
      .when(complete(2, 'b', 0))
      .thenTypes('JobCompleted');
  });

  it('refuses a result with the right attempt but another lease', () => {
    given(jobDecider, ...running)
      .when({ ...complete(1, 'b', 0) })
      .thenRejected('lease_lost');
  });

  it('runs again after a failure, when its pause is over', () => {
    const failed = after(running, complete(1, 'a', 1));
    given(jobDecider, ...running)
      .when(complete(1, 'a', 1))
      .thenTypes('JobFailed', 'JobRequeued');
    given(jobDecider, ...failed)
      .when(claim('b', '2026-01-01T00:00:09.999Z'))
      .thenRejected('job_not_available');
    given(jobDecider, ...failed)
      .when(claim('b', '2026-01-01T00:00:10.000Z'))
      .thenTypes('JobClaimed');
  });

  it('goes to the dead letters when its attempts are used up', () => {
    const second = [...after(running, complete(1, 'a', 1)), claimed(2, 'b'), started(2)];
    given(jobDecider, ...second)
      .when(complete(2, 'b', 1))
      .thenTypes('JobFailed', 'JobDeadLettered');
  });

  it('just fails where dead letters are not wanted', () => {
    const once = { ...request, max_attempts: 1, on_exhausted: 'fail' as const };
    const [only] = jobDecider.decide({ ...enqueue, request: once }, jobDecider.initial) as JobEvent[];
    const [failed] = given(jobDecider, only!, claimed(1, 'a'))
      .when(complete(1, 'a', 7))
      .thenTypes('JobFailed');
    expect(failed?.data).toMatchObject({ final: true, exit_code: 7 });
  });

  it('is given to another agent when its own is lost, and given up after three', () => {
    const lost = after(running, expire(1));
    given(jobDecider, ...running)
      .when(expire(1))
      .thenTypes('JobLeaseExpired', 'JobRequeued');
    given(jobDecider, ...lost)
      .when(expire(1))
      .thenNothing();
    const twice = after([...lost, claimed(2, 'b')], expire(2));
    given(jobDecider, ...twice, claimed(3, 'c'))
      .when(expire(3))
      .thenTypes('JobLeaseExpired', 'JobDeadLettered');
  });

  it('is not expired after its end', () => {
    given(jobDecider, ...after(running, complete(1, 'a', 0)))
      .when(expire(1))
      .thenNothing();
  });

  it('is cancelled from any live state, and then refuses its result', () => {
    for (const history of [waiting, taken, running])
      given(jobDecider, ...history)
        .when(cancel)
        .thenTypes('JobCancelled');
    const cancelled = after(running, cancel);
    given(jobDecider, ...cancelled)
      .when(cancel)
      .thenNothing();
    given(jobDecider, ...cancelled)
      .when(complete(1, 'a', 0))
      .thenRejected('lease_lost');
    given(jobDecider, ...after(running, complete(1, 'a', 0)))
      .when(cancel)
      .thenRejected('job_finished');
  });

  it('comes back from the dead letters by request, with all its attempts', () => {
    const dead = after([...after(running, complete(1, 'a', 1)), claimed(2, 'b')], complete(2, 'b', 1));
    const back = after(dead, requeue);
    given(jobDecider, ...back, claimed(3, 'c'))
      .when(complete(3, 'c', 1))
      .thenTypes('JobFailed', 'JobRequeued');
    given(jobDecider, ...running)
      .when(requeue)
      .thenRejected('job_not_requeueable');
  });

  it('is not there before it is enqueued', () => {
    for (const command of [claim('a'), start(1, 'a'), complete(1, 'a', 0), cancel, requeue, expire(1)])
      given(jobDecider).when(command).thenRejected('job_not_found');
  });
});
