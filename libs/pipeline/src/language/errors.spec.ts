import { describe, expect, it } from '@jest/globals';
import { readPipeline } from './read-pipeline.js';

/** `path: message` of each error. */
function errorsOf(text: string): string[] {
  const result = readPipeline(text);
  if ('definition' in result) return [];
  return result.errors.map(({ path, message }) => `${path}: ${message}`);
}

const run = 'type: step.shell_exec, config: {commands: [make]}';

/** The errors of one step, the inside of a YAML map, without `steps[0].` before them. */
function errorsOfStep(step: string): string[] {
  return errorsOf(`name: p\nsteps:\n  - {name: a, ${step}}`).map((error) => error.replace('steps[0].', ''));
}

const gate = (config: string): string => `type: step.gate, config: {type: ${config}}`;

describe('one mistake is one error that says what to write', () => {
  it.each([
    // keys of other systems
    ['image: x, ' + run, 'image: `image` is not known here: `image` stands in `config`'],
    ['depends_on: [b], ' + run, 'depends_on: `depends_on` is not known here: write `needs`'],
    [
      'timeout-minutes: 5, ' + run,
      'timeout-minutes: `timeout-minutes` is not known here: write `timeout: 30m`',
    ],
    [
      'retry: {limit: 2}, ' + run,
      'retry.limit: `limit` is not known here: write `max_attempts`, which counts the first attempt too',
    ],
    [
      'type: step.shell_exec, config: {script: x, commands: y}',
      'config.script: `script` is not known here: write `commands`',
    ],
    // matrix
    ['matrix: {a: [1, 2], exclude: [{b: 1}]}, ' + run, 'matrix.exclude[0].b: the matrix has no list `b`'],
    ['matrix: {a: [1], exclude: [{a: 1}]}, ' + run, 'matrix: `exclude` leaves no combination'],
    [
      'matrix: {a: [1], include: [{a: "x,y"}]}, ' + run,
      'matrix.include[0].a: a value of a matrix must not be empty or hold , [ ] { } or line breaks',
    ],
    ['matrix: {include: [{a: 1}, {a: 1}]}, ' + run, 'matrix: `include` makes `a[a=1]` twice'],
    [
      'matrix: {parallel: [1]}, parallel: 2, ' + run,
      'matrix.parallel: `parallel` names the parts of a step that has `parallel`; call it otherwise',
    ],
    [
      `matrix: {a: [${Array.from({ length: 20 }, (_, n) => n).join()}]}, parallel: 20, ${run}`,
      'matrix: the matrix has 400 combinations and parts, more than 256',
    ],
    [
      'fail_fast: true, ' + run,
      'fail_fast: `fail_fast` goes with `matrix` or `parallel`; without, the step runs once',
    ],
    // what goes together
    [
      'continue_on_error: true, allow_failure: true, ' + run,
      'allow_failure: write `continue_on_error` or `allow_failure`, not both',
    ],
    ['with: {a: b}, ' + run, 'with: `with` goes with `uses`; settings of a step type stand in `config`'],
    [
      'uses: docker://x, type: step.shell_exec, config: {commands: [x]}',
      'type: write `uses` or `type`, not both',
    ],
    [
      'uses: slack@2',
      'uses: plugins by name come with the plugin registry; write docker://slack for an image, or ./path.yaml for a template',
    ],
    [
      'services: [{name: db, image: x}, {name: db, image: y}], ' + run,
      'services[1].name: another service is called `db`',
    ],
    [
      'services: {db_1: x}, ' + run,
      'services.db_1: `db_1` must be a host name of lower-case letters, digits and dashes',
    ],
    [
      'services: {db: x}, ' + gate('manual'),
      'services: `services` goes with step.shell_exec and with plugins, not with step.gate',
    ],
    ['retry: 2, ' + gate('manual'), 'retry: `retry` says nothing in a gate, which no agent runs'],
    [
      'timeout: 1h, ' + gate('manual'),
      'timeout: `timeout` says nothing in a gate, which no agent runs; write `config: {timeout: …}` for how long people may take',
    ],
    [
      'services: {env: "x:{{.Secrets.X}}"}, ' + run,
      'services.env: {{.Secrets.X}}: a secret would be stored clear',
    ],
    // gates
    [gate('automatic'), 'config.conditions: `conditions` is missing'],
    [
      gate('automatic, conditions: "true", approvers: a'),
      'config.approvers: `approvers` goes with `type: manual`',
    ],
    [
      gate('manual, conditions: "true"'),
      'config.conditions: `conditions` goes with `type: automatic`; with people, write `auto_approve_conditions`, or a second gate',
    ],
    [
      gate('manual, approvers: [a, b], required: 3'),
      'config.required: 3 people must approve, and only 2 may: name more `approvers`',
    ],
    [gate('manual, approvers: [a@b.c, A@b.c]'), 'config.approvers[1]: `A@b.c` is there twice'],
    [gate('manual, timeout: 31d'), 'config.timeout: must be between 1 and 2592000 seconds, not `31d`'],
    [
      gate('manual, auto_approve_conditions: "scan.passed"'),
      'config.auto_approve_conditions: `scan`: no step that this one needs scans; add the scan to `needs`',
    ],
    [
      gate('manual, approvers: "{{.Env.X}}"'),
      "config.approvers: {{.Env.X}}: `Env` can't be used here; no template can",
    ],
    // conditions
    [
      'if: "github.ref == \'x\'", ' + run,
      "if: `github.ref == 'x'`: Unknown variable: github; write `branch`, `tag`, `commit` or `event`",
    ],
    ['if: "{{.Branch}} == 1", ' + run, "; conditions hold no templates: write branch == 'main'"],
    ['if: inputs.verison == "1", ' + run, 'if: `inputs.verison == "1"`: there is no input `verison`'],
    [
      'if: matrix.nod == "1", matrix: {node: [1]}, ' + run,
      'if: `matrix.nod == "1"`: there is no matrix value `nod`; did you mean `node`?',
    ],
    ['if: success, ' + run, 'if: `success`: Unknown variable: success; write success()'],
    [
      'if: "matrix.n == 2", matrix: {n: [2]}, ' + run,
      "; put the number in quotes, as in matrix.node == '20'",
    ],
    ['if: "branch = tag", ' + run, '; write ==, !=, &&, || and !'],
    ['if: branch == tag and always(), ' + run, '; write ==, !=, &&, || and !'],
    [
      'if: event == "pull-request", ' + run,
      'if: `event` is never `pull-request`; did you mean `pull_request`?',
    ],
    ['type: shell_exec, config: {}', 'type: `shell_exec` is not known here: write `step.shell_exec`'],
    [
      'services: {db: {image: x, ports: [1]}}, ' + run,
      'services.db.ports: `ports` is not known here: the step reaches every port of a service by its name; leave them out',
    ],
    ...['web', '/workspace/web'].map((folder) => [
      `type: step.shell_exec, config: {work_dir: ${folder}, commands: x}`,
      `config.work_dir: must be the absolute path at which the workspace lies in the container (to work in a folder of it begin \`commands\` with \`cd folder\`), not \`${folder}\``,
    ]),
    ['if: "tests.faild > 0", ' + run, 'if: `tests.faild > 0`: No such key: faild'],
    // templates
    [
      'env: {A: "${{ secrets.TOKEN }}"}, ' + run,
      'env.A: {{ secrets.TOKEN }} is not a template such as {{.Inputs.x}}; write {{.Secrets.TOKEN}}',
    ],
    ['env: {A: "${{ github.sha }}"}, ' + run, '; write {{.Commit}}'],
    [
      'env: {A: "{{hashFiles \'x\'}}"}, ' + run,
      "env.A: {{hashFiles 'x'}}: files are hashed in keys of caches only",
    ],
    [
      'cache: {key: "{{hashFiles x}}", paths: y}, ' + run,
      "cache.key: {{hashFiles x}} is not a template such as {{.Inputs.x}}; write {{hashFiles 'package-lock.json'}}, with up to 20 globs",
    ],
    [
      'cache: {key: "{{.Secrets.X}}", paths: y}, ' + run,
      'cache.key: {{.Secrets.X}}: a secret would be stored clear here; take it through `env`',
    ],
    [
      'concurrency: "{{.Secrets.X}}", ' + run,
      'concurrency: {{.Secrets.X}}: a secret would be stored clear here; take it through `env`',
    ],
    [
      'services: {db: "x:{{.Secrets.X}}"}, ' + run,
      'services.db: {{.Secrets.X}}: a secret would be stored clear',
    ],
    ['uses: "docker://x:{{.Evn.X}}"', 'uses: {{.Evn.X}}: there is no `Evn`; did you mean `Env`?'],
    [
      'uses: docker://x, with: {a: [{b: "{{.Evn.X}}"}]}',
      'with.a[0].b: {{.Evn.X}}: there is no `Evn`; did you mean `Env`?',
    ],
    [
      'type: step.docker_build, config: {tags: ["x:{{.Secrets.X}}"]}',
      'config.tags[0]: {{.Secrets.X}}: a secret would be stored clear',
    ],
    [
      'type: step.docker_build, config: {tags: x, build_args: {A: "{{.Secrets.X}}"}}',
      'config.build_args.A: {{.Secrets.X}}: a secret would be stored clear',
    ],
    [
      'type: step.docker_run, config: {image: x, command: "{{.Secrets.X}}"}',
      'config.command: {{.Secrets.X}}: a secret would be stored clear',
    ],
    [
      'type: step.deploy, config: {environment: e, image: i, provider: p, settings: {a: "{{.Verison}}"}}',
      'config.settings.a: {{.Verison}}: there is no `Verison`; did you mean `Version`?',
    ],
    [
      'type: step.scan_sast, config: {artifact_key: "{{.Env.X}}"}',
      "config.artifact_key: {{.Env.X}}: `Env` can't be used here; what can: Version",
    ],
    // sizes, mounts
    [
      'type: step.shell_exec, config: {commands: x, memory: 1m}',
      'config.memory: must be between 6 MiB and 4 TiB, not `1m`',
    ],
    [
      'type: step.shell_exec, config: {commands: x, memory: lots}',
      'config.memory: must be a size such as 512MiB, 2g, or a number of bytes, not `lots`',
    ],
    [
      'type: step.shell_exec, config: {commands: x, mounts: [/a]}',
      'config.mounts[0]: must be a mount such as /srv/cache:/cache or /srv/cache:/cache:ro, not `/a`',
    ],
    [
      'type: step.shell_exec, config: {commands: x, mounts: ["/a/../b:/c"]}',
      'config.mounts[0]: a mount has absolute paths without `..`, not `/a/../b`',
    ],
    [
      'type: step.shell_exec, config: {commands: x, mounts: [{source: a, target: /c}]}',
      'config.mounts[0]: a mount has absolute paths without `..`, not `a`',
    ],
    [
      'type: step.shell_exec, config: {commands: x, privileged: true}',
      'config.privileged: `privileged` is not known here: containers never are privileged',
    ],
    // docker, scans, deployments
    [
      'type: step.docker_push, config: {image: x, auth_provider: basic, username: u}',
      'config: `password` is missing: `auth_provider: basic` needs it',
    ],
    [
      'type: step.docker_push, config: {image: x, username: u, password: hunter2}',
      'config.password: a password is stored with the run: write {{.Secrets.NAME}}',
    ],
    [
      'type: step.docker_push, config: {image: x, auth_provider: gcp, username: u}',
      'config.username: `username` goes with `auth_provider: basic`, not with gcp',
    ],
    [
      'type: step.docker_push, config: {image: x, auth_provider: ecr}',
      'config.auth_provider: `ecr` is not known here: write `aws_ecr`',
    ],
    [
      'type: step.scan_container, config: {image: myapp}',
      'config: `target` is missing: the image that is scanned (`image` is the scanner’s own)',
    ],
    [
      'type: step.scan_sast, config: {fail_on_severity: hihg}',
      'config.fail_on_severity: must be one of critical, high, medium, low, info, none, error, warning, moderate, note, minor, major, blocker, negligible, unknown, not `hihg`; did you mean `high`?',
    ],
    [
      'type: step.scan_sast, config: {artifact_key: a, artifacts_out: b}',
      'config.artifacts_out: `artifacts_out` is the same as `artifact_key`; write one of them',
    ],
    [
      'type: step.deploy, config: {environment: e, image: i, provider: docker, strategy: canary, rolling: {}}',
      'config.rolling: `rolling` goes with `strategy: rolling`',
    ],
    [
      'type: step.deploy, config: {environment: e, image: i, provider: k, docker: {}}',
      'config.docker: `docker` goes with `provider: docker`',
    ],
    [
      'type: step.deploy, config: {environment: e, image: i, provider: k, health_check: {interval: 2h}}',
      'config.health_check.interval: must be between 1 and 3600 seconds, not `2h`',
    ],
  ])('%s', (step, error) => {
    const found = errorsOfStep(step);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(error);
  });

  it.each([
    ['on: pusj', 'on: must be push, pull_request, manual, tag, a list of them, or a map, not `pusj`'],
    ['on: [workflow_dispatch]', 'on[0]: `workflow_dispatch` is not known here: write `manual`'],
    ['on: {schedule: 0 3 * *}', 'on.schedule: `0 3 * *` is no schedule:'],
    ['on: {schedule: [0 0 30 2 *]}', 'on.schedule[0]: `0 0 30 2 *` is a time that never comes'],
    [
      'on: {schedule: [{cron: 61 * * * *}]}',
      'on.schedule[0].cron: `61 * * * *` is no schedule: Invalid value for minute: 61',
    ],
    ['timeout: 31d', 'timeout: must be between 1 and 2592000 seconds, not `31d`'],
    ['concurrency: {}', 'concurrency.group: `group` is missing'],
    ['concurrency: "{{.Env.X}}"', "concurrency: {{.Env.X}}: `Env` can't be used here"],
    ['defaults: {env: {A: "{{.Matrix.x}}"}}', "defaults.env.A: {{.Matrix.x}}: `Matrix` can't be used here"],
    ['jobs: {}', 'jobs: `jobs` is not known here: there are no jobs around steps: write `steps`'],
  ])('%s', (head, error) => {
    const found = errorsOf(`name: p\n${head}\nsteps:\n  - {name: a, ${run}}`);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(error);
  });

  it('looks at scans that the step needs, directly or not', () => {
    const steps = [
      'name: s, type: step.scan_sast, config: {}',
      `name: b, needs: s, ${run}`,
      'name: g, needs: b, type: step.gate, config: {type: automatic, conditions: scan.critical == 0}',
    ];
    expect(errorsOf(`name: p\nsteps:\n${steps.map((step) => `  - {${step}}`).join('\n')}`)).toEqual([]);
  });
});

