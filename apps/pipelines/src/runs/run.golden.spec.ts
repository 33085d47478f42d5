import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { fold } from '@hybrid/decider';
import { goldenEvents } from '@hybrid/testing';
import { runDecider } from './run.decider.js';
import type { RunEvent } from './run.events.js';
import { runAfter, stepOf } from './run.fixtures.js';

const TYPES: Record<RunEvent['type'], true> = {
  RunStarted: true,
  StepQueued: true,
  StepStarted: true,
  StepSucceeded: true,
  StepFailed: true,
  StepSkipped: true,
  StepCancelled: true,
  GatePassed: true,
  GateRejected: true,
  RunSucceeded: true,
  RunFailed: true,
  RunCancelled: true,
};

describe('stored events', () => {
  const golden = goldenEvents<RunEvent>(join(import.meta.dirname, 'golden'), TYPES);

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

  it('of a run whose beginning is missing change nothing', () => {
    for (const type of Object.keys(TYPES).filter((name) => name !== 'RunStarted') as RunEvent['type'][]) {
      expect(fold(runDecider, [golden(type)])).toEqual({ status: 'NONE' });
    }
  });
});
