import { describe, expect, it } from '@jest/globals';
import { given } from '@hybrid/testing';
import { runDecider } from './run.decider.js';
import {
  began,
  definitionOf,
  ended,
  failedOnce,
  play,
  runAfter,
  shell,
  start,
  statuses,
  stepOf,
  tests,
} from './run.fixtures.js';
import { viewOf } from './run.view.js';

describe('attempts that failed', () => {
  const run = start(definitionOf(shell('a'), shell('b', ['a'])));

  it('are kept, each once, and change nothing else', () => {
    const events = play(run, began('a'), failedOnce('a', 1));
    expect(events.at(-1)).toMatchObject({ type: 'StepAttemptFailed', data: { attempt: 1, exit_code: 1 } });
    given(runDecider, ...events)
      .when(failedOnce('a', 1))
      .thenNothing();
    const [a] = viewOf(runAfter(...events)).steps;
    expect(a).toMatchObject({ status: 'RUNNING', failed_attempts: [{ message: 'attempt 1 failed' }] });
    given(runDecider, ...play(run, ended('a', 'succeeded')))
      .when(failedOnce('a', 1))
      .thenNothing();
  });

  it('make a test flaky that does not fail in the last one', () => {
    const retried = [run, failedOnce('a', 1, ['x', 'y']), failedOnce('a', 2, ['y', 'z'])];
    const reportOf = (report: ReturnType<typeof tests>) =>
      stepOf(runAfter(...play(...retried, ended('a', 'succeeded', { report }))), 'a').report!.tests!;
    expect(reportOf(tests(['z'], ['y']))).toMatchObject({
      flaky: 2,
      flaky_tests: [{ name: 'y' }, { name: 'x' }],
    });
    const cut = tests(['z']);
    cut.tests!.failed = 200;
    expect(reportOf(cut)).toMatchObject({ flaky: 0, flaky_tests: [] });
  });
});

describe('failures that may be', () => {
  it('are those of the exit codes that are named', () => {
    const run = start(
      definitionOf(shell('lint', [], 'allow_failure: {exit_codes: [3]},'), shell('next', ['lint'])),
    );
    expect(statuses(run, ended('lint', 'failed', { exit_code: 3 }), ended('next', 'succeeded'))).toEqual({
      ...{ lint: 'FAILED', next: 'SUCCEEDED', run: 'SUCCEEDED' },
    });
    expect(statuses(run, ended('lint', 'failed', { exit_code: 4 }))).toEqual({
      ...{ lint: 'FAILED', next: 'SKIPPED', run: 'FAILED' },
    });
    expect(statuses(run, ended('lint', 'failed', { exit_code: null }))).toMatchObject({ run: 'FAILED' });
  });

  it('are shown as such, and others are not', () => {
    const events = [start(definitionOf(shell('lint', [], 'allow_failure: {exit_codes: [3]},')))];
    const allowed = (exit_code: number) =>
      viewOf(runAfter(...play(...events, ended('lint', 'failed', { exit_code })))).steps[0]!.allowed;
    expect(allowed(3)).toBe(true);
    expect(allowed(4)).toBeUndefined();
  });

  it('let what asks for failure() rest', () => {
    const run = start(
      definitionOf(
        shell('lint', [], 'allow_failure: {exit_codes: [3]},'),
        shell('alarm', ['lint'], 'if: failure(),'),
      ),
    );
    expect(statuses(run, ended('lint', 'failed', { exit_code: 3 }))).toMatchObject({ alarm: 'SKIPPED' });
    expect(statuses(run, ended('lint', 'failed', { exit_code: 4 }))).toMatchObject({ alarm: 'QUEUED' });
  });
});

