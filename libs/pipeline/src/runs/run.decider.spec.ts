import { describe, expect, it } from '@jest/globals';
import { given } from '@hybrid/testing';
import { runDecider } from './run.decider.js';
import type { StepQueued } from './run.events.js';
import {
  began,
  cancel,
  definitionOf,
  ended,
  NOW,
  play,
  RUN_ID,
  runAfter,
  shell,
  start,
  statuses,
  stepOf,
} from './run.fixtures.js';
import { jobIdOf } from './run.job.js';
import { viewOf } from './run.view.js';

const chain = start(definitionOf(shell('a'), shell('b', ['a'])));
const [a, b] = ['a', 'b'].map((step) => ({ step_id: step, job_id: jobIdOf(RUN_ID, step), at: NOW }));
const result = { exit_code: 0, outputs: {}, artifacts: [] };

describe('starting', () => {
  it('queues what needs nothing, with job ids that follow from run and step', () => {
    const events = given(runDecider).when(chain).thenTypes('RunStarted', 'StepQueued');
    expect(events[1]!.data).toMatchObject({ step_id: 'a', job_id: '300f499f-58b8-557c-b7be-4f1e6f9b64f9' });
  });

  it('is harmless twice, but not with something else', () => {
    given(runDecider, ...play(chain))
      .when(chain)
      .thenNothing();
    given(runDecider, ...play(chain))
      .when({ ...chain, pipeline_version: 2 })
      .thenRejected('idempotency_key_reused');
    given(runDecider, ...play(chain))
      .when({ ...chain, source: null })
      .thenRejected('idempotency_key_reused');
  });

  it('refuses wrong inputs and more than one append holds', () => {
    given(runDecider)
      .when({ ...chain, inputs: { x: 1 } })
      .thenRejected('inputs_invalid');
    const large = { ...chain.definition, env: { A: 'x'.repeat(600_000) } };
    given(runDecider)
      .when({ ...chain, definition: large })
      .thenRejected('run_too_large');
  });
});

describe('results', () => {
  const started = play(chain);

  it('lead on to the next step and to the end', () => {
    given(runDecider, ...started)
      .when(began('a'))
      .then({ type: 'StepStarted', data: { ...a!, agent_id: 'agent-1', attempt: 1 } });
    const more = given(runDecider, ...started)
      .when(ended('a', 'succeeded'))
      .thenTypes('StepSucceeded', 'StepQueued');
    given(runDecider, ...started, ...more)
      .when(ended('b', 'succeeded'))
      .then(
        { type: 'StepSucceeded', data: { ...b!, ...result } },
        { type: 'RunSucceeded', data: { at: NOW } },
      );
  });

  it('that failed skip what needs them, and the run fails', () => {
    given(runDecider, ...started)
      .when(ended('a', 'failed', { exit_code: 3 }))
      .then(
        { type: 'StepFailed', data: { ...a!, ...result, exit_code: 3, message: 'ended with exit code 3' } },
        { type: 'StepSkipped', data: { step_id: 'b', message: 'needs a, which failed', at: NOW } },
        { type: 'RunFailed', data: { failed_steps: ['a'], at: NOW } },
      );
  });

  it('of a job that was cancelled in the queue do the same', () => {
    const [, skipped] = given(runDecider, ...started)
      .when(ended('a', 'cancelled'))
      .thenTypes('StepCancelled', 'StepSkipped', 'RunFailed');
    expect(skipped!.data).toMatchObject({ message: 'needs a, which was cancelled' });
  });

  it('are taken once, whatever comes again or late', () => {
    const done = play(chain, began('a'), ended('a', 'succeeded'));
    for (const late of [
      began('a'),
      ended('a', 'succeeded'),
      ended('a', 'failed'),
      ended('nobody', 'failed'),
      began('b', 0),
    ]) {
      given(runDecider, ...done)
        .when(late)
        .thenNothing();
    }
    const over = play(chain, cancel);
    for (const late of [began('a'), ended('a', 'succeeded'), cancel])
      given(runDecider, ...over)
        .when(late)
        .thenNothing();
  });

  it('of a second attempt move the step to its agent', () => {
    const run = runAfter(...play(chain, began('a'), began('a', 2), began('a')));
    expect(stepOf(run, 'a')).toMatchObject({ status: 'RUNNING', agent_id: 'agent-2', attempt: 2 });
  });

  it('for a run that is not there are refused', () => {
    given(runDecider).when(ended('a', 'succeeded')).thenRejected('run_not_found');
    given(runDecider).when(began('a')).thenRejected('run_not_found');
  });
});

