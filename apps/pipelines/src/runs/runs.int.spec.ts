import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { pipelinesRequests, type RunView } from '@hybrid/contracts';
import { callBy } from '@hybrid/test-platform';
import { eventually } from '@hybrid/testing';
import { randomUUID } from 'node:crypto';
import { ADA, startScene, type Scene } from './scene.fixtures.js';

const shell = (name: string, pool: string, more = '') =>
  `  - {name: ${name}, type: step.shell_exec, pool: ${pool}, ${more} config: {commands: [make]}}`;
const BOB = callBy('user', 'bob');
const CY = callBy('user', 'cy');
/** More than a sweep and the read model take, on a machine that is busy. */
const PATIENCE_MS = 60_000;

describe('runs, over NATS', () => {
  let scene: Scene;
  const stops: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    scene = await startScene();
    for (let replica = 0; replica < 2; replica++) stops.push(await scene.serve());
  });
  afterAll(() => scene?.stop());

  const decide = (run_id: string, gate: string, call = BOB, verdict: 'approve' | 'reject' = 'approve') =>
    scene.send(
      verdict === 'approve' ? pipelinesRequests.approveGate : pipelinesRequests.rejectGate,
      { run_id, gate, reason: 'so it is', person: { user_id: call.actor.id, email: null } },
      call,
    );
  const step = (run: RunView, id: string) => run.steps.find((one) => one.id === id)!;

  it('wait for people, as many as it takes, and never for whoever started them', async () => {
    const pipeline = await scene.define(
      'gated',
      `steps:\n${shell('test', 'gated')}\n  - {name: ask, needs: [test], type: step.gate, config: {type: manual, required: 2}}\n${shell('ship', 'gated', 'needs: [ask],')}`,
    );
    const { id } = await scene.start(pipeline);
    await expect(decide(id, 'ask')).rejects.toMatchObject({ problem: { code: 'gate_not_open' } });
    await scene.work('gated', 'test');
    await eventually(async () => expect(step(await scene.run(id), 'ask').status).toBe('WAITING'));
    await expect(decide(id, 'ask', ADA)).rejects.toMatchObject({ problem: { code: 'own_run' } });
    await decide(id, 'ask');
    const [first, again] = await Promise.all([decide(id, 'ask', CY), decide(id, 'ask', CY)]);
    for (const view of [first, again])
      expect(step(view, 'ask')).toMatchObject({
        status: 'SUCCEEDED',
        gate: { required: 2, decisions: [{ by: 'bob', reason: 'so it is' }, { by: 'cy' }] },
      });
    await scene.work('gated', 'ship');
    await scene.reached(id, 'SUCCEEDED');
  });

  it('end gates and themselves when their time is up, once, though every replica looks', async () => {
    const timed = await scene.define(
      'timed',
      `timeout: 2s\nsteps:\n${shell('long', 'timed')}\n${shell('tidy', 'timed', 'needs: [long], if: always(),')}`,
    );
    const gated = await scene.define(
      'in-time',
      `steps:\n  - {name: ask, type: step.gate, config: {type: manual, timeout: 1s}}`,
    );
    const [run, waiting] = [await scene.start(timed), await scene.start(gated)];
    const shut = await eventually(async () => {
      const view = await scene.run(waiting.id);
      expect(view.status).toBe('FAILED');
      return view;
    }, PATIENCE_MS);
    expect(step(shut, 'ask').message).toContain('nobody decided in time: 0 of 1 approvals');
    // It is cancelled first, and as long again, and then that is over, too.
    const late = await eventually(async () => {
      const view = await scene.run(run.id);
      expect(view.status).toBe('FAILED');
      return view;
    }, PATIENCE_MS);
    expect(late).toMatchObject({
      message: 'timed out after 2 s',
      steps: [{ status: 'CANCELLED' }, { status: 'CANCELLED' }],
    });
    const types = await scene.eventsOf(`run-${run.id}`);
    expect(types.filter((type) => type === 'RunCancelling' || type === 'RunFailed')).toEqual([
      'RunCancelling',
      'RunFailed',
    ]);
  });

  it('clean up when they are cancelled', async () => {
    const pipeline = await scene.define(
      'tidy',
      `steps:\n${shell('long', 'tidy')}\n${shell('sweep', 'tidy', 'needs: [long], if: cancelled(),')}`,
    );
    const { id } = await scene.start(pipeline);
    await scene.take('tidy', 'long');
    const cancelled = await scene.send(pipelinesRequests.cancelRun, { run_id: id, reason: 'enough' });
    expect(cancelled).toMatchObject({ status: 'CANCELLING', message: 'enough' });
    await scene.work('tidy', 'sweep');
    expect(await scene.reached(id, 'CANCELLED')).toMatchObject({
      steps: [{ status: 'CANCELLED' }, { status: 'SUCCEEDED' }],
    });
  });

  it('tell of attempts that failed, and of tests that are flaky', async () => {
    const pipeline = await scene.define(
      'flaky',
      `steps:\n${shell('test', 'flaky', 'retry: {max_attempts: 2, backoff: 0s},')}`,
    );
    const { id } = await scene.start(pipeline, { source: { repository: 'r', commit: 'abcdef0123' } });
    const report = (names: string[]) => ({
      tests: {
        ...{ total: 3, failed: names.length, skipped: 0, flaky: 0, seconds: 1 },
        ...{ failures: names.map((name) => ({ name, file: 'a.spec.ts' })), flaky_tests: [] },
      },
    });
    await scene.work('flaky', 'test', { exit_code: 1, report: report(['it works']) });
    await scene.work('flaky', 'test', { report: report([]) });
    expect(await scene.reached(id, 'SUCCEEDED')).toMatchObject({
      steps: [
        {
          failed_attempts: [{ attempt: 1, exit_code: 1 }],
          report: { tests: { flaky: 1, flaky_tests: [{ name: 'it works' }] } },
        },
      ],
    });
    const tests = () => scene.send(pipelinesRequests.tests, { pipeline_id: pipeline });
    await eventually(async () =>
      expect(await tests()).toMatchObject({
        total: 1,
        items: [{ name: 'it works', step: 'test', flaky: true, last_run_id: id }],
      }),
    );
    const none = callBy('user', 'ada', 'other');
    await expect(scene.send(pipelinesRequests.tests, { pipeline_id: pipeline }, none)).rejects.toMatchObject({
      problem: { code: 'pipeline_not_found' },
    });
  });

  it('repeat another: the same run by the same id, with results and artifacts of before', async () => {
    const pipeline = await scene.define(
      'again',
      `steps:\n${shell('build', 'again')}\n  - {name: test, needs: [build], type: step.shell_exec, pool: again, config: {commands: ["{{.Steps.build.outputs.v}}"], artifacts_in: [{key: dist, dest: in}], artifacts_out: []}}`.replace(
        'commands: [make]}',
        'commands: [make], artifacts_out: [{key: dist, path: dist}]}',
      ),
    );
    const { id } = await scene.start(pipeline);
    const artifacts = [{ key: 'dist', sha256: 'a'.repeat(64), size: 1 }];
    await scene.work('again', 'build', { outputs: { v: '7' }, artifacts });
    await scene.work('again', 'test', { exit_code: 1 });
    await scene.reached(id, 'FAILED');
    const retry = { run_id: id, new_run_id: randomUUID(), from: 'failed' as const };
    const [second] = await Promise.all([
      scene.send(pipelinesRequests.retryRun, retry, BOB),
      scene.send(pipelinesRequests.retryRun, retry, BOB),
    ]);
    expect(second).toMatchObject({ id: retry.new_run_id, retry_of: id });
    const job = await scene.take('again', 'test');
    expect(job.spec).toMatchObject({
      step: { config: { commands: ['7'] } },
      artifacts_in: [{ execution_id: id, key: 'dist' }],
    });
    await scene.complete(job);
    const done = await scene.reached(second.id, 'SUCCEEDED');
    expect(done.steps[0]).toMatchObject({ status: 'SUCCEEDED', reused_from: id, outputs: { v: '7' } });
    const types = await scene.eventsOf(`run-${second.id}`);
    expect(types.filter((type) => type === 'StepReused')).toHaveLength(1);
    await expect(
      scene.send(pipelinesRequests.retryRun, { ...retry, run_id: randomUUID(), new_run_id: randomUUID() }),
    ).rejects.toMatchObject({ problem: { code: 'run_not_found' } });
  });

  it('show a step alone, by its id or its name', async () => {
    const pipeline = await scene.define('one', `steps:\n${shell('only', 'one')}`);
    const { id } = await scene.start(pipeline);
    await scene.work('one', 'only', { outputs: { a: 'b' } });
    await scene.reached(id, 'SUCCEEDED');
    expect(await scene.send(pipelinesRequests.getStep, { run_id: id, step_id: 'only' })).toMatchObject({
      outputs: { a: 'b' },
    });
    await expect(
      scene.send(pipelinesRequests.getStep, { run_id: id, step_id: 'none' }),
    ).rejects.toMatchObject({ problem: { code: 'step_not_found' } });
  });

  it('end in time also where nobody was there when the time came', async () => {
    const pipeline = await scene.define(
      'away',
      `steps:\n  - {name: ask, type: step.gate, config: {type: manual, timeout: 3s}}`,
    );
    const { id } = await scene.start(pipeline);
    for (const stop of stops) await stop();
    await scene.serve();
    await eventually(async () => expect((await scene.run(id)).status).toBe('FAILED'), PATIENCE_MS);
    expect(await scene.eventsOf(`run-${id}`)).toEqual([
      'RunStarted',
      'GateOpened',
      'GateRejected',
      'RunFailed',
    ]);
  });
});
