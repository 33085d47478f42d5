import { describe, expect, it } from '@jest/globals';
import type { StepDefinition } from './definition.js';
import { expand } from './expand.js';
import { readPipeline } from './read-pipeline.js';

/** The example that the language was designed by. */
const example = `
name: web
on:                                   # triggers
  push: { branches: [main, "release/*"], paths: ["apps/web/**"] }
  pull_request: {}
  schedule: "0 3 * * *"
  manual: { inputs: { version: { type: string, required: true } } }
env: { NODE_ENV: production }
defaults: { pool: default, timeout: 30m, retry: { max_attempts: 2 } }
concurrency: { group: "web-{{.Branch}}", cancel_in_progress: true }

steps:
  - name: test
    type: step.shell_exec
    matrix: { node: [20, 24] }
    config:
      image: "node:{{.Matrix.node}}-alpine"
      commands: [npm ci, npm test]
      work_dir: /workspace
      timeout: 300s
      artifacts_out: [{ key: ui-dist, path: /workspace/dist }]
    cache: { key: "npm-{{hashFiles 'package-lock.json'}}", paths: [~/.npm] }

  - name: sast
    type: step.scan_sast
    config: { scanner: semgrep, source_path: /workspace, rules: [p/owasp-top-ten], fail_on_severity: error, output_format: sarif }

  - name: image
    type: step.docker_build
    needs: [test, sast]
    config: { context: /workspace, dockerfile: Dockerfile, tags: ["myapp:{{.Version}}"], build_args: {}, cache_from: [] }

  - name: approve
    type: step.gate
    needs: [image]
    config: { type: manual, approvers: [admin@example.com], required: 1, timeout: 24h,
              auto_approve_conditions: ["scan.passed == true", "tests.passed == true"] }

  - name: production
    type: step.deploy
    needs: [approve]
    if: "branch == 'main'"
    config:
      environment: production
      strategy: rolling
      image: "myapp:{{.Version}}"
      provider: aws_ecs
      health_check: { path: /health, interval: 10s, timeout: 5s, healthy_threshold: 3 }
      rollback_on_failure: true
      rolling: { max_surge: 25%, max_unavailable: 0 }
`;

function definitionOf(text: string) {
  const result = readPipeline(text);
  if ('errors' in result) throw new Error(JSON.stringify(result.errors, null, 1));
  return result.definition;
}

/** The only step of a pipeline, written as the inside of a YAML map. */
function stepOf(step: string, head = ''): StepDefinition {
  return definitionOf(`name: p\n${head}\nsteps:\n  - {name: a, ${step}}`).steps[0]!;
}

const run = 'type: step.shell_exec, config: {commands: make}';