describe('the instances of a step', () => {
  it('end when the first fails, where that is wanted', () => {
    const run = start(
      definitionOf(shell('t', [], 'fail_fast: true, matrix: {n: [1, 2, 3]},'), shell('d', ['t'])),
    );
    expect(statuses(run, ended('t[n=1]', 'succeeded'), began('t[n=3]'), ended('t[n=2]', 'failed'))).toEqual({
      ...{ 't[n=1]': 'SUCCEEDED', 't[n=2]': 'FAILED', 't[n=3]': 'CANCELLED', d: 'SKIPPED', run: 'FAILED' },
    });
    const events = play(run, ended('t[n=2]', 'failed'));
    expect(events.filter(({ type }) => type === 'StepCancelled').map(({ data }) => data)).toMatchObject([
      { step_id: 't[n=1]', message: 't[n=2] failed, and fail_fast ends the others' },
      { step_id: 't[n=3]', job_id: expect.any(String) as unknown },
    ]);
  });

  it('go on when the failure may be, or when it is not wanted', () => {
    for (const more of ['fail_fast: true, continue_on_error: true,', 'fail_fast: false,']) {
      const run = start(definitionOf(shell('t', [], `${more} matrix: {n: [1, 2]},`)));
      expect(statuses(run, ended('t[n=1]', 'failed'))).toMatchObject({ 't[n=2]': 'QUEUED' });
    }
  });

  it('run as many at a time as they may', () => {
    const run = start(definitionOf(shell('t', [], 'max_parallel: 2, matrix: {n: [1, 2, 3, 4]},')));
    const open = (...commands: Parameters<typeof statuses>) =>
      Object.entries(statuses(...commands)).flatMap(([id, status]) => (status === 'QUEUED' ? [id] : []));
    expect(open(run)).toEqual(['t[n=1]', 't[n=2]']);
    expect(open(run, began('t[n=1]'))).toEqual(['t[n=2]']);
    expect(open(run, ended('t[n=2]', 'succeeded'))).toEqual(['t[n=1]', 't[n=3]']);
    const [one, two, three, four] = [1, 2, 3, 4].map((n) => ended(`t[n=${n}]`, 'succeeded'));
    expect(statuses(run, two!, one!, three!, four!).run).toBe('SUCCEEDED');
  });

  it('know which share of the work is theirs', () => {
    const events = play(start(definitionOf(shell('t', [], 'parallel: 2, matrix: {n: [8, 9]},'))));
    const shares = events.flatMap((event) =>
      event.type === 'StepQueued' ? [[event.data.step_id, event.data.job.spec.env!]] : [],
    );
    expect(shares).toMatchObject([
      ['t[n=8,parallel=1-of-2]', { HYBRID_PARALLEL_INDEX: '0', HYBRID_PARALLEL_TOTAL: '2' }],
      ['t[n=8,parallel=2-of-2]', { HYBRID_PARALLEL_INDEX: '1' }],
      ['t[n=9,parallel=1-of-2]', { HYBRID_PARALLEL_INDEX: '0' }],
      ['t[n=9,parallel=2-of-2]', { HYBRID_PARALLEL_INDEX: '1' }],
    ]);
  });
});

describe('steps that a step appends', () => {
  const run = start(definitionOf(shell('plan', [], 'dynamic: true,'), shell('end', ['plan'])));
  const appending = (steps: string) => ended('plan', 'succeeded', { report: { steps } });
  const two = `- {${shell('x', ['plan'])}}\n- {${shell('y', ['x'])}}`;

  it('run like any other, and the run ends after them', () => {
    const events = play(run, appending(two));
    expect(events.slice(2).map(({ type }) => type)).toEqual([
      ...['StepsAppended', 'StepSucceeded', 'StepQueued', 'StepQueued'],
    ]);
    expect(statuses(run, appending(two))).toEqual({
      ...{ plan: 'SUCCEEDED', end: 'QUEUED', x: 'QUEUED', y: 'PENDING', run: 'RUNNING' },
    });
    const rest = ['end', 'x', 'y'].map((step) => ended(step, 'succeeded'));
    expect(statuses(run, appending(two), ...rest).run).toBe('SUCCEEDED');
  });

  it('come once, however often it is told', () => {
    given(runDecider, ...play(run, appending(two)))
      .when(appending(two))
      .thenNothing();
  });

  it.each([
    ['what is no step', '- {name: x, type: step.nonsense}', '1:'],
    ['a name that is taken', `- {${shell('end')}}`, 'end'],
    ['what is no YAML', '- [', '1:'],
  ])('fail their step where they are %s, and say where', (_, steps, where) => {
    const { status, message } = stepOf(runAfter(...play(run, appending(steps))), 'plan');
    expect(status).toBe('FAILED');
    expect(message).toContain('the steps that it appends have');
    expect(message).toContain(where);
  });

  it('fail a step that may not append any', () => {
    const plain = start(definitionOf(shell('plan')));
    expect(stepOf(runAfter(...play(plain, appending(two))), 'plan')).toMatchObject({
      status: 'FAILED',
      message: expect.stringContaining('dynamic: true') as unknown,
    });
  });
});