describe('cancelling', () => {
  it('ends every open step and the run', () => {
    given(runDecider, ...play(chain))
      .when(cancel)
      .then(
        {
          type: 'RunCancelling',
          data: { reason: 'wrong branch', actor: 'user:ada', timed_out: false, at: NOW },
        },
        { type: 'StepCancelled', data: { ...a!, message: 'the run was cancelled' } },
        { type: 'StepCancelled', data: { ...b!, job_id: null, message: 'the run was cancelled' } },
        { type: 'RunCancelled', data: { reason: 'wrong branch', actor: 'user:ada', at: NOW } },
      );
  });

  it('needs a run that is open', () => {
    given(runDecider).when(cancel).thenRejected('run_not_found');
    given(runDecider, ...play(chain, ended('a', 'failed')))
      .when(cancel)
      .thenRejected('run_finished');
    given(runDecider, ...play(chain, ended('a', 'succeeded'), ended('b', 'succeeded')))
      .when(cancel)
      .thenRejected('run_finished');
  });
});

describe('what a step needs', () => {
  it('is every instance of a matrix', () => {
    const run = start(definitionOf(shell('t', [], 'matrix: {n: [1, 2]},'), shell('d', ['t'])));
    expect(statuses(run, ended('t[n=1]', 'succeeded'))).toEqual({
      't[n=1]': 'SUCCEEDED',
      't[n=2]': 'QUEUED',
      d: 'PENDING',
      run: 'RUNNING',
    });
    expect(statuses(run, ended('t[n=1]', 'succeeded'), ended('t[n=2]', 'succeeded')).d).toBe('QUEUED');
    expect(statuses(run, ended('t[n=1]', 'failed')).d).toBe('PENDING');
    expect(statuses(run, ended('t[n=1]', 'failed'), ended('t[n=2]', 'succeeded'))).toMatchObject({
      d: 'SKIPPED',
      run: 'FAILED',
    });
  });

  it('may fail when it says so', () => {
    const run = start(definitionOf(shell('lint', [], 'continue_on_error: true,'), shell('build', ['lint'])));
    expect(statuses(run, ended('lint', 'failed'), ended('build', 'succeeded'))).toEqual({
      lint: 'FAILED',
      build: 'SUCCEEDED',
      run: 'SUCCEEDED',
    });
  });

  it('skips what follows when it is skipped, all along the way', () => {
    const run = start(
      definitionOf(shell('x', [], `if: "branch == 'x'",`), shell('y', ['x']), shell('z', ['y'])),
    );
    expect(statuses(run)).toEqual({ x: 'SKIPPED', y: 'SKIPPED', z: 'SKIPPED', run: 'SUCCEEDED' });
  });

  it('counts as run when some instances of its matrix are', () => {
    const run = start(
      definitionOf(shell('t', [], `matrix: {os: [a, b]}, if: "matrix.os == 'a'",`), shell('d', ['t'])),
    );
    expect(statuses(run, ended('t[os=a]', 'succeeded'))).toMatchObject({ 't[os=b]': 'SKIPPED', d: 'QUEUED' });
  });
});

describe('conditions', () => {
  it('always() and failure() run after a failure, however far back', () => {
    const run = start(
      definitionOf(
        shell('a'),
        shell('b', ['a']),
        shell('tidy', ['b'], 'if: always(),'),
        shell('alarm', ['b'], 'if: failure(),'),
        shell('cheer', ['b'], 'if: success(),'),
        shell('note', ['b'], `if: "branch == 'main'",`),
      ),
    );
    expect(statuses(run, ended('a', 'failed'))).toEqual({
      a: 'FAILED',
      b: 'SKIPPED',
      tidy: 'QUEUED',
      alarm: 'QUEUED',
      cheer: 'SKIPPED',
      note: 'SKIPPED',
      run: 'RUNNING',
    });
    expect(statuses(run, ended('a', 'succeeded'), ended('b', 'succeeded'))).toMatchObject({
      alarm: 'SKIPPED',
      cheer: 'QUEUED',
      note: 'QUEUED',
    });
    expect(statuses(run, ended('a', 'cancelled'))).toMatchObject({ alarm: 'QUEUED' });
  });

  it('see status and outputs of the steps before', () => {
    const run = start(
      definitionOf(shell('plan'), shell('apply', ['plan'], `if: "steps.plan.outputs.changes == 'yes'",`)),
    );
    expect(statuses(run, ended('plan', 'succeeded', { outputs: { changes: 'yes' } })).apply).toBe('QUEUED');
    expect(statuses(run, ended('plan', 'succeeded', { outputs: { changes: 'no' } })).apply).toBe('SKIPPED');
  });

  it('without a result fail the step', () => {
    const run = start(
      definitionOf(shell('plan'), shell('apply', ['plan'], `if: "steps.plan.outputs.changes == 'yes'",`)),
    );
    const after = runAfter(...play(run, ended('plan', 'succeeded')));
    expect(after.status).toBe('FAILED');
    expect(stepOf(after, 'apply')).toMatchObject({
      status: 'FAILED',
      message: expect.stringContaining('No such key: changes'),
    });
  });
});