describe('the whole language', () => {
  it('reads the example that it was designed by', () => {
    const { steps, ...pipeline } = definitionOf(example);
    expect(pipeline).toEqual({
      name: 'web',
      env: { NODE_ENV: 'production' },
      inputs: { version: { type: 'string', required: true } },
      triggers: {
        push: { branches: ['main', 'release/*'], tags: ['!**'], paths: ['apps/web/**'] },
        pull_request: { branches: [], paths: [] },
        schedule: ['0 3 * * *'],
      },
      concurrency: { group: 'web-{{.Branch}}', cancel_in_progress: true },
    });
    const [test, sast, image, approve, production] = steps;
    expect(test).toMatchObject({
      timeout_seconds: 300,
      retry: { max_attempts: 2, backoff_seconds: 5 },
      caches: [{ key: "npm-{{hashFiles 'package-lock.json'}}", paths: ['~/.npm'] }],
    });
    expect(sast!.config).toEqual({
      scanner: 'semgrep',
      source_path: '/workspace',
      rules: ['p/owasp-top-ten'],
      fail_on_severity: 'high',
      ignore_unfixed: false,
      output_format: 'sarif',
    });
    expect(image!.config).toMatchObject({ tags: ['myapp:{{.Version}}'], build_args: {}, labels: {} });
    expect(approve!.config).toEqual({
      type: 'manual',
      approvers: ['admin@example.com'],
      required: 1,
      timeout_seconds: 86_400,
      auto_approve_conditions: ['scan.passed == true', 'tests.passed == true'],
    });
    expect(approve!.timeout_seconds).toBe(1800);
    expect(production!.config).toMatchObject({
      health_check: { path: '/health', interval_seconds: 10, healthy_threshold: 3, unhealthy_threshold: 3 },
      settings: { rolling: { max_surge: '25%', max_unavailable: 0 } },
    });
  });

  it.each([
    ['push', { push: { branches: [], tags: [], paths: [] } }],
    [
      '[push, pull_request]',
      { push: { branches: [], tags: [], paths: [] }, pull_request: { branches: [], paths: [] } },
    ],
    ['manual', undefined],
    ['tag', { push: { branches: ['!**'], tags: ['**'], paths: [] } }],
    ['{tag: v*}', { push: { branches: ['!**'], tags: ['v*'], paths: [] } }],
    ['{push: {branches: main}, tags: [v*]}', { push: { branches: ['main'], tags: ['v*'], paths: [] } }],
    ['{push: {tags: v*}}', { push: { branches: ['!**'], tags: ['v*'], paths: [] } }],
    ['{schedule: [0 3 * * *, {cron: "@daily"}]}', { schedule: ['0 3 * * *', '@daily'] }],
    ['{pipeline: lib}', { pipelines: ['lib'] }],
  ])('on: %s', (on, triggers) => {
    expect(definitionOf(`name: p\non: ${on}\nsteps: [{name: a, ${run}}]`).triggers).toEqual(triggers);
  });

  it.each([
    ['retry: 2', { retry: { max_attempts: 3, backoff_seconds: 5 } }],
    [
      'retry: {max_attempts: 2, backoff: 1m, factor: 1.5, max_backoff: 1h, exit_codes: 137}',
      {
        retry: {
          max_attempts: 2,
          backoff_seconds: 60,
          backoff_factor: 1.5,
          max_backoff_seconds: 3600,
          exit_codes: [137],
        },
      },
    ],
    ['allow_failure: true', { continue_on_error: true }],
    ['allow_failure: {exit_codes: [1, 2]}', { continue_on_error: true, forgiven_exit_codes: [1, 2] }],
    ['concurrency: deploy', { concurrency: { group: 'deploy', limit: 1 } }],
    ['concurrency: {group: deploy, limit: 3}', { concurrency: { group: 'deploy', limit: 3 } }],
    ['priority: high', { priority: 'HIGH' }],
    ['queue_timeout: 2d', { queue_timeout_seconds: 172_800 }],
    ['labels: {os: linux, cores: 8}', { labels: { os: 'linux', cores: '8' } }],
    ['test_reports: "**/junit.xml"', { test_reports: ['**/junit.xml'] }],
    ['dynamic: true', { dynamic: true }],
    ['services: {db: "postgres:17"}', { services: [{ name: 'db', image: 'postgres:17' }] }],
    [
      'services: [{name: db, image: pg, env: {V: 1.10}, command: [serve], ready: pg_isready, ready_timeout: 2m}]',
      {
        services: [
          {
            name: 'db',
            image: 'pg',
            env: { V: '1.10' },
            command: ['serve'],
            ready: ['sh', '-c', 'pg_isready'],
            ready_timeout_seconds: 120,
          },
        ],
      },
    ],
    [
      'cache: [{key: a, paths: x}, {key: b, paths: [y], restore_keys: b-}]',
      {
        caches: [
          { key: 'a', paths: ['x'] },
          { key: 'b', paths: ['y'], restore_keys: ['b-'] },
        ],
      },
    ],
  ])('a step with %s', (text, expected) => {
    expect(stepOf(`${text}, ${run}`)).toMatchObject(expected);
  });

  it.each([
    ['step.shell_exec, config: {commands: make, shell: bash}', { commands: ['make'], shell: 'bash' }],
    [
      'step.shell_exec, config: {commands: make, memory: 1.5g, cpu: 0.5, pids: 10, user: "1:1", read_only: true}',
      { memory: 1_610_612_736, cpu: 0.5, pids: 10, user: '1:1', read_only: true },
    ],
    [
      'step.shell_exec, config: {commands: make, mounts: ["/a:/b:ro", {source: /c, target: /d}], docker_socket: true}',
      {
        mounts: [
          { source: '/a', target: '/b', read_only: true },
          { source: '/c', target: '/d', read_only: false },
        ],
        docker_socket: true,
      },
    ],
    ['step.docker_build, config: {tags: a}', { context: '.', dockerfile: 'Dockerfile', tags: ['a'] }],
    ['step.docker_push, config: {image: a}', { auth_provider: 'none', also_as: [] }],
    [
      'step.docker_push, config: {image: a, username: ci, password: "{{.Secrets.P}}"}',
      { auth_provider: 'basic', username: 'ci', password: '{{.Secrets.P}}' },
    ],
    ['step.docker_run, config: {image: a}', { command: [], env: {}, wait_for_exit: true }],
    ['step.docker_run, config: {image: a, command: ls}', { command: ['sh', '-c', 'ls'] }],
    [
      'step.scan_deps, config: {severity_threshold: CRITICAL}',
      { scanner: 'grype', fail_on_severity: 'critical' },
    ],
    [
      'step.scan_container, config: {target: a, artifacts_out: {key: sarif}}',
      { scanner: 'trivy', target: 'a', fail_on_severity: 'high', artifact_key: 'sarif' },
    ],
    [
      'step.scan_sast, config: {fail_on_severity: note, artifacts_out: [{key: k}]}',
      { fail_on_severity: 'low', artifact_key: 'k' },
    ],
    [
      'step.deploy, config: {environment: e, image: i, provider: docker, docker: {ports: [80]}}',
      { strategy: 'recreate', rollback_on_failure: true, settings: { docker: { ports: [80] } } },
    ],
  ])('type: %s', (text, config) => {
    expect(stepOf(`type: ${text}`).config).toMatchObject(config);
  });

  it('takes a plugin with its settings', () => {
    const step = 'uses: docker://plugins/slack, with: {channel: ci, tags: [1.5], token: "{{.Secrets.T}}"}';
    expect(stepOf(`${step}, config: {memory: 64m, timeout: 1m}`)).toMatchObject({
      type: 'step.plugin',
      timeout_seconds: 60,
      config: {
        image: 'plugins/slack',
        settings: { channel: 'ci', tags: [1.5], token: '{{.Secrets.T}}' },
        memory: 67_108_864,
      },
    });
  });

  it('fills in what the defaults say', () => {
    const head =
      'defaults: {image: "node:20", labels: {os: linux, a: b}, env: {A: 1, B: 2}, priority: low, retry: 1}\nenv: {B: 3}';
    const { env, steps } = definitionOf(`name: p\n${head}\nsteps: [{name: a, labels: {a: c}, ${run}}]`);
    expect(env).toEqual({ A: '1', B: '3' });
    expect(steps[0]).toMatchObject({
      labels: { os: 'linux', a: 'c' },
      priority: 'LOW',
      retry: { max_attempts: 2 },
      config: { image: 'node:20' },
    });
  });
});

