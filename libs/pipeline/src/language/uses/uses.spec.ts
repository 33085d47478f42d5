import { describe, expect, it } from '@jest/globals';
import { readPipeline } from '../read-pipeline.js';
import { namedFiles } from './named-files.js';

const node = `
inputs:
  dir: { type: string, default: . }
  version: { type: number, required: true }
  strict: { type: boolean }
steps:
  - name: build
    type: step.shell_exec
    config:
      image: 'node:{{.Inputs.version}}'
      commands: ['cd {{.Inputs.dir}} && make']
      pids: '{{.Inputs.version}}'
  - name: unit-tests
    type: step.shell_exec
    needs: build
    if: has(steps.build.outputs.tests) && has(inputs.strict) && inputs.strict == true || steps['build'].status == 'failed' && inputs.dir == "x"
    config: { commands: ['test {{.Steps.build.outputs.tests}} {{.Branch}} {{"{{"}} {{.Secrets.T}}'] }
  - name: lint
    type: step.shell_exec
    config: { commands: [lint] }
`;

function definitionOf(text: string, files: Record<string, string>) {
  const result = readPipeline(text, files);
  if ('errors' in result) throw new Error(JSON.stringify(result.errors, null, 1));
  return result.definition;
}

function errorsOf(text: string, files: Record<string, string>): string[] {
  const result = readPipeline(text, files);
  if ('definition' in result) return [];
  return result.errors.map(
    ({ file, line, column, path, message }) => `${file ?? ''}:${line}:${column} ${path}: ${message}`,
  );
}

/** A pipeline of steps, each the inside of a YAML map. */
function steps(...lines: string[]): string {
  return ['name: p', 'steps:', ...lines.map((line) => `  - {${line}}`)].join('\n');
}

const run = 'type: step.shell_exec, config: {commands: [make]}';
const inner = (...lines: string[]): string => steps(...lines).replace('name: p\n', '');

