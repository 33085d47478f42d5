import { describe, expect, it } from '@jest/globals';
import type { EnqueueJobCommand } from '@hybrid/contracts';
import type { Definition } from '../language/definition.js';
import { definitionOf, play, RUN_ID, runAfter, shell, start, stepOf } from './run.fixtures.js';

/** The job of the only step. */
function jobOf(step: string | Definition): EnqueueJobCommand {
  const definition = typeof step === 'string' ? definitionOf(step) : step;
  const event = play(start(definition)).find(({ type }) => type === 'StepQueued');
  if (event?.type !== 'StepQueued')
    throw new Error(stepOf(runAfter(...play(start(definition))), 'x').message!);
  return event.data.job;
}

describe('the job of a step', () => {
  it('of docker goes to an agent that has it, with templates put in everywhere', () => {
    const build = jobOf(
      'name: x, type: step.docker_build, config: {context: ., tags: ["app:{{.Version}}"], build_args: {REF: "{{.Branch}}"}}',
    );
    expect(build).toMatchObject({
      capabilities: ['docker'],
      spec: {
        source: { ref: 'main' },
        step: { config: { tags: ['app:0123456789ab'], build_args: { REF: 'main' } } },
      },
    });
    const push = jobOf(
      'name: x, type: step.docker_push, config: {image: "r.example/app:{{.Version}}", auth_provider: basic, username: "{{.Secrets.USER}}", password: "{{.Secrets.PASSWORD}}"}',
    );
    expect(push.spec).toMatchObject({
      step: { config: { image: 'r.example/app:0123456789ab', password: '{{.Secrets.PASSWORD}}' } },
    });
    expect(push.spec).not.toHaveProperty('source');
    const run = jobOf(
      'name: x, type: step.docker_run, env: {A: "1"}, config: {image: app, env: {A: "2", B: "{{.Env.A}}"}}',
    );
    expect(run.spec.env).toEqual({ A: '2', B: '1' });
    expect(run.spec.step.config).not.toHaveProperty('env');
    expect(jobOf(shell('x'))).not.toHaveProperty('capabilities');
  });

  it('of a scan and of a deployment is told its config', () => {
    const scan = jobOf(
      'name: x, type: step.scan_container, config: {scanner: trivy, target: "app:{{.Version}}", fail_on_severity: high}',
    );
    expect(scan.spec.step.config).toMatchObject({ target: 'app:0123456789ab', fail_on_severity: 'high' });
    const deploy = jobOf(
      'name: x, type: step.deploy, config: {environment: production, strategy: rolling, image: "app:{{.Version}}", provider: docker, rolling: {max_surge: 25%}}',
    );
    expect(deploy.spec.step.config).toMatchObject({
      image: 'app:0123456789ab',
      settings: { rolling: { max_surge: '25%' } },
    });
    expect(deploy.spec).not.toHaveProperty('source');
  });

  it('has services, caches, reports, and what the queue is to do with it', () => {
    const job = jobOf(
      definitionOf(
        [
          'name: p\non: {manual: {inputs: {pg: {type: string, default: "17"}}}}\nsteps:',
          '  - {name: x, type: step.shell_exec, priority: high, queue_timeout: 1m, dynamic: true, retry: {max_attempts: 4, backoff: 2s, factor: 3, max_backoff: 1m, exit_codes: [7]},',
          '     concurrency: {group: "db-{{.Branch}}", limit: 2}, test_reports: ["out/{{.Branch}}/*.xml"],',
          `     cache: {key: "npm-{{.Branch}}-{{hashFiles 'package-lock.json'}}", paths: [~/.npm]},`,
          '     services: [{name: db, image: "postgres:{{.Inputs.pg}}", env: {PASSWORD: "{{.Secrets.DB}}"}}],',
          '     config: {commands: [make]}}',
        ].join('\n'),
      ),
    );
    expect(job).toMatchObject({
      priority: 'HIGH',
      queue_timeout_seconds: 60,
      ...{ max_attempts: 4, backoff_seconds: 2, backoff_factor: 3, max_backoff_seconds: 60 },
      retry_on_exit_codes: [7],
      concurrency: { group: 'db-main', limit: 2 },
      spec: {
        dynamic: true,
        test_reports: ['out/main/*.xml'],
        caches: [{ key: "npm-main-{{hashFiles 'package-lock.json'}}", paths: ['~/.npm'] }],
        services: [{ name: 'db', image: 'postgres:17', env: { PASSWORD: '{{.Secrets.DB}}' } }],
      },
    });
  });

  it('says nothing of what the step has not', () => {
    const { spec, ...job } = jobOf(shell('x'));
    expect(Object.keys(job).sort()).toEqual([
      ...['backoff_seconds', 'job_id', 'labels', 'max_attempts', 'name', 'on_exhausted', 'pipeline_id'],
      ...['pool', 'run_id', 'timeout_seconds'],
    ]);
    expect(Object.keys(spec).sort()).toEqual([
      ...['artifacts_in', 'artifacts_out', 'env', 'execution_id', 'source', 'step'],
    ]);
    expect(spec.execution_id).toBe(RUN_ID);
  });
});
