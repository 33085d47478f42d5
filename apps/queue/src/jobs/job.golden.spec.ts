import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { fold } from '@hybrid/decider';
import { goldenEvents } from '@hybrid/testing';
import { jobDecider } from './job.decider.js';
import type { JobEvent } from './job.events.js';
import { JOB_FOLD } from './job.state.js';
import { jobView } from './job.view.js';

/** Known to every version that reads downcasts. This list does not grow. */
const FIRST_TYPES = [
  'JobEnqueued',
  'JobClaimed',
  'JobStarted',
  'JobProgressed',
  'JobCompleted',
  'JobFailed',
  'JobTimedOut',
  'JobLeaseExpired',
  'JobReleased',
  'JobRequeued',
  'JobPriorityChanged',
  'JobQueueTimedOut',
  'JobDeadLettered',
  'JobCancelled',
  'JobSlotRevoked',
];

const after = (...events: JobEvent[]) => fold(jobDecider, events);

describe('stored events', () => {
  const golden = goldenEvents(join(import.meta.dirname, 'golden'), jobDecider, {
    version: JOB_FOLD,
    digest: '60fda24ce6beeb17',
  });

  it('of later types say what they are to the versions before', () => {
    const later = Object.keys(jobDecider.events.today).filter((type) => !FIRST_TYPES.includes(type));
    // A replica that does not know a type goes on with the job as the type's downcast says (null: as if it were not
    // there): what ends a job, makes it wait or keeps it back must say so.
    expect(Object.keys(jobDecider.events.downcasts ?? {}).sort()).toEqual(later.sort());
  });

  const [enqueued, claimed, started] = [golden('JobEnqueued'), golden('JobClaimed'), golden('JobStarted')];

  it('begin a job with all that its agent needs', () => {
    expect(after(enqueued)).toMatchObject({
      status: 'QUEUED',
      final: false,
      attempt: 0,
      available_at: enqueued.data.at,
    });
    expect(after(enqueued).job).toEqual(enqueued.data);
    expect(jobView(after(enqueued))).toMatchObject({
      id: enqueued.data.job_id,
      run_id: '5b1f0c52-7d0e-4a1f-9a51-0d5f0c6d2f11',
      pool: 'linux',
      priority: 'HIGH',
      step_type: 'step.shell_exec',
      git_ref: 'main',
      max_attempts: 2,
      available_at: enqueued.data.at,
    });
  });

  it('of the first version say nothing of what came later', () => {
    expect(jobView(after(enqueued))).toMatchObject({
      capabilities: [],
      pipeline_id: null,
      concurrency: null,
      queue_timeout_seconds: null,
    });
    // Its pause doubles up to an hour, without chance, as it was promised.
    const fail = { agent_id: 'agent-1', attempt: 1, exit_code: 1, now: '2030-01-02T03:05:00.000Z' };
    const { lease_token } = claimed.data;
    const decided = jobDecider.decide(
      { ...fail, type: 'CompleteJob', lease_token, chance: 0.9 },
      after(enqueued, claimed, started),
    );
    expect(decided).toMatchObject([{}, { data: { available_at: '2030-01-02T03:05:10.000Z' } }]);
  });

  it('begin an attempt', () => {
    const attempt = { attempt: 1, agent_id: 'agent-1', lease_token: claimed.data.lease_token };
    expect(after(enqueued, claimed)).toMatchObject({ ...attempt, status: 'CLAIMED', started_at: null });
    expect(after(enqueued, claimed, started)).toMatchObject({
      ...attempt,
      status: 'RUNNING',
      started_at: started.data.at,
    });
  });

  it.each([
    [
      'JobCompleted',
      {
        status: 'COMPLETED',
        final: true,
        result: { exit_code: 0, outputs: { coverage: '93' }, artifacts: [{ key: 'report', size: 42 }] },
      },
    ],
    [
      'JobFailed',
      {
        status: 'FAILED',
        final: false,
        failures: 1,
        result: { exit_code: 2, error_message: 'ended with exit code 2' },
      },
    ],
    [
      'JobTimedOut',
      {
        status: 'FAILED',
        final: false,
        failures: 1,
        lease_token: null,
        result: { attempt: 1, exit_code: 124, error_message: 'it ran for longer than 600 s' },
      },
    ],
    [
      'JobLeaseExpired',
      {
        status: 'FAILED',
        final: false,
        losses: 1,
        lease_token: null,
        reason: 'the agent agent-1 was lost during attempt 1',
      },
    ],
    [
      'JobReleased',
      {
        status: 'FAILED',
        final: false,
        failures: 0,
        losses: 0,
        reason: 'the agent agent-1 handed attempt 1 back: the machine is taken away',
      },
    ],
    ['JobDeadLettered', { status: 'DEAD_LETTERED', final: true }],
    ['JobCancelled', { status: 'CANCELLED', final: true, lease_token: null, reason: 'enough' }],
  ] as const)('%s ends the attempt', (type, expected) => {
    expect(after(enqueued, claimed, started, golden(type))).toMatchObject({
      ...expected,
      completed_at: '2030-01-02T03:05:05.000Z',
    });
  });

  it('JobQueueTimedOut ends a job that waits', () => {
    expect(jobView(after(enqueued, golden('JobQueueTimedOut')))).toMatchObject({
      status: 'FAILED',
      error_message: 'no agent took it within 60 s',
      available_at: null,
      completed_at: '2030-01-02T03:05:05.000Z',
    });
  });

  it('JobRequeued gives it back to the queue, after its pause', () => {
    const requeued = golden('JobRequeued');
    expect(after(enqueued, claimed, started, golden('JobFailed'), requeued)).toMatchObject({
      status: 'QUEUED',
      failures: 1,
      completed_at: null,
      available_at: requeued.data.available_at,
    });
  });

  it('JobProgressed shows how far the attempt is; the next one begins with nothing', () => {
    const running = after(enqueued, claimed, started, golden('JobProgressed'));
    const progress = { percent: 40, message: 'linking', at: '2030-01-02T03:04:30.000Z' };
    expect(jobView(running)).toMatchObject({ status: 'RUNNING', progress });
    expect(jobDecider.evolve(running, claimed).progress).toBeNull();
  });

  it('JobPriorityChanged changes nothing else', () => {
    const before = jobView(after(enqueued));
    const changed = jobView(after(enqueued, golden('JobPriorityChanged')));
    expect(changed).toEqual({ ...before, priority: 'CRITICAL' });
  });

  it('JobSlotRevoked leaves the job waiting, for another claim than the one before', () => {
    const before = after(enqueued);
    expect(after(enqueued, golden('JobSlotRevoked'))).toEqual({ ...before, slots_revoked: 1 });
  });
});

