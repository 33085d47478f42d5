import { describe, expect, it } from '@jest/globals';
import { readPipeline } from './read-pipeline.js';

/** `line:column path: message` of each error. */
function errorsOf(text: string): string[] {
  const result = readPipeline(text);
  if ('definition' in result) return [];
  return result.errors.map(({ line, column, path, message }) => `${line}:${column} ${path}: ${message}`);
}

function definitionOf(text: string) {
  const result = readPipeline(text);
  if ('errors' in result) throw new Error(JSON.stringify(result.errors, null, 1));
  return result.definition;
}

/** A pipeline of steps, each `name: rest of the step in flow style`. */
function steps(...lines: string[]): string {
  return ['name: p', 'steps:', ...lines.map((line) => `  - {${line}}`)].join('\n');
}

const run = 'type: step.shell_exec, config: {commands: [make]}';

describe('a right pipeline', () => {
  it('gets its defaults, its durations in seconds and its scalars as they were written', () => {
    const { steps: read, ...pipeline } = definitionOf(`
name: web
on: { manual: { inputs: { version: { type: string, default: "1.0" } } } }
env: { PYTHON: 3.10, DEBUG: true }
defaults: { pool: linux, timeout: 30m, retry: { max_attempts: 2, backoff: 1m } }
steps:
  - name: test
    type: step.shell_exec
    matrix: { node: [20, 1.10] }
    retry: { max_attempts: 3 }
    config: { commands: [npm test], timeout: 2h, env: { A: 1 } }
  - name: build
    type: step.shell_exec
    needs: [test]
    config: { commands: [npm run build] }
`);
    expect(pipeline).toEqual({
      name: 'web',
      env: { PYTHON: '3.10', DEBUG: 'true' },
      inputs: { version: { type: 'string', required: false, default: '1.0' } },
    });
    expect(read[0]).toMatchObject({
      pool: 'linux',
      matrix: { node: ['20', '1.10'] },
      timeout_seconds: 7200,
      retry: { max_attempts: 3, backoff_seconds: 60 },
      config: { commands: ['npm test'], env: { A: '1' }, artifacts_in: [], artifacts_out: [] },
    });
    expect(read[0]!.config).not.toHaveProperty('timeout');
    expect(read[1]).toMatchObject({
      needs: ['test'],
      timeout_seconds: 1800,
      continue_on_error: false,
      if: null,
    });
  });

  it('may use anchors and merge keys', () => {
    const { steps: read } = definitionOf(`
name: p
steps:
  - &one
    name: one
    type: step.shell_exec
    env: &env { A: "1", B: "1" }
    config: { commands: [make] }
  - <<: *one
    name: two
    env: { <<: *env, B: "2" }
`);
    expect(read[1]).toMatchObject({ name: 'two', type: 'step.shell_exec', env: { A: '1', B: '2' } });
  });

  it('may use every template that its place allows', () => {
    const text = `
name: p
on: { manual: { inputs: { who: { type: string } } } }
env: { TOKEN: "{{.Secrets.TOKEN}}", WHAT: "{{.Version}} {{ .Branch }} {{.Inputs.who}}" }
steps:
  - name: make-it
    type: step.shell_exec
    config: { commands: ["docker ps --format '{{"{{"}}.Names}}'"] }
  - name: use
    type: step.shell_exec
    needs: [make-it]
    matrix: { os: [linux] }
    env: { FROM: "{{.Steps.make-it.outputs.digest}} {{.Env.WHAT}}" }
    config:
      image: "node:{{.Matrix.os}}"
      commands: ["{{.Env.FROM}} {{.Secrets.TOKEN}} {{.RunID}} {{.PreviousExecutionID}} {{.Commit}}"]
`.replace('"docker ps --format \'{{"{{"}}.Names}}\'"', `'docker ps {{"{{"}}.Names}}'`);
    expect(errorsOf(text)).toEqual([]);
  });
});

