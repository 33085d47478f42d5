import { describe, expect, it } from '@jest/globals';
import type { EnqueueJobCommand } from '@hybrid/contracts';
import type { RunCommand } from './run.decider.js';
import {
  definitionOf,
  ended,
  play,
  RUN_ID,
  runAfter,
  shell,
  start,
  statuses,
  stepOf,
} from './run.fixtures.js';
import { jobIdOf } from './run.job.js';

function jobs(...commands: RunCommand[]): Record<string, EnqueueJobCommand> {
  return Object.fromEntries(
    play(...commands).flatMap((event) =>
      event.type === 'StepQueued' ? [[event.data.step_id, event.data.job]] : [],
    ),
  );
}

describe('a job', () => {
  const definition = definitionOf(`
name: web
on: { manual: { inputs: { version: { type: string }, count: { type: number, default: 2 } } } }
env: { A: "{{.Version}}", TOKEN: "{{.Secrets.TOKEN}}" }
steps:
  - name: build
    type: step.shell_exec
    matrix: { node: [20] }
    pool: linux
    labels: { gpu: "yes" }
    timeout: 5m
    retry: { max_attempts: 3, backoff: 10s }
    env: { B: "{{.Env.A}}-{{.Matrix.node}}" }
    config:
      image: node:{{.Matrix.node}}
      commands: ["echo {{.Branch}} {{.Commit}} {{.Inputs.count}} {{.RunID}}", "use {{.Secrets.TOKEN}} {{.Env.C}}"]
      work_dir: /workspace
      network: none
      env: { C: "{{.Env.B}}!", A: changed }
      artifacts_out: [{ key: "ui-{{.Matrix.node}}", path: dist }]
`);

  it('is complete but for secrets', () => {
    expect(jobs(start(definition, { inputs: { version: '1.2' } }))['build[node=20]']).toEqual({
      job_id: jobIdOf(RUN_ID, 'build[node=20]'),
      run_id: RUN_ID,
      pipeline_id: 'web',
      name: 'build[node=20]',
      pool: 'linux',
      labels: { gpu: 'yes' },
      max_attempts: 3,
      backoff_seconds: 10,
      on_exhausted: 'fail',
      timeout_seconds: 300,
      spec: {
        step: {
          id: 'build[node=20]',
          name: 'build',
          type: 'step.shell_exec',
          config: {
            image: 'node:20',
            commands: [`echo main 0123456789abcdef 2 ${RUN_ID}`, 'use {{.Secrets.TOKEN}} 1.2-20!'],
            work_dir: '/workspace',
            network: 'none',
          },
        },
        source: { repository: 'https://git.example/repo.git', commit: '0123456789abcdef', ref: 'main' },
        execution_id: RUN_ID,
        env: { A: 'changed', TOKEN: '{{.Secrets.TOKEN}}', B: '1.2-20', C: '1.2-20!' },
        artifacts_in: [],
        artifacts_out: [{ key: 'ui-20', path: 'dist' }],
      },
    });
  });

  it('takes its version from the commit when no input tells it', () => {
    expect(jobs(start(definition))['build[node=20]']!.spec.env).toMatchObject({ B: '0123456789ab-20' });
  });

  it('is not made when a value could smuggle in a secret', () => {
    const source = { repository: 'r', ref: '{{.Secrets.TOKEN}}' };
    const run = runAfter(...play(start(definition, { source })));
    expect(stepOf(run, 'build[node=20]')).toMatchObject({
      status: 'FAILED',
      message: expect.stringContaining('could be taken for a template'),
    });
    expect(run.status).toBe('FAILED');
  });

  it('is not made when it would be too large', () => {
    const large = definitionOf(
      shell('a'),
      'name: b, needs: [a], type: step.shell_exec, config: {commands: ["{{.Steps.a.outputs.x}}"]}',
    );
    const run = runAfter(
      ...play(start(large), ended('a', 'succeeded', { outputs: { x: 'x'.repeat(500_000) } })),
    );
    expect(stepOf(run, 'b')).toMatchObject({
      status: 'FAILED',
      message: expect.stringContaining('more than 400000 bytes'),
    });
  });
});

describe('artifacts', () => {
  const push =
    'name: push, needs: [build], type: step.artifact_push, config: {source_path: dist, key: "app-{{.Inputs.v}}", dest: artifact_store}';
  const pull =
    'name: pull, needs: [push], type: step.artifact_pull, config: {source: artifact_store, key: "app-{{.Inputs.v}}", dest: in}';
  const text = `name: p\non: {manual: {inputs: {v: {type: string, default: "1"}}}}\nsteps:\n${[shell('build'), push, pull, shell('gap', ['pull']), shell('use', ['gap'])].map((step) => `  - {${step}}`).join('\n')}`;
  const run = start(definitionOf(text));
  const after = (...steps: string[]) => jobs(run, ...steps.map((step) => ended(step, 'succeeded')));

  it('are stored at the end of the step that makes them; the push confirms it', () => {
    expect(after().build!.spec.artifacts_out).toEqual([{ key: 'app-1', path: 'dist' }]);
    const { spec } = after('build').push!;
    expect(spec.step.config).toEqual({
      key: 'app-1',
      source_path: 'dist',
      dest: 'artifact_store',
      stored: true,
    });
    expect(spec).not.toHaveProperty('source');
  });

  it('are put into the workspace of every step behind the pull', () => {
    const made = after('build', 'push', 'pull', 'gap');
    expect(made.pull!.spec.step.config).toEqual({
      source: 'artifact_store',
      key: 'app-1',
      dest: 'in',
      execution_id: RUN_ID,
    });
    expect(made.gap!.spec.artifacts_in).toEqual([{ execution_id: RUN_ID, key: 'app-1', dest: 'in' }]);
    expect(made.use!.spec.artifacts_in).toEqual([{ execution_id: RUN_ID, key: 'app-1', dest: 'in' }]);
    expect(made.build!.spec.artifacts_in).toEqual([]);
  });

  it('of a push without shell steps come from its own checkout', () => {
    const made = jobs(
      start(
        definitionOf(
          'name: push, type: step.artifact_push, config: {source_path: README.md, key: r, dest: artifact_store}',
        ),
      ),
    );
    expect(made.push!.spec.step.config).toEqual({
      key: 'r',
      source_path: 'README.md',
      dest: 'artifact_store',
    });
    expect(made.push!.spec).toHaveProperty('source');
  });

  it('of the run before are fetched by its id, if there is one', () => {
    const definition = definitionOf(
      'name: pull, type: step.artifact_pull, config: {source: previous_execution, key: k, dest: in}',
      shell('use', ['pull']),
    );
    const made = jobs(start(definition, { previous_execution_id: 'earlier' }), ended('pull', 'succeeded'));
    expect(made.use!.spec.artifacts_in).toEqual([{ execution_id: 'earlier', key: 'k', dest: 'in' }]);
    expect(statuses(start(definition))).toEqual({ pull: 'FAILED', use: 'SKIPPED', run: 'FAILED' });
  });

  it('have keys that the store takes', () => {
    const odd = runAfter(...play(start(definitionOf(text), { inputs: { v: 'a/b' } })));
    expect(stepOf(odd, 'build')).toMatchObject({
      status: 'FAILED',
      message: expect.stringContaining("`app-a/b` can't be the key"),
    });
  });
});