describe('stored events with what the second version added', () => {
  const second = <T extends JobEvent['type']>(type: T) =>
    JSON.parse(readFileSync(join(import.meta.dirname, 'golden-2', `${type}.json`), 'utf8')) as JobEvent & {
      type: T;
    };
  const [enqueued, claimed] = [second('JobEnqueued'), second('JobClaimed')];

  it('begin a job', () => {
    expect(jobView(after(enqueued))).toMatchObject({
      status: 'QUEUED',
      capabilities: ['docker'],
      pipeline_id: '0e0c1f7a-1b57-4d6f-8c55-5a1c4b8f9d11',
      concurrency: { group: 'deploy-production', limit: 2 },
      queue_timeout_seconds: 3600,
      available_at: '2030-01-02T04:04:05.000Z',
    });
  });

  it('begin an attempt', () => {
    expect(after(enqueued, claimed)).toMatchObject({ status: 'CLAIMED', attempt: 1, unstarted: 0 });
  });

  it('lose an agent before its attempt started, and say why', () => {
    expect(after(enqueued, claimed, second('JobLeaseExpired'))).toMatchObject({
      losses: 0,
      unstarted: 1,
      reason: 'the agent agent-1 was lost during attempt 1: no heartbeat for 60 s',
    });
  });

  it('end a job by hand, and with it the lease', () => {
    const failed = after(enqueued, claimed, second('JobFailed'));
    expect(failed).toMatchObject({ status: 'FAILED', final: true, lease_token: null });
    expect(jobView(failed)).toMatchObject({ exit_code: 1, error_message: 'the machine burned' });
  });
});
