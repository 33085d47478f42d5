import { describe, expect, it } from '@jest/globals';
import type { RetryRun } from '@hybrid/contracts';
import { isRejection } from '@hybrid/decider';
import { runDecider, type RunCommand } from './run.decider.js';
import type { RunEvent } from './run.events.js';
import { definitionOf, ended, NOW, play, RUN_ID, runAfter, shell, start } from './run.fixtures.js';
import { retryOf, takenOver } from './run.retry.js';
import type { Run } from './run.state.js';
import { viewOf } from './run.view.js';

/** The run that repeats another, as far as it goes by itself. */
function retried(before: Run, wish: RetryRun, run_id = 'second'): Run {
  const retry = retryOf(before, wish);
  if ('rejected' in retry) throw new Error(retry.detail);
  let run = runAfter(...play({ ...retry, type: 'StartRun', run_id, started_by: 'user:bob', now: NOW }));
  for (const steps of takenOver(run, before)) run = after(run, { type: 'TakeOverSteps', steps, now: NOW });
  return run;
}

function after(run: Run, command: RunCommand): Run {
  const decided = runDecider.decide(command, run);
  if (isRejection(decided)) throw new Error(decided.detail);
  return decided.reduce<Run>((state, event) => runDecider.evolve(state, event) as Run, run);
}

function jobOf(run: Run, step: string) {
  const again = runDecider.decide({ type: 'GoOn', now: NOW }, run) as RunEvent[];
  expect(again).toEqual([]);
  return run.steps[run.plan.indexOf.get(step)!]!;
}

const artifacts = [{ key: 'dist', sha256: 'a'.repeat(64), size: 1 }];
const chain = start(
  definitionOf(
    shell('lint'),
    'name: build, type: step.shell_exec, config: {commands: [make], artifacts_out: [{key: dist, path: dist}]}',
    'name: test, needs: [build], type: step.shell_exec, config: {commands: ["{{.Steps.build.outputs.v}}"], artifacts_in: [{key: dist, dest: in}]}',
    shell('ship', ['test']),
  ),
);
const built = ended('build', 'succeeded', { outputs: { v: '7' }, artifacts });
const failed = runAfter(...play(chain, ended('lint', 'succeeded'), built, ended('test', 'failed')));