describe('errors of shape', () => {
  it('come all at once, in the order of the text, with a proposal where one is near', () => {
    const text = `name: Web
cache: {}
stpes: 1
on: { push: { branch: x } }
steps:
  - name: test
    type: step.shell_exec
    needs: [buld]
    timeout: 3x
    config: { comands: [a] }
  - name: build
    type: step.docker_build
    config: { context: . }
  - name: gate
    type: step.gate
    if: "brnch == 'x'"
    config: { type: manul }
`;
    expect(errorsOf(text)).toEqual([
      '1:7 name: must be a name of at most 63 lower-case letters, digits, dashes and underscores that begins with a letter or digit, not `Web`',
      '2:1 cache: `cache` is not known here: `cache` stands in a step',
      '3:1 stpes: unknown key `stpes`; did you mean `steps`?',
      '4:15 on.push.branch: unknown key `branch`; did you mean `branches`?',
      '8:13 steps[0].needs[0]: there is no step `buld`; did you mean `build`?',
      '9:14 steps[0].timeout: must be a duration such as 30s, 5m, 2h, 1d, or a number of seconds, not `3x`',
      '10:13 steps[0].config.commands: `commands` is missing',
      '10:15 steps[0].config.comands: unknown key `comands`; did you mean `commands`?',
      '13:13 steps[1].config.tags: `tags` is missing',
      "16:9 steps[2].if: `brnch == 'x'`: Unknown variable: brnch; did you mean `branch`?",
      '17:21 steps[2].config.type: must be one of automatic, manual, not `manul`; did you mean `manual`?',
    ]);
  });

  it.each([
    ['', '1:1 : the definition is empty'],
    ['name: p\n---\nname: q', '2:1 : a definition is one YAML document; remove the second one'],
    ['name: p\nname: q\nsteps: [a', 'not YAML'],
    ['- a', '1:1 : must be a map, not a list'],
    ['name: p\nsteps: []', '2:8 steps: must not be empty'],
    [
      'name: p\nenv: {A: [1]}\nsteps: 3',
      '2:10 env.A: must be a text or a number or true or false, not a list',
    ],
    ['name: p\nenv: {1x: a}', '2:7 env.1x: `1x` must be a name of letters, digits and underscores'],
    ['__proto__: {}', '1:1 : `__proto__` cannot be a key'],
    ['a: *nowhere', '1:4 : no anchor `&nowhere` stands before this alias'],
    ['a: .inf', '.inf is not a finite number'],
    ['? [a]\n: b', 'a key must be a text'],
    [steps(`name: a, name: b, ${run}`), '3:15 steps[0].name: `steps[0].name` is there twice; remove one'],
    [steps(`name: a, matrix: {include: [1]}, ${run}`), 'include[0]: must be a map, not a number'],
    [
      steps('name: a, type: step.shell_exe, config: {}'),
      'not `step.shell_exe`; did you mean `step.shell_exec`?',
    ],
    [
      steps('name: a, type: step.shell_exec, config: {commands: []}'),
      '3:57 steps[0].config.commands: must not be empty',
    ],
  ])('%j', (text, message) => {
    expect(errorsOf(text).join('\n')).toContain(message);
  });
});

