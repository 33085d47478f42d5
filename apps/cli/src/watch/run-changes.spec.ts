import { describe, expect, it } from '@jest/globals';
import type { RunView, StepView } from '@hybrid/contracts';
import { step } from '../../test/fake-gateway.js';
import { runChanges } from './run-changes.js';

const at = (second: number) => `2026-01-01T00:00:0${second}.000Z`;
const run = (...steps: StepView[]) => ({ status: 'RUNNING', steps }) as RunView;
const told = (before: RunView | undefined, now: RunView) =>
  runChanges(before, now).map(({ kind, step: { id } }) => `${id} ${kind}`);

const pending = step('a');
const running: StepView = { ...pending, status: 'RUNNING', job_id: 'j', started_at: at(1) };
const over: StepView = { ...running, status: 'SUCCEEDED', completed_at: at(3) };

describe('what happened to a run', () => {
  it('is nothing while nothing changed', () => expect(told(run(running), run(running))).toEqual([]));
  it('is a start, then an end', () => {
    expect(told(run(pending), run(running))).toEqual(['a step-started']);
    expect(told(run(running), run(over))).toEqual(['a step-ended']);
  });
  it('is both for a step that ran between two looks', () =>
    expect(told(run(pending), run(over))).toEqual(['a step-started', 'a step-ended']));
  it('is everything so far at the first look', () =>
    expect(told(undefined, run(over, step('b')))).toEqual(['a step-started', 'a step-ended']));
  it('is only an end for a step that was skipped or is a gate', () =>
    expect(told(run(pending), run({ ...pending, status: 'SKIPPED', completed_at: at(2) }))).toEqual([
      'a step-ended',
    ]));
  it('comes in the order of time', () => {
    const b: StepView = { ...step('b'), status: 'RUNNING', job_id: 'k', started_at: at(2) };
    expect(told(run(pending, step('b')), run(over, b))).toEqual([
      'a step-started',
      'b step-started',
      'a step-ended',
    ]);
  });
});
