import { describe, expect, it } from '@jest/globals';
import { fold } from '@hybrid/decider';
import { given } from '@hybrid/testing';
import type { JobCommand } from './job.commands.js';
import { jobDecider } from './job.decider.js';
import type { JobEvent } from './job.events.js';
import {
  at,
  cancel,
  claim,
  complete,
  decision,
  enqueue,
  expire,
  report,
  requeue,
  revokeSlot,
  setPriority,
  start,
  story,
  timeOutInQueue,
} from './job.fixtures.js';
import { jobView } from './job.view.js';

const job = (...history: JobEvent[]) => given(jobDecider, ...history);
const view = (...history: JobEvent[]) => jobView(fold(jobDecider, history));

describe('a job', () => {
  const waiting = story(enqueue());
  const taken = story(enqueue(), claim('a'));
  const running = story(enqueue(), claim('a'), start(1, 'a'));

  it('is enqueued once, however often it is asked for', () => {
    job().when(enqueue()).thenTypes('JobEnqueued');
    job(...waiting)
      .when(enqueue())
      .thenNothing();
    job(...running)
      .when(enqueue())
      .thenNothing();
  });

  it('refuses another job under the same id', () => {
    job(...waiting)
      .when(enqueue({ pool: 'other' }))
      .thenRejected('idempotency_key_reused');
  });

  it('has what nobody said from its defaults, and names its run in every event', () => {
    const [enqueued] = waiting;
    expect(enqueued?.data).toMatchObject({
      name: 'test',
      pool: 'default',
      priority: 'NORMAL',
      capabilities: [],
      backoff_factor: 2,
      max_backoff_seconds: 3600,
      retry_on_exit_codes: null,
      timeout_seconds: 3600,
      queue_timeout_seconds: null,
      concurrency: null,
      pipeline_id: null,
      available_at: at(0),
    });
    expect(story(enqueue({ concurrency: { group: 'deploy' } }))[0]?.data).toMatchObject({
      concurrency: { group: 'deploy', limit: 1 },
    });
    for (const event of running) expect(event.data.run_id).toBe('r1');
  });

  it('is claimed by one agent only, and says how that was decided', () => {
    const [claimed] = job(...waiting)
      .when(claim('a', 1))
      .thenTypes('JobClaimed');
    expect(claimed?.data).toMatchObject({ attempt: 1, agent_id: 'a', lease_token: 'lease-a', decision });
    job(...taken)
      .when(claim('b'))
      .thenRejected('job_not_available');
  });

  it('is started by the agent that claimed it', () => {
    job(...taken)
      .when(start(1, 'b'))
      .thenRejected('lease_lost');
    job(...taken)
      .when({ ...start(1, 'a'), agent_id: 'b' } as JobCommand)
      .thenRejected('lease_lost');
    job(...taken)
      .when(start(2, 'a'))
      .thenRejected('lease_lost');
  });

  it('completes once; the same result again changes nothing', () => {
    const completed = story(enqueue(), claim('a'), start(1, 'a'), complete(1, 'a', 0));
    job(...completed)
      .when(complete(1, 'a', 0))
      .thenNothing();
    const failed = story(enqueue(), claim('a'), start(1, 'a'), complete(1, 'a', 1));
    job(...failed)
      .when(complete(1, 'a', 1))
      .thenNothing();
    job(...failed)
      .when(complete(1, 'b', 1))
      .thenRejected('lease_lost');
  });

  it('refuses the result of an attempt that is over', () => {
    const again = story(enqueue(), claim('a'), start(1, 'a'), expire(1), claim('b'));
    job(...again)
      .when(complete(1, 'a', 0))
      .thenRejected('lease_lost');
    job(...again)
      .when(complete(2, 'b', 0))
      .thenTypes('JobCompleted');
  });

  it('comes back from the dead letters by request, with all its attempts', () => {
    const dead = [claim('a'), complete(1, 'a', 1), claim('b', 10), complete(2, 'b', 1), requeue];
    job(...story(enqueue(), ...dead, claim('c')))
      .when(complete(3, 'c', 1))
      .thenTypes('JobFailed', 'JobRequeued');
  });

  it('shows the last of what happened to it, not the failure before', () => {
    const failed = [enqueue({ queue_timeout_seconds: 60 }), claim('a'), complete(1, 'a', 1)];
    expect(view(...story(...failed, cancel))).toMatchObject({ exit_code: 1, error_message: 'enough' });
    expect(view(...story(...failed, timeOutInQueue(70))).error_message).toBe('no agent took it within 60 s');
  });
});

describe('the progress of a job', () => {
  const running = story(
    enqueue(),
    claim('a'),
    start(1, 'a'),
    report(1, 'a', 10, { percent: 5, message: 'pull' }),
  );

  it('is kept at most every five seconds', () => {
    job(...running)
      .when(report(1, 'a', 14.999, { percent: 50 }))
      .thenNothing();
    job(...running)
      .when(report(1, 'a', 15, { percent: 50 }))
      .thenTypes('JobProgressed');
    expect(view(...running).progress).toEqual({ percent: 5, message: 'pull', at: at(10) });
  });

  it('is kept at once when it reaches the end, once', () => {
    const done = report(1, 'a', 11, { percent: 100 });
    const [progressed] = job(...running)
      .when(done)
      .thenTypes('JobProgressed');
    job(...running, progressed!)
      .when({ ...done, now: at(12) })
      .thenNothing();
  });

  it('is taken from the agent that runs the job alone', () => {
    job(...running)
      .when(report(1, 'b', 20, { percent: 50 }))
      .thenRejected('lease_lost');
  });
});

describe('the priority of a job', () => {
  it('is changed while it is not over', () => {
    const changed = story(enqueue(), claim('a'), setPriority('CRITICAL'));
    expect(changed.at(-1)?.data).toMatchObject({
      priority: 'CRITICAL',
      status: 'CLAIMED',
      attempt: 1,
      agent_id: 'a',
    });
    expect(view(...changed)).toMatchObject({ priority: 'CRITICAL', status: 'CLAIMED' });
    job(...changed)
      .when(setPriority('CRITICAL'))
      .thenNothing();
    job(...changed)
      .when(setPriority('NORMAL'))
      .thenTypes('JobPriorityChanged');
  });
});

describe('a job of a concurrency group', () => {
  const waiting = story(enqueue({ concurrency: { group: 'deploy' } }));
  const slot = (attempt: number, revoked: number) => ({ job_id: 'j1', attempt, revoked });

  it('is claimed with a place for that very claim', () => {
    job(...waiting)
      .when(claim('a', 0, slot(1, 0)))
      .thenTypes('JobClaimed');
    job(...waiting)
      .when(claim('a', 0, null))
      .thenRejected('slot_lost');
    job(...waiting)
      .when(claim('a', 0, slot(2, 0)))
      .thenRejected('slot_lost');
  });

  it('is not claimed with a place that was taken back meanwhile', () => {
    const revoked = [
      ...waiting,
      ...job(...waiting)
        .when(revokeSlot(1, 0))
        .thenTypes('JobSlotRevoked'),
    ];
    job(...revoked)
      .when(claim('a', 0, slot(1, 0)))
      .thenRejected('slot_lost');
    job(...revoked)
      .when(claim('a', 0, slot(1, 1)))
      .thenTypes('JobClaimed');
    job(...revoked)
      .when(revokeSlot(1, 0))
      .thenNothing();
  });
});