describe('matrices', () => {
  const ids = (step: string): string[] => expand({ steps: [stepOf(`${step}, ${run}`)] }).map(({ id }) => id);

  it.each([
    ['matrix: {a: [1, 2], exclude: [{a: 2}]}', ['a[a=1]']],
    ['matrix: {a: [1, 2], b: [x, y], exclude: [{a: 2, b: y}]}', ['a[a=1,b=x]', 'a[a=1,b=y]', 'a[a=2,b=x]']],
    ['matrix: {include: [{a: 1}, {b: 2}]}', ['a[a=1]', 'a[b=2]']],
    ['matrix: {a: [1, 2], include: [{a: 2, c: z}]}', ['a[a=1]', 'a[a=2,c=z]']],
    ['parallel: 3', ['a[parallel=1-of-3]', 'a[parallel=2-of-3]', 'a[parallel=3-of-3]']],
    ['matrix: {a: [1]}, parallel: 2', ['a[a=1,parallel=1-of-2]', 'a[a=1,parallel=2-of-2]']],
  ])('%s', (step, expected) => {
    expect(ids(step)).toEqual(expected);
  });

  it('follows the example in the manual that everybody knows', () => {
    expect(
      stepOf(
        `matrix: {fruit: [apple, pear], animal: [cat, dog], include: [{color: green}, {color: pink, animal: cat}, {fruit: apple, shape: circle}, {fruit: banana}, {fruit: banana, animal: cat}]}, ${run}`,
      ).combinations,
    ).toEqual([
      { fruit: 'apple', animal: 'cat', color: 'pink', shape: 'circle' },
      { fruit: 'apple', animal: 'dog', color: 'green', shape: 'circle' },
      { fruit: 'pear', animal: 'cat', color: 'pink', shape: '' },
      { fruit: 'pear', animal: 'dog', color: 'green', shape: '' },
      { fruit: 'banana', animal: '', color: '', shape: '' },
      { fruit: 'banana', animal: 'cat', color: '', shape: '' },
    ]);
  });

  it('knows the names that only an included combination has, and the part', () => {
    const text = `matrix: {a: [1], include: [{a: 1, x: y}]}, parallel: 2, env: {X: "{{.Matrix.x}}{{.Matrix.parallel}}"}, ${run}`;
    expect(stepOf(text).env).toEqual({ X: '{{.Matrix.x}}{{.Matrix.parallel}}' });
  });
});