describe('errors of meaning', () => {
  const needing = `name: b, needs: [a], ${run}`;
  it.each([
    [
      'a name twice',
      steps(`name: a, ${run}`, `name: a, ${run}`),
      '4:12 steps[1].name: another step is called `a`',
    ],
    [
      'a need twice',
      steps(`name: a, ${run}`, `name: b, needs: [a, a], ${run}`),
      '4:26 steps[1].needs[1]: `a` is there twice',
    ],
    [
      'a circle',
      steps(`name: a, needs: [c], ${run}`, needing, `name: c, needs: [b], ${run}`),
      '3:22 steps[0].needs: steps need each other in a circle: a → c → b → a',
    ],
    ['itself', steps(`name: a, needs: [a], ${run}`), 'in a circle: a → a'],
    [
      'a second circle',
      steps(`name: a, needs: [a], ${run}`, `name: b, needs: [b], ${run}`),
      'in a circle: b → b',
    ],
    [
      'a long time-out',
      steps(`name: a, timeout: 25h, ${run}`),
      'must be between 1 and 86400 seconds, not `25h`',
    ],
    [
      'no back-off at all',
      steps(`name: a, retry: {backoff: 2h}, ${run}`),
      'must be between 0 and 3600 seconds, not `2h`',
    ],
    [
      'a large matrix',
      steps(`name: a, matrix: {x: [${range(17)}], y: [${range(16)}]}, ${run}`),
      'the matrix has 272 combinations, more than 256',
    ],
    [
      'many matrices',
      steps(...range(5).map((n) => `name: s${n}, matrix: {x: [${range(250)}]}, ${run}`)),
      'the run would have 1250 steps',
    ],
    [
      'a matrix value twice',
      steps(`name: a, matrix: {x: [1, 1]}, ${run}`),
      '3:31 steps[0].matrix.x[1]: `1` is there twice',
    ],
    [
      'a matrix value with a comma',
      steps(`name: a, matrix: {x: ["1,y=2"]}, ${run}`),
      'must not be empty or hold',
    ],
    [
      'a default of another type',
      `on: {manual: {inputs: {n: {type: number, default: a}}}}\n${steps(`name: a, ${run}`)}`,
      'the default of a number must be a number',
    ],
    [
      'a condition that is no truth',
      steps(`name: a, if: "1 + 1", ${run}`),
      '`1 + 1` is int, not true or false',
    ],
    [
      'a matrix value as a number',
      steps(`name: a, matrix: {n: [1]}, if: "matrix.n == 1", ${run}`),
      'no such overload: string == int',
    ],
    [
      'a loop in a condition',
      steps(`name: a, if: "[1].all(x, x == 1)", ${run}`),
      'calls all(), which conditions do not have',
    ],
    [
      'a pattern in a condition',
      steps(`name: a, if: "branch.matches('(a+)+$')", ${run}`),
      'calls matches(), which conditions do not have',
    ],
    [
      'a condition on a later step',
      steps(`name: a, if: "steps.b.status == 'failed'", ${run}`, `name: b, ${run}`),
      '`steps.b`: `b` may not have ended by then; add it to `needs`',
    ],
    [
      'a condition on no step',
      steps(`name: a, ${run}`, `name: b, needs: [a], if: "steps.aa.status == 'x'", ${run}`),
      'there is no step `aa`; did you mean `a`?',
    ],
    [
      'steps by a computed name',
      steps(`name: a, if: "steps[branch].status == 'x'", ${run}`),
      'must name a step by a text',
    ],
    [
      'gate condition',
      steps('name: g, type: step.gate, config: {type: automatic, conditions: ["true", "branch =="]}'),
      'steps[0].config.conditions[1]: `branch ==`: Unexpected token: EOF',
    ],
    [
      'no artifact',
      steps(
        `name: a, ${run}`,
        'name: b, type: step.artifact_pull, needs: [a], config: {source: artifact_store, key: app, dest: x}',
      ),
      'no step that this one needs stores `app`',
    ],
    [
      'a pull of two minds',
      steps(
        'name: b, type: step.artifact_pull, config: {source: previous_execution, execution_id: r, key: app, dest: x}',
      ),
      '`execution_id` goes with `source: artifact_store`',
    ],
    [
      'a push from a matrix',
      steps(`name: a, matrix: {x: [1, 2]}, ${run}`, push('b', 'a', 'k')),
      '`a` has a matrix, so its files are not one workspace',
    ],
    [
      'a push from two',
      steps(`name: a, ${run}`, `name: b, ${run}`, push('c', 'a, b', 'k')),
      'a and b are shell steps; need one of them',
    ],
    [
      'a key twice',
      steps(`name: a, ${run}`, push('b', 'a', 'k'), push('c', 'a', 'k')),
      'b and c would both store `k`; choose another key',
    ],
    [
      'a key twice in one step',
      steps(
        'name: a, type: step.shell_exec, config: {commands: [m], artifacts_out: [{key: k, path: p}, {key: k, path: q}]}',
      ),
      'a would twice store `k`; choose another key',
    ],
    ['a key with a slash', steps(`name: a, ${run}`, push('b', 'a', 'a/b')), 'a key must be made of letters'],
    [
      'a key with an output',
      steps(`name: a, ${run}`, push('b', 'a', '"{{.Steps.a.outputs.x}}"')),
      "`Steps` can't be used here",
    ],
  ])('%s', (_, text, message) => {
    expect(errorsOf(text).join('\n')).toContain(message);
  });

  it.each([
    ['{{.Evn.X}}', 'there is no `Evn`; did you mean `Env`?'],
    ['{{.branch}}', 'did you mean `Branch`?'],
    ['{{.Env.BB}}', 'there is no environment variable `BB`; did you mean `B`?'],
    ['{{.Inputs.x}}', 'there is no input `x`'],
    ['{{.Matrix.x}}', 'there is no matrix value `x`'],
    ['{{.Secrets}}', 'write {{.Secrets.NAME}}'],
    ['{{.Version.x}}', 'write {{.Version}}'],
    ['{{.Steps.a}}', 'write {{.Steps.name.outputs.key}}'],
    ['{{.Steps.a.outputs.x}}', '`a` has a matrix, so its outputs are not one value'],
    ['{{.Steps.c.outputs.x}}', '`c` may not have ended by then; add it to `needs`'],
    ['{{.Steps.zzzz.outputs.x}}', 'there is no step `zzzz`'],
    ['{{ hashFiles }}', 'is not a template such as {{.Inputs.x}}'],
    ['{{.Branch', '`{{` is never closed'],
  ])('template %s', (template, message) => {
    const command = JSON.stringify(template);
    const text = steps(
      `name: a, matrix: {m: [1]}, ${run}`,
      `name: b, needs: [a], env: {B: b}, type: step.shell_exec, config: {commands: [${command}]}`,
      `name: c, ${run}`,
    );
    expect(errorsOf(text).join('\n')).toContain(`4:83 steps[1].config.commands[0]: `);
    expect(errorsOf(text).join('\n')).toContain(message);
  });

  it('lets a key vary with the matrix, and be fetched by name', () => {
    const text = steps(
      'name: a, type: step.shell_exec, matrix: {x: [1, 2]}, config: {commands: [m], artifacts_out: [{key: "k-{{.Matrix.x}}", path: p}]}',
      'name: b, needs: [a], type: step.shell_exec, config: {commands: [m], artifacts_in: [{key: k-2, dest: d}]}',
    );
    expect(errorsOf(text)).toEqual([]);
    expect(errorsOf(text.replace('key: k-2', 'key: k-3'))).toEqual([
      '4:95 steps[1].config.artifacts_in[0].key: no step that this one needs stores `k-3`',
    ]);
  });
});

function range(length: number): number[] {
  return Array.from({ length }, (_, index) => index);
}

function push(name: string, needs: string, key: string): string {
  return `name: ${name}, needs: [${needs}], type: step.artifact_push, config: {source_path: dist, key: ${key}, dest: artifact_store}`;
}
