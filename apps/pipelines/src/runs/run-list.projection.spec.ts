import { describe, expect, it } from '@jest/globals';
import { fold } from '@hybrid/decider';
import { type RunEvent, runEvents } from '@hybrid/pipeline';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { evolve, nextDeadline, nothing } from './run-list.projection.js';

const golden = (type: RunEvent['type']) =>
  JSON.parse(
    readFileSync(
      join(import.meta.dirname, '../../../../libs/pipeline/src/runs/golden', `${type}.json`),
      'utf8',
    ),
  ) as RunEvent;
const listed = (...types: RunEvent['type'][]) => fold({ initial: nothing, evolve }, types.map(golden));

describe('a run in the list', () => {
  it('begins with its steps counted', () => {
    const run = listed('RunStarted');
    expect(run).toMatchObject({ status: 'RUNNING', completed_at: null, steps_succeeded: 0, steps_failed: 0 });
    expect(run.steps_total).toBeGreaterThan(0);
  });

  it('is nothing while its beginning is missing', () => {
    for (const type of Object.keys(runEvents.today) as RunEvent['type'][])
      if (type !== 'RunStarted') expect(listed(type)).toBe(nothing);
  });

  it('counts steps and gates that ended, and only those', () => {
    expect(
      listed(
        'RunStarted',
        'StepQueued',
        'StepStarted',
        'StepSucceeded',
        'GatePassed',
        'StepFailed',
        'GateRejected',
      ),
    ).toMatchObject({ steps_succeeded: 2, steps_failed: 2, status: 'RUNNING' });
    expect(listed('RunStarted', 'StepSkipped', 'StepCancelled')).toMatchObject({
      steps_succeeded: 0,
      steps_failed: 0,
    });
  });

  it.each([
    ['RunSucceeded', 'SUCCEEDED'],
    ['RunFailed', 'FAILED'],
    ['RunCancelled', 'CANCELLED'],
  ] as const)('ends with %s', (type, status) => {
    expect(listed('RunStarted', type)).toMatchObject({
      status,
      completed_at: expect.stringContaining('T') as unknown,
    });
  });

  it('is due when the first of its gates is, until that is decided', () => {
    const open = listed('RunStarted', 'GateOpened');
    expect(nextDeadline(open)).toBe('2030-01-03T03:05:05.000Z');
    for (const type of ['GatePassed', 'GateRejected', 'RunCancelled'] as const)
      expect(nextDeadline(listed('RunStarted', 'GateOpened', type))).toBeNull();
  });

  it('is due when its time is up, counted from when it could begin, and again when it cleans up', () => {
    const started = golden('RunStarted') as Extract<RunEvent, { type: 'RunStarted' }>;
    const { data } = started;
    const timed = { ...started, data: { ...data, definition: { ...data.definition, timeout_seconds: 60 } } };
    const due = (...types: RunEvent['type'][]) =>
      nextDeadline(fold({ initial: nothing, evolve }, [timed, ...types.map(golden)]));
    expect(due()).toBe('2030-01-02T03:05:05.000Z');
    expect(due('RunWaiting')).toBeNull();
    expect(due('RunWaiting', 'RunReleased')).toBe('2030-01-02T03:06:05.000Z');
    expect(due('RunCancelling')).toBe('2030-01-02T03:06:05.000Z');
    expect(due('RunCancelling', 'RunFailed')).toBeNull();
  });

  it('grows with the steps that are appended, and counts results that were taken over', () => {
    const before = listed('RunStarted');
    expect(listed('RunStarted', 'StepsAppended', 'StepReused')).toMatchObject({
      steps_total: before.steps_total + 1,
      steps_succeeded: 1,
    });
  });
});
