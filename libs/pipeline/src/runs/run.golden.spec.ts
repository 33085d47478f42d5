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
    digest: '9d1f7c65228d79c9',
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

  it('make a state that a snapshot can hold', () => {
    const state = runAfter(run, queued, started);
    expect(deserialize(serialize(state))).toEqual(state);
  });
});