describe('a reusable template', () => {
  it('comes in the place of the step that uses it', () => {
    const text = steps(
      `name: first, ${run}`,
      'name: web, needs: first, if: branch == "main", env: {A: 1.0, B: 2}, uses: ./ci/node.yaml, with: {version: 20, strict: true, dir: "{{.Steps.first.outputs.dir}}"}',
      `name: last, needs: [web, first], ${run}`,
    ).replace('steps:', 'defaults: {pool: linux}\nsteps:');
    // A condition can't hold everything that a text can, but an output it can.
    const { steps: read } = definitionOf(text, {
      './ci/node.yaml': node.replace('- name: lint', '- name: lint\n    env: { B: 3 }'),
    });
    expect(read.map(({ name, needs }) => [name, needs])).toEqual([
      ['first', []],
      ['web-build', ['first']],
      ['web-unit-tests', ['web-build']],
      ['web-lint', ['first']],
      ['last', ['web-unit-tests', 'web-lint', 'first']],
    ]);
    const [, build, tests, lint] = read;
    expect(build).toMatchObject({
      if: 'branch == "main"',
      pool: 'linux',
      env: { A: '1.0', B: '2' },
      config: {
        image: 'node:20',
        commands: ['cd {{.Steps.first.outputs.dir}} && make'],
        pids: 20,
      },
    });
    expect(tests).toMatchObject({
      if: `(branch == "main") && (("tests" in steps["web-build"].outputs) && true && true == true || steps["web-build"].status == 'failed' && steps["first"].outputs["dir"] == "x")`,
      config: { commands: ['test {{.Steps.web-build.outputs.tests}} {{.Branch}} {{"{{"}} {{.Secrets.T}}'] },
    });
    expect(lint!.env).toEqual({ A: '1.0', B: '3' });
  });

  it('may use others, and be used more than once', () => {
    const files = {
      'a.yaml': inner(
        'name: x, uses: ./b.yaml, with: {v: "{{.Inputs.v}}!"}',
        `name: y, needs: x, ${run}`,
      ).replace('steps:', 'inputs: {v: {type: string}}\nsteps:'),
      'b.yaml': inner('name: z, type: step.shell_exec, config: {commands: ["{{.Inputs.v}}"]}').replace(
        'steps:',
        'inputs: {v: {type: string}}\nsteps:',
      ),
    };
    const { steps: read } = definitionOf(
      steps('name: one, uses: ./a.yaml, with: {v: 1.10}', 'name: two, needs: one, uses: ./a.yaml'),
      files,
    );
    expect(read.map(({ name, needs }) => [name, needs])).toEqual([
      ['one-x-z', []],
      ['one-y', ['one-x-z']],
      ['two-x-z', ['one-y']],
      ['two-y', ['two-x-z']],
    ]);
    expect(read[0]!.config).toMatchObject({ commands: ['1.10!'] });
  });

  it('may hash files that it is told', () => {
    const template = `inputs: {lock: {type: string}}\n${inner(
      `name: x, cache: {key: "k-{{hashFiles .Inputs.lock 'a' .Matrix.m}}", paths: p}, matrix: {m: [1]}, ${run}`,
    )}`;
    const keys = (lock: string): unknown => {
      const text = steps(`name: u, uses: ./a.yaml, with: {lock: ${lock}}`).replace(
        'steps:',
        'on: {manual: {inputs: {l: {type: string}}}}\nsteps:',
      );
      const result = readPipeline(text, { 'a.yaml': template });
      if ('errors' in result) return result.errors.map(({ message }) => message);
      return result.definition.steps[0]!.caches![0]!.key;
    };
    expect(keys('package-lock.json')).toBe("k-{{hashFiles 'package-lock.json' 'a' .Matrix.m}}");
    expect(keys('"{{.Inputs.l}}"')).toBe("k-{{hashFiles .Inputs.l 'a' .Matrix.m}}");
    expect(keys('"a\'b"')).toEqual(['{{.Inputs.lock}} is no name of files that can be hashed']);
    expect(keys('"{{.Inputs.m}}"')).toEqual(['{{.Inputs.m}}: there is no input `m`; did you mean `l`?']);
  });

  const ok = inner(`name: x, ${run}`);
  it.each<[string, string, Record<string, string>, string[]]>([
    [
      'no file',
      'uses: ./a.yaml',
      {},
      [":3:21 steps[0].uses: there is no file `./a.yaml`; paths count from the repository's root"],
    ],
    [
      'a file outside',
      'uses: ./../a.yaml',
      {},
      [':3:21 steps[0].uses: `./../a.yaml` leads out of the repository'],
    ],
    [
      'another form',
      'uses: a.yaml@1',
      {},
      [
        ':3:21 steps[0].uses: plugins by name come with the plugin registry; write docker://a.yaml for an image, or ./path.yaml for a template',
      ],
    ],
    [
      'a circle',
      'uses: ./a.yaml',
      { 'a.yaml': inner('name: x, uses: ./b.yaml'), 'b.yaml': inner('name: x, uses: ./a.yaml') },
      ['b.yaml:2:21 steps[0].uses: templates use each other in a circle: a.yaml → b.yaml → a.yaml'],
    ],
    [
      'too deep',
      'uses: ./1.yaml',
      Object.fromEntries([1, 2, 3].map((n) => [`${n}.yaml`, inner(`name: x, uses: ./${n + 1}.yaml`)])),
      ['3.yaml:2:21 steps[0].uses: templates may use templates 3 deep; this one would be deeper'],
    ],
    ['a broken file', 'uses: ./a.yaml', { 'a.yaml': 'steps: [' }, ['a.yaml:1:9 : not YAML']],
    ['an empty file', 'uses: ./a.yaml', { 'a.yaml': '' }, ['a.yaml:1:1 : the definition is empty']],
    ['a list', 'uses: ./a.yaml', { 'a.yaml': '[1]' }, ['a.yaml:1:1 : must be a map, not a list']],
    [
      'a wrong key',
      'uses: ./a.yaml',
      { 'a.yaml': `name: x\n${ok}` },
      ['a.yaml:1:1 name: `name` is not known here: a template has no name'],
    ],
    [
      'a wrong step',
      'uses: ./a.yaml',
      { 'a.yaml': ok.replace('commands', 'comands') },
      [
        'a.yaml:2:46 steps[0].config.commands: `commands` is missing',
        'a.yaml:2:47 steps[0].config.comands: unknown key `comands`; did you mean `commands`?',
      ],
    ],
    [
      'an error of meaning',
      'uses: ./a.yaml',
      { 'a.yaml': inner(`name: x, timeout: 48h, ${run}`) },
      ['a.yaml:2:24 steps[0].timeout: must be between 1 and 86400 seconds'],
    ],
    [
      'a wrong input',
      'uses: ./a.yaml, with: {dir: x}',
      { 'a.yaml': `inputs: {dri: {type: string}}\n${ok}` },
      [':3:43 steps[0].with.dir: the template has no input `dir`; did you mean `dri`?'],
    ],
    [
      'a missing input',
      'uses: ./a.yaml',
      { 'a.yaml': `inputs: {dir: {type: string, required: true}}\n${ok}` },
      [':3:5 steps[0]: the template wants `dir`: write `with: {dir: …}`'],
    ],
    [
      'an input of another type',
      'uses: ./a.yaml, with: {n: x}',
      { 'a.yaml': `inputs: {n: {type: number}}\n${ok}` },
      [':3:41 steps[0].with.n: must be a number'],
    ],
    [
      'an unknown input within',
      'uses: ./a.yaml',
      { 'a.yaml': ok.replace('make', '"{{.Inputs.x}}"') },
      ['a.yaml:2:58 steps[0].config.commands[0]: the template has no input `x`'],
    ],
    [
      'a step of the pipeline within',
      'uses: ./a.yaml',
      { 'a.yaml': ok.replace('make', '"{{.Steps.u.outputs.x}}"') },
      [
        'a.yaml:2:58 steps[0].config.commands[0]: the template has no step `u`; what other steps put out comes by an input',
      ],
    ],
    [
      'an unknown need within',
      'uses: ./a.yaml',
      { 'a.yaml': inner(`name: x, needs: [y], ${run}`) },
      ['a.yaml:2:23 steps[0].needs[0]: there is no step `u-y`'],
    ],
    [
      'an unknown need',
      'needs: [a, y], uses: ./a.yaml',
      { 'a.yaml': ok },
      [':3:23 steps[0].needs[0]: there is no step `a`', ':3:26 steps[0].needs[1]: there is no step `y`'],
    ],
    [
      'a key that does not go with it',
      'uses: ./a.yaml, matrix: {a: [1]}',
      { 'a.yaml': ok },
      [':3:31 steps[0].matrix: `matrix` does not go with a template'],
    ],
    [
      'a wrong environment',
      'uses: ./a.yaml, env: {A: "{{.Evn.X}}"}',
      { 'a.yaml': ok },
      [':3:40 steps[0].env.A: {{.Evn.X}}: there is no `Evn`'],
    ],
    [
      'the template as a step',
      `uses: ./a.yaml}\n  - {name: v, needs: u, type: step.shell_exec, config: {commands: ["{{.Steps.u.outputs.x}}"]}`,
      { 'a.yaml': ok },
      ['`u` uses a template; name one of its steps: u-x'],
    ],
  ])('with %s is refused', (_, use, files, errors) => {
    const found = errorsOf(steps(`name: u, ${use}`), files);
    expect(found).toHaveLength(errors.length);
    errors.forEach((error, index) => expect(found[index]).toContain(error));
  });

  it('is read within bounds, however often it is used', () => {
    const large = `${inner(`name: x, ${run}`)}\n#${'x'.repeat(10_000)}`;
    const uses = Array.from({ length: 100 }, (_, index) => `name: s${index}, uses: ./a.yaml`);
    expect(errorsOf(steps(...uses), { 'a.yaml': large }).join()).toContain(
      'more than 500000 characters, each use counted',
    );
    const wide = inner(...Array.from({ length: 50 }, (_, index) => `name: s${index}, ${run}`));
    expect(errorsOf(steps(...uses), { 'a.yaml': wide }).join()).toContain(
      'steps: more than 500 steps with those of the templates',
    );
  });

  it('is named to whoever sends it', () => {
    const text = steps(
      'name: a, uses: ./ci/../ci/a.yaml',
      'name: b, uses: ./ci/a.yaml',
      'name: c, uses: docker://x',
      'name: d, uses: ./../b',
    );
    expect(namedFiles(text)).toEqual(['ci/a.yaml']);
    expect(namedFiles('steps: [')).toEqual([]);
  });
});