describe('what CEL lets pass and nobody means', () => {
  it.each([
    [
      'steps.s.outputs.n == 3',
      '`steps.s.outputs.n` is a text: write `int(steps.s.outputs.n)` to compare it with a number',
    ],
    ['-1 < steps["s"]["outputs"]["n"]', '`steps.s.outputs.n` is a text: write `int(steps.s.outputs.n)`'],
    [
      'branch == "x" && !steps.s.outputs.n',
      '`steps.s.outputs.n` is a text: write `steps.s.outputs.n == "true"`',
    ],
    ['steps.s.outputs.n', '`steps.s.outputs.n` is a text: write `steps.s.outputs.n == "true"`'],
    ['steps.s.outputs.n == true', '`steps.s.outputs.n` is a text: write `steps.s.outputs.n == "true"`'],
    ['steps.s.passed', '`steps.s.passed`: a step has `status` and `outputs`: write `steps.s.outputs.passed`'],
    ['steps.s.status == "SUCCEEDED"', '`steps.s.status` is never `SUCCEEDED`; did you mean `succeeded`?'],
    ['"ok" == steps.s.status', '`steps.s.status` is never `ok`; it is one of succeeded, failed, skipped'],
  ])('%s', (condition, message) => {
    const errors = errorsOf(
      `name: p\nsteps:\n  - {name: s, ${run}}\n  - {name: a, needs: s, ${run}, if: '${condition}'}`,
    );
    expect(errors).toEqual([expect.stringContaining(`steps[1].if: ${message}`)]);
  });

  it.each([
    'int(steps.s.outputs.n) > 3',
    'steps.s.outputs.n == "3" || size(steps.s.outputs) == 0',
    'has(steps.s.outputs.n) && steps.s.outputs.n != ""',
    '"n" in steps.s.outputs && steps.s.status != "failed"',
    'steps.s.outputs.n.startsWith("1.") == true',
  ])('and not %s', (condition) => {
    expect(
      errorsOf(`name: p\nsteps:\n  - {name: s, ${run}}\n  - {name: a, needs: s, ${run}, if: '${condition}'}`),
    ).toEqual([]);
  });
});

it('says of a slip in the YAML itself what it is, and not all that fits nowhere after it', () => {
  const errors = errorsOf('name: p\nsteps:\n  - {name: a, if: ${{ x }} }\n  - name: b\n    needs: [a]\n');
  expect(errors.length).toBeLessThan(4);
  expect(errors[0]).toContain('not YAML');
});