describe('gates', () => {
  const gate = (...conditions: string[]) =>
    start(
      definitionOf(
        shell('test'),
        `name: gate, needs: [test], type: step.gate, config: {type: automatic, conditions: ${JSON.stringify(conditions)}}`,
        shell('ship', ['gate']),
      ),
    );

  it('open when all conditions are true', () => {
    const run = gate("branch == 'main'", "steps.test.status == 'succeeded'");
    const [, passed] = given(runDecider, ...play(run))
      .when(ended('test', 'succeeded'))
      .thenTypes('StepSucceeded', 'GatePassed', 'StepQueued');
    expect(passed!.data).toEqual({
      step_id: 'gate',
      conditions: [
        { expression: "branch == 'main'", result: true, error: null },
        { expression: "steps.test.status == 'succeeded'", result: true, error: null },
      ],
      at: NOW,
    });
  });

  it('stay shut otherwise, and say which condition kept them', () => {
    const run = gate('true', 'has(steps.test.outputs.x)', "steps.test.outputs.x == '1'");
    const [, rejected] = given(runDecider, ...play(run))
      .when(ended('test', 'succeeded'))
      .thenTypes('StepSucceeded', 'GateRejected', 'StepSkipped', 'RunFailed');
    expect(rejected!.data).toMatchObject({
      message: 'the condition is false: has(steps.test.outputs.x)',
      conditions: [
        { result: true },
        { result: false },
        { result: null, error: expect.stringContaining('No such key: x') },
      ],
    });
  });

  it('are skipped when what they need failed', () => {
    expect(statuses(gate('true'), ended('test', 'failed'))).toMatchObject({
      gate: 'SKIPPED',
      ship: 'SKIPPED',
      run: 'FAILED',
    });
  });
});

describe('views', () => {
  it('show steps, their state and the graph', () => {
    const run = runAfter(
      ...play(
        start(definitionOf(shell('t', [], 'matrix: {n: [1, 2]},'), shell('d', ['t']))),
        began('t[n=1]'),
        ended('t[n=1]', 'succeeded'),
      ),
    );
    expect(viewOf(run)).toMatchObject({
      id: RUN_ID,
      status: 'RUNNING',
      steps_total: 3,
      steps_succeeded: 1,
      steps_failed: 0,
    });
    expect(viewOf(run).steps[0]).toMatchObject({
      id: 't[n=1]',
      name: 't',
      matrix: { n: '1' },
      status: 'SUCCEEDED',
      agent_id: 'agent-1',
      exit_code: 0,
    });
    expect(viewOf(run).steps[2]).toMatchObject({ id: 'd', needs: ['t[n=1]', 't[n=2]'] });
  });
});

describe('a wave that is larger than an append', () => {
  it('is queued in parts, each with the next message', () => {
    const command = 'x'.repeat(20_000);
    const definition = definitionOf(
      `name: a, matrix: {n: [${Array.from({ length: 100 }, (_, n) => n).join(', ')}]}, type: step.shell_exec, config: {commands: [${command}]}`,
    );
    const first = play(start(definition));
    expect(Buffer.byteLength(JSON.stringify(first))).toBeLessThan(1_000_000);
    const queued = first
      .filter((event): event is StepQueued => event.type === 'StepQueued')
      .map(({ data }) => data.step_id);
    expect(queued.length).toBeGreaterThan(30);
    expect(queued.length).toBeLessThan(50);
    const next = play(start(definition), began(queued[0]!)).slice(first.length);
    expect(next.filter(({ type }) => type === 'StepQueued').length).toBeGreaterThan(30);
  });
});
