import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { fold } from '@hybrid/decider';
import { goldenEvents } from '@hybrid/testing';
import { jobDecider } from './job.decider.js';
import type { JobEvent } from './job.events.js';
import { JOB_FOLD } from './job.state.js';
import { jobView } from './job.view.js';

describe('stored events', () => {
  const golden = goldenEvents(join(import.meta.dirname, 'golden'), jobDecider, {
    version: JOB_FOLD,
    digest: '215e89066bd54f6a',
  });

  const after = (...events: JobEvent[]) => fold(jobDecider, events);
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
    });
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
      'JobLeaseExpired',
      {
        status: 'FAILED',
        final: false,
        losses: 1,
        lease_token: null,
        reason: 'the agent agent-1 was lost during attempt 1',
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

  it('JobRequeued gives it back to the queue, after its pause', () => {
    const requeued = golden('JobRequeued');
    expect(after(enqueued, claimed, started, golden('JobFailed'), requeued)).toMatchObject({
      status: 'QUEUED',
      failures: 1,
      completed_at: null,
      available_at: requeued.data.available_at,
    });
  });
});
