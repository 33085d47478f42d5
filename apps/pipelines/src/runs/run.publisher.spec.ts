import { describe, expect, it } from '@jest/globals';
import type { StoredEvent } from '@hybrid/event-store';
import { type RunEvent } from '@hybrid/pipeline';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runPublisher } from './run.publisher.js';

const folder = join(import.meta.dirname, '../../../../libs/pipeline/src/runs/golden');
const published = (type: string) => {
  const event = JSON.parse(readFileSync(join(folder, `${type}.json`), 'utf8')) as RunEvent;
  return runPublisher.publish({ event, thingId: 'r1' } as StoredEvent<RunEvent>);
};

describe('what others see of a run', () => {
  it.each([
    ['RunStarted', 'run-started', { status: 'RUNNING' }],
    ['RunWaiting', 'run-waiting', { status: 'WAITING' }],
    ['RunReleased', 'run-released', { status: 'RUNNING' }],
    ['RunCancelling', 'run-cancelling', { status: 'CANCELLING' }],
    ['StepReused', 'step-reused', { status: 'SUCCEEDED' }],
    ['GateOpened', 'gate-opened', { status: 'WAITING' }],
    ['GateApproved', 'gate-approved', { status: 'WAITING' }],
    ['GateRefused', 'gate-refused', { status: 'WAITING' }],
    ['StepQueued', 'step-queued', { status: 'QUEUED', job_id: expect.any(String) }],
    ['StepStarted', 'step-started', { status: 'RUNNING' }],
    ['StepSucceeded', 'step-succeeded', { status: 'SUCCEEDED' }],
    ['StepFailed', 'step-failed', { status: 'FAILED', message: expect.any(String) }],
    ['StepSkipped', 'step-skipped', { status: 'SKIPPED', job_id: null, message: expect.any(String) }],
    ['StepCancelled', 'step-cancelled', { status: 'CANCELLED' }],
    ['GatePassed', 'gate-passed', { status: 'SUCCEEDED' }],
    ['GateRejected', 'gate-rejected', { status: 'FAILED' }],
    ['RunSucceeded', 'run-succeeded', { status: 'SUCCEEDED' }],
    ['RunFailed', 'run-failed', { status: 'FAILED' }],
    ['RunCancelled', 'run-cancelled', { status: 'CANCELLED' }],
  ])('%s is told as %s', (type, event, data) => {
    expect(published(type)).toMatchObject({ noun: 'run', event, data: { run_id: 'r1', ...data } });
  });

  it.each(['StepAttemptFailed', 'StepsAppended'])('is nothing of %s', (type) => {
    expect(published(type)).toBeNull();
  });

  it('is never a definition, an input or a job', () => {
    for (const file of readdirSync(folder)) {
      const data = published(file.replace('.json', ''))?.data ?? {};
      expect(Object.keys(data).filter((key) => /definition|inputs|^job$|spec/.test(key))).toEqual([]);
    }
  });
});