describe('a run that repeats another', () => {
  it('runs what did not succeed, and takes over the rest with its outputs and artifacts', () => {
    const run = retried(failed, { from: 'failed' });
    const view = viewOf(run);
    expect(view).toMatchObject({ status: 'RUNNING', retry_of: RUN_ID });
    expect(view.steps.map(({ id, status, reused_from }) => [id, status, reused_from])).toEqual([
      ['lint', 'SUCCEEDED', RUN_ID],
      ['build', 'SUCCEEDED', RUN_ID],
      ['test', 'QUEUED', null],
      ['ship', 'PENDING', null],
    ]);
    const retry = retryOf(failed, { from: 'failed' });
    const start = { ...(retry as object), type: 'StartRun', run_id: 'r', started_by: 'x', now: NOW };
    const events = play(
      start as RunCommand,
      ...takenOver(runAfter(...play(start as RunCommand)), failed).map((steps): RunCommand => ({
        type: 'TakeOverSteps',
        steps,
        now: NOW,
      })),
    );
    const queued = events.find((event) => event.type === 'StepQueued')!;
    expect(queued.data.job.spec).toMatchObject({
      step: { config: { commands: ['7'] } },
      execution_id: 'r',
      artifacts_in: [{ execution_id: RUN_ID, key: 'dist', dest: 'in' }],
    });
    jobOf(run, 'test');
  });

  it('begins nothing before all is taken over, whatever comes twice', () => {
    const retry = retryOf(failed, { from: 'failed' });
    if ('rejected' in retry) throw new Error(retry.detail);
    const begun = runAfter(...play({ ...retry, type: 'StartRun', run_id: 'r', started_by: 'x', now: NOW }));
    expect(viewOf(begun).steps.every(({ status }) => status === 'PENDING')).toBe(true);
    const [steps] = takenOver(begun, failed);
    const half = after(begun, { type: 'TakeOverSteps', steps: steps!.slice(0, 1), now: NOW });
    expect(half.steps.some(({ status }) => status === 'QUEUED')).toBe(false);
    expect(takenOver(half, failed)).toEqual([steps!.slice(1)]);
    const whole = after(half, { type: 'TakeOverSteps', steps: steps!, now: NOW });
    expect(whole.steps.filter(({ status }) => status === 'QUEUED')).toHaveLength(1);
    expect(after(whole, { type: 'TakeOverSteps', steps: steps!, now: NOW })).toEqual(whole);
  });

  it('is taken over in portions that an append holds', () => {
    const outputs = { text: 'x'.repeat(300_000) };
    const large = runAfter(
      ...play(
        start(definitionOf(shell('a'), shell('b'), shell('c'), shell('d', ['a', 'b', 'c']))),
        ...['a', 'b', 'c'].map((step) => ended(step, 'succeeded', { outputs })),
        ended('d', 'failed'),
      ),
    );
    const retry = retryOf(large, { from: 'failed' });
    const begun = { ...(retry as object), type: 'StartRun', run_id: 'r', started_by: 'x', now: NOW };
    expect(takenOver(runAfter(...play(begun as RunCommand)), large).map(({ length }) => length)).toEqual([
      1, 1, 1,
    ]);
    expect(retried(large, { from: 'failed' }).steps.at(-1)!.status).toBe('QUEUED');
  });

  it('finds artifacts where they are through two retries', () => {
    const second = after(retried(failed, { from: 'failed' }), {
      ...ended('test', 'failed'),
      job_id: retried(failed, { from: 'failed' }).steps[2]!.job_id!,
    });
    expect(second.status).toBe('FAILED');
    const third = retried(second, { from: 'failed' }, 'third');
    expect(viewOf(third)).toMatchObject({ retry_of: 'second', steps: [{}, { reused_from: RUN_ID }, {}, {}] });
  });

  it('runs one step and what needs it, or all', () => {
    const again = (wish: RetryRun) =>
      viewOf(retried(failed, wish))
        .steps.filter(({ reused_from }) => reused_from === null)
        .map(({ id }) => id);
    expect(again({ from: 'step', step: 'build' })).toEqual(['build', 'test', 'ship']);
    expect(again({ from: 'step', step: 'ship' })).toEqual(['ship']);
    expect(again({ from: 'start' })).toEqual(['lint', 'build', 'test', 'ship']);
    expect(viewOf(retried(failed, { from: 'step', step: 'ship' }))).toMatchObject({
      status: 'FAILED',
      steps: [{}, {}, { status: 'FAILED', reused_from: RUN_ID }, { status: 'SKIPPED', reused_from: null }],
    });
  });

  it('is wanted by all who wanted the run before', () => {
    const retry = retryOf({ ...failed, wanted_by: ['carol'] }, { from: 'start' });
    expect(retry).toMatchObject({ wanted_by: ['user:ada', 'carol'] });
  });

  it('is refused for a run that is not over or has nothing to repeat, and for a step that it has not', () => {
    const rejected = (run: Run, wish: RetryRun) => (retryOf(run, wish) as { rejected?: string }).rejected;
    expect(rejected(runAfter(...play(chain)), { from: 'failed' })).toBe('run_not_over');
    const well = ['lint', 'build', 'test', 'ship'].map((step) =>
      ended(step, 'succeeded', { outputs: { v: '1' }, artifacts }),
    );
    expect(rejected(runAfter(...play(chain, ...well)), { from: 'failed' })).toBe('nothing_failed');
    expect(rejected(failed, { from: 'step' })).toBe('step_missing');
    expect(rejected(failed, { from: 'step', step: 'biuld' })).toBe('step_not_found');
  });

  it('lets steps be appended anew by the step that runs again, and only then', () => {
    const plan = start(definitionOf(shell('plan', [], 'dynamic: true,'), shell('other')));
    const appended = ended('plan', 'succeeded', { report: { steps: `- {${shell('x', ['plan'])}}` } });
    const before = runAfter(...play(plan, appended, ended('other', 'failed'), ended('x', 'succeeded')));
    const names = (wish: RetryRun, run = before) =>
      viewOf(retried(run, wish)).steps.map(({ id, reused_from }) => `${id}${reused_from ? ' reused' : ''}`);
    expect(names({ from: 'start' })).toEqual(['plan', 'other']);
    expect(names({ from: 'step', step: 'plan' })).toEqual(['plan', 'other reused']);
    expect(names({ from: 'failed' })).toEqual(['plan reused', 'other', 'x reused']);
    const second = retried(before, { from: 'failed' });
    const over = after(second, { ...ended('other', 'failed'), job_id: second.steps[1]!.job_id! });
    expect(names({ from: 'start' }, over)).toEqual(['plan', 'other']);
  });
});
