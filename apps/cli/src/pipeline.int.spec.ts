import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FakeGateway, step } from '../test/fake-gateway.js';
import { cliResult, runCli } from '../test/run-cli.js';

const GOOD = 'name: demo\nsteps:\n  - { name: a, type: step.shell_exec, config: { commands: [ls] } }\n';
const BAD = 'name: demo\nsteps:\n  - name: a\n    type: step.shel_exec\n    neds: [b]\n';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'hybrid-cli-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe('hybrid pipeline validate', () => {
  // No control plane is there.
  const cli = (...args: string[]) =>
    cliResult(runCli(args, { url: 'http://127.0.0.1:9', cwd: directory, env: { HYBRID_TOKEN: '' } }));

  it('needs no control plane', async () => {
    mkdirSync(join(directory, '.hybrid'));
    writeFileSync(join(directory, '.hybrid/pipeline.yaml'), GOOD);
    expect(await cli('pipeline', 'validate')).toEqual({
      code: 0,
      stdout: '.hybrid/pipeline.yaml is valid\n',
      stderr: '',
    });
  });

  it('shows every error of every file, with its line and a caret under the column', async () => {
    writeFileSync(join(directory, 'good.yaml'), GOOD);
    writeFileSync(join(directory, 'bad.yaml'), BAD);
    const { code, stdout, stderr } = await cli('pipeline', 'validate', 'bad.yaml', 'good.yaml');
    expect(code).toBe(1);
    expect(stdout).toBe('good.yaml is valid\n');
    expect(stderr).toMatch(/^bad\.yaml:4:11: .*\n {3}4 │ {5}type: step\.shel_exec\n {5}│ {11}\^\n/m);
    expect(stderr).toMatch(/^bad\.yaml:5:5: .*`needs`.*\n {3}5 │ {5}neds: \[b\]\n {5}│ {5}\^\n/m);
  });

  it('prints the errors as JSON', async () => {
    writeFileSync(join(directory, 'bad.yaml'), BAD);
    const { code, stdout } = await cli('pipeline', 'validate', 'bad.yaml', '-o', 'json');
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      valid: false,
      errors: expect.arrayContaining([expect.objectContaining({ file: 'bad.yaml', line: 4, column: 11 })]),
    });
  });

  it('reads the files that a definition uses from the repository, and names them in errors', async () => {
    mkdirSync(join(directory, '.hybrid'));
    mkdirSync(join(directory, 'ci'));
    writeFileSync(
      join(directory, '.hybrid/pipeline.yaml'),
      'name: demo\nsteps:\n  - { name: a, uses: ./ci/t.yaml }\n',
    );
    const file = join(directory, 'ci/t.yaml');
    const template = (command: string) =>
      `steps:\n  - { name: x, type: step.shell_exec, config: { ${command} } }\n`;
    writeFileSync(file, template('commands: [ls]'));
    expect(await cli('pipeline', 'validate')).toMatchObject({ code: 0, stderr: '' });
    expect((await cli('pipeline', 'graph')).stdout).toContain('└─ a-x  shell_exec');
    writeFileSync(file, template('comands: [ls]'));
    const { code, stderr } = await cli('pipeline', 'validate');
    expect(code).toBe(1);
    expect(stderr).toMatch(/^ci\/t\.yaml:2:47: .*`commands`.*\n {3}2 │ {3}- .*\n {5}│ {47}\^$/m);
    rmSync(file);
    expect((await cli('pipeline', 'validate')).stderr).toContain('ci/t.yaml');
  });

  it('finds the definition from any folder of the repository, and says what to do where there is none', async () => {
    const inside = join(directory, 'src/deep');
    mkdirSync(inside, { recursive: true });
    execFileSync('git', ['init', '-q', directory]);
    const there = (...args: string[]) =>
      cliResult(runCli(args, { url: 'http://127.0.0.1:9', cwd: inside, env: { HYBRID_TOKEN: '' } }));
    for (const command of ['validate', 'graph']) {
      const { code, stderr } = await there('pipeline', command);
      expect({ command, code }).toEqual({ command, code: 2 });
      expect(stderr).toMatch(/has no \.hybrid\/pipeline\.yaml: `hybrid init` writes one/);
    }
    mkdirSync(join(directory, '.hybrid'));
    writeFileSync(join(directory, '.hybrid/pipeline.yaml'), GOOD);
    expect(await there('pipeline', 'validate')).toEqual({
      code: 0,
      stdout: '../../.hybrid/pipeline.yaml is valid\n',
      stderr: '',
    });
    expect(await there('pipeline', 'graph')).toMatchObject({ code: 0, stderr: '' });
  });

  it('says which file cannot be read', async () => {
    const { code, stderr } = await cli('pipeline', 'validate', 'missing.yaml');
    expect(code).toBe(2);
    expect(stderr).toContain('missing.yaml');
  });
});

