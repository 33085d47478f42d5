import { join } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import { describe, expect, it } from '@jest/globals';
import { goldenEvents } from '@hybrid/testing';
import { runDecider } from './run.decider.js';
import { runAfter, stepOf } from './run.fixtures.js';
import { RUN_FOLD } from './run.state.js';

describe('stored events', () => {
  const golden = goldenEvents(join(import.meta.dirname, 'golden'), runDecider, {
    version: RUN_FOLD,
    digest: '221a4b61f14a94c1',
  });

  const [run, queued, started] = [golden('RunStarted'), golden('StepQueued'), golden('StepStarted')];

  it('begin a run and its first step', () => {
    expect(runAfter(run)).toMatchObject({
      status: 'RUNNING',
      pipeline: 'web',
      inputs: { version: '1.2' },
      started_at: '2030-01-02T03:04:05.000Z',
    });
    expect(stepOf(runAfter(run, queued), 'test[node=20]')).toMatchObject({
      status: 'QUEUED',
      job_id: queued.data.job_id,
    });
    expect(stepOf(runAfter(run, queued, started), 'test[node=20]')).toMatchObject({
      status: 'RUNNING',
      agent_id: 'agent-1',
      attempt: 1,
    });
  });

  it.each([
    [
      'StepSucceeded',
      'test[node=20]',
      { status: 'SUCCEEDED', exit_code: 0, outputs: { coverage: '93' }, artifacts: [{ key: 'report' }] },
    ],
    ['StepFailed', 'test[node=20]', { status: 'FAILED', exit_code: 2, message: 'ended with exit code 2' }],
    ['StepCancelled', 'test[node=20]', { status: 'CANCELLED', message: 'the run was cancelled' }],
    ['StepSkipped', 'ship', { status: 'SKIPPED', message: 'needs gate, which failed' }],
    ['GatePassed', 'gate', { status: 'SUCCEEDED' }],
    ['GateRejected', 'gate', { status: 'FAILED', message: "the condition is false: branch == 'main'" }],
    [
      'StepReused',
      'test[node=20]',
      {
        status: 'SUCCEEDED',
        reused_from: '0190a8c0-0000-7000-8000-000000000000',
        outputs: { coverage: '93' },
      },
    ],
  ] as const)('%s ends its step', (type, step, expected) => {
    expect(stepOf(runAfter(run, queued, started, golden(type)), step)).toMatchObject({
      ...expected,
      completed_at: '2030-01-02T03:05:05.000Z',
    });
  });

  it.each([
    ['RunSucceeded', 'SUCCEEDED'],
    ['RunFailed', 'FAILED'],
    ['RunCancelled', 'CANCELLED'],
  ] as const)('%s ends the run', (type, status) => {
    expect(runAfter(run, golden(type))).toMatchObject({ status, completed_at: '2030-01-02T03:05:05.000Z' });
  });

  it('tell of waiting, of attempts and of people', () => {
    const state = (type: Parameters<typeof golden>[0]) => runAfter(run, queued, started, golden(type));
    const opened = runAfter(run, golden('GateOpened'));
    const gate = (type: 'GateApproved' | 'GateRefused') =>
      stepOf(runAfter(run, golden('GateOpened'), golden(type)), 'gate').gate!.decisions;
    expect(state('RunWaiting')).toMatchObject({ status: 'WAITING', group: 'web-main', released_at: null });
    expect(state('RunReleased')).toMatchObject({
      status: 'RUNNING',
      released_at: '2030-01-02T03:05:05.000Z',
    });
    expect(stepOf(state('StepAttemptFailed'), 'test[node=20]')).toMatchObject({
      status: 'RUNNING',
      failed_attempts: [{ attempt: 1, exit_code: 2 }],
      failed_tests: ['it works'],
    });
    expect(stepOf(state('StepsAppended'), 'extra').status).toBe('PENDING');
    expect(state('StepsAppended').appended).toEqual({ extra: 'test' });
    expect(stepOf(opened, 'gate')).toMatchObject({ status: 'WAITING', gate: { required: 1, decisions: [] } });
    expect(gate('GateApproved')).toMatchObject([{ decision: 'approved', reason: 'looks good' }]);
    expect(gate('GateRefused')).toMatchObject([{ decision: 'rejected', reason: 'too late' }]);
    expect(state('RunCancelling')).toMatchObject({ status: 'CANCELLING', message: 'timed out after 60 s' });
  });

  it('make a state that a snapshot can hold', () => {
    const state = runAfter(run, queued, started);
    expect(deserialize(serialize(state))).toEqual(state);
  });
});