describe('at the control plane', () => {
  let gateway: FakeGateway;
  let url: string;
  const cli = (...args: string[]) => cliResult(runCli(args, { url, cwd: directory }));

  beforeEach(async () => {
    gateway = new FakeGateway([step('test')]);
    url = await gateway.listen();
  });
  afterEach(() => gateway.close());

  it('pipeline validate --server asks it', async () => {
    writeFileSync(join(directory, 'p.yaml'), 'name: x\n');
    const errors = [{ path: 'steps', message: '`steps` is missing', line: 1, column: 1 }];
    gateway.answers.set('POST /api/pipelines/validate', { status: 200, body: { valid: false, errors } });
    const { code, stderr } = await cli('pipeline', 'validate', '--server', 'p.yaml');
    expect(code).toBe(1);
    expect(stderr).toBe('p.yaml:1:1: `steps` is missing\n   1 │ name: x\n     │ ^\n');
    expect(gateway.requests.at(-1)?.body).toEqual({ definition: 'name: x\n' });
  });

  it('pipeline graph draws a run with how its steps fare', async () => {
    gateway.run.steps = [step('test[a=1]'), step('test[a=2]'), step('build', ['test[a=1]', 'test[a=2]'])];
    gateway.run.steps[0]!.status = 'FAILED';
    const { code, stdout } = await cli('pipeline', 'graph', '--run', 'run-1');
    expect(code).toBe(0);
    expect(stdout.split('\n').map((line) => line.replaceAll(/ {2,}/g, '  '))).toEqual([
      'demo',
      '└─ test ×2  shell_exec  1 failed, 1 pending',
      '  └─ build  shell_exec  pending',
      '',
    ]);
    const mermaid = await cli('pipeline', 'graph', '--run', 'run-1', '--format', 'mermaid');
    expect(mermaid.stdout).toContain('s0 --> s1');
  });

  it('pipeline tests lists what failed lately', async () => {
    const test = {
      name: 'adds',
      step: 'test',
      file: 'a.ts',
      flaky: true,
      failures: 2,
      last_failed_at: null,
      last_run_id: 'r1',
    };
    const body = { tests: [test], total: 1, next_cursor: null };
    gateway.answers.set('GET /api/pipelines/demo/tests', { status: 200, body });
    const { stdout } = await cli('pipeline', 'tests', 'demo', '--limit', '5');
    expect(stdout.split('\n')[1]).toMatch(/^adds +flaky +2 +test +never +r1$/);
    expect(gateway.requests.at(-1)?.query).toBe('limit=5');
  });
});

describe('hybrid pipeline graph', () => {
  const cli = (...args: string[]) => cliResult(runCli(args, { cwd: directory }));

  it.each(['text', 'mermaid', 'dot'])('draws a definition as %s', async (format) => {
    writeFileSync(join(directory, 'p.yaml'), GOOD);
    const { code, stdout } = await cli('pipeline', 'graph', 'p.yaml', '--format', format);
    expect(code).toBe(0);
    expect(stdout).toContain('shell_exec');
  });

  it('shows the errors of one that cannot be drawn', async () => {
    writeFileSync(join(directory, 'p.yaml'), BAD);
    const { code, stderr } = await cli('pipeline', 'graph', 'p.yaml');
    expect(code).toBe(1);
    expect(stderr).toContain('p.yaml:4:11: ');
  });
});

describe('hybrid init', () => {
  const cli = (...args: string[]) => cliResult(runCli(args, { cwd: directory }));
  const written = () => readFileSync(join(directory, '.hybrid/pipeline.yaml'), 'utf8');

  it.each([
    ['package.json', '{"scripts": {"test": "x", "build": "y"}}', ['npm test', 'npm run build']],
    ['go.mod', 'module x\n', ['go test ./...', 'go build ./...']],
    ['pom.xml', '<project/>', ['mvn --batch-mode verify']],
    ['build.gradle.kts', '', ['gradle --no-daemon check']],
    ['pyproject.toml', '', ['pip install .', 'pytest']],
    ['Makefile', '', ['put your tests here']],
  ])('knows a repository by its %s, and writes what is valid', async (file, text, commands) => {
    writeFileSync(join(directory, file), text);
    const { code, stdout } = await cli('init');
    expect(code).toBe(0);
    for (const command of ['hybrid pipeline validate', 'hybrid exec', 'hybrid run'])
      expect(stdout).toContain(command);
    for (const command of commands) expect(written()).toContain(command);
    expect(await cli('pipeline', 'validate')).toMatchObject({ code: 0 });
  });

  it('overwrites nothing', async () => {
    mkdirSync(join(directory, '.hybrid'));
    writeFileSync(join(directory, '.hybrid/pipeline.yaml'), 'mine');
    const { code, stderr } = await cli('init');
    expect(code).toBe(1);
    expect(stderr).toContain('is there already');
    expect(written()).toBe('mine');
  });

  it('says where it cannot write', async () => {
    const { code } = await cli('init', '--repo', join(directory, 'missing', 'deeper'));
    expect(code).toBe(1);
    expect(existsSync(join(directory, 'missing'))).toBe(false);
  });
});
