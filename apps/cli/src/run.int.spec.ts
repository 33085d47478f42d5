import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '@hybrid/testing';
import { FakeGateway, RUN_ID, step } from '../test/fake-gateway.js';
import { git, gitFixture } from '../test/git-fixture.js';
import { cliResult, runCli, type CliRun } from '../test/run-cli.js';

const DEFINITION = 'name: demo\nsteps: []\n';

describe('hybrid run', () => {
  let gateway: FakeGateway;
  let url: string;
  let repository: { path: string; commit: string };
  const running: CliRun[] = [];
  const cli = (...args: string[]) => {
    const run = runCli(args, { url, cwd: repository.path });
    running.push(run);
    return run;
  };

  beforeEach(async () => {
    gateway = new FakeGateway([step('test[suite=unit]'), step('build', ['test'])]);
    url = await gateway.listen();
    repository = gitFixture({ '.hybrid/pipeline.yaml': DEFINITION });
  });
  afterEach(async () => {
    for (const run of running.splice(0)) run.process.kill('SIGKILL');
    await gateway.close();
    rmSync(repository.path, { recursive: true, force: true });
  });

  const plays = (...lines: string[]) => {
    gateway.onStart = () => {
      gateway.starts('test[suite=unit]');
      for (const line of lines) gateway.writes('test[suite=unit]', line);
      gateway.ends('test[suite=unit]', 'SUCCEEDED', { exit_code: 0 });
      gateway.starts('build');
      gateway.writes('build', 'building');
    };
  };

  it('sends definition and commit, shows steps and logs, and ends with 0', async () => {
    plays('$ npm test', 'ok 1');
    const run = cli('run');
    await eventually(() => expect(run.stdout()).toContain('building'));
    gateway.ends('build', 'SUCCEEDED', {
      outputs: { version: '1.2' },
      artifacts: [{ key: 'dist', sha256: 'a', size: 2048 }],
    });
    gateway.runEnds('SUCCEEDED');
    const { code, stdout, stderr } = await cliResult(run);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(stdout.split('\n').slice(1)).toEqual([
      '▶ test[suite=unit] started on agent local',
      'test[suite=unit] │ $ npm test',
      'test[suite=unit] │ ok 1',
      '✔ test[suite=unit] succeeded in 0.5 s',
      '▶ build started on agent local',
      'build            │ building',
      '✔ build succeeded in 0.5 s',
      '',
      'STEP              RESULT     TIME',
      'test[suite=unit]  succeeded  0.5 s',
      'build             succeeded  0.5 s  artifact dist (2.0 kB), version=1.2',
      '',
      'run run-1 succeeded in 2.5 s',
      '',
    ]);
    const put = gateway.requests.find(({ method }) => method === 'PUT');
    expect(put).toMatchObject({ path: '/api/pipelines/demo', body: { definition: DEFINITION } });
    const post = gateway.requests.find(({ path }) => path.endsWith('/runs'));
    expect(post?.body).toEqual({
      source: { repository: repository.path, commit: repository.commit, ref: 'main' },
    });
    expect(post?.headers['idempotency-key']).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('says of which repository the pipeline is: of the one that this is a fork of, without its password', async () => {
    gateway.onStart = () => gateway.runEnds('CANCELLED');
    const stored = () => gateway.requests.filter(({ method }) => method === 'PUT').at(-1)!.body;
    git(repository.path, 'remote', 'add', 'origin', 'https://ada:hunter2@git.example/ada/web.git');
    await cliResult(cli('run'));
    expect(stored()).toEqual({
      definition: DEFINITION,
      repository: 'ada/web',
      clone_url: 'https://git.example/ada/web.git',
    });
    git(repository.path, 'remote', 'add', 'upstream', 'git@git.example:acme/web.git');
    await cliResult(cli('run'));
    expect(stored()).toMatchObject({ repository: 'acme/web', clone_url: 'ssh://git.example/acme/web.git' });
  });

  it('ends with 1 when the run failed, and says why', async () => {
    plays();
    const run = cli('run');
    await eventually(() => expect(run.stdout()).toContain('building'));
    gateway.ends('build', 'FAILED', { exit_code: 7, message: 'npm run build' });
    gateway.runEnds('FAILED');
    const { code, stdout } = await cliResult(run);
    expect(stdout).toContain('✘ build failed in 0.5 s: exit code 7: npm run build\n');
    expect(code).toBe(1);
  });

  it('says why a step waits that no agent takes, once', async () => {
    const reasons = [
      { code: 'no_agent_in_pool', detail: 'the pool gpus has no agent', facts: { pool: 'gpus' } },
      { code: 'jobs_ahead', detail: '1 job ahead of it', facts: {} },
    ];
    const explained = { status: 200, body: { reasons } };
    gateway.answers.set('GET /api/queue/jobs/job-build/explain', explained);
    gateway.answers.set('GET /api/queue/jobs/job-test[suite=unit]/explain', explained);
    gateway.onStart = () => ['test[suite=unit]', 'build'].forEach((id) => gateway.queues(id));
    const run = cli('run');
    await eventually(() => expect(run.stdout()).toContain('waits: the pool gpus has no agent\n'));
    gateway.runEnds('CANCELLED');
    const { stdout } = await cliResult(run);
    expect(stdout).toContain('  hybrid job explain job-');
    expect(stdout.match(/waits:/g)).toHaveLength(1);
  });

  it('tells a failure that is allowed from one that is not', async () => {
    gateway.onStart = () => {
      gateway.starts('build');
      gateway.ends('build', 'FAILED', { exit_code: 7, allowed: true });
      gateway.runEnds('SUCCEEDED');
    };
    const { code, stdout } = await cliResult(cli('run'));
    expect(code).toBe(0);
    expect(stdout).toContain('✘ build failed (allowed) in 0.5 s: exit code 7\n');
    expect(stdout).toMatch(/^build +failed \(allowed\) +0\.5 s$/m);
  });

  it('says what a run waits for that has not begun', async () => {
    Object.assign(gateway.run, { status: 'WAITING', waits_for: 'group' });
    const run = cli('run');
    await eventually(() =>
      expect(run.stdout()).toContain('the run waits for the one before it in its concurrency group\n'),
    );
    gateway.runEnds('SUCCEEDED');
    expect((await cliResult(run)).stdout.match(/waits/g)).toHaveLength(1);
  });

  it('ends with 4 when the run was cancelled', async () => {
    gateway.onStart = () => gateway.runEnds('CANCELLED');
    expect((await cliResult(cli('run'))).code).toBe(4);
  });

  it('shows every line once although the streams are cut and the server goes away for a while', async () => {
    plays();
    const run = cli('run');
    await eventually(() => expect(run.stdout()).toContain('building'));
    gateway.writes('build', 'line 1');
    gateway.cutStreams();
    await eventually(() => expect(gateway.openStreams).toBe(2));
    gateway.writes('build', 'line 2');
    gateway.away = true;
    gateway.cutStreams();
    await eventually(() =>
      expect(run.stderr()).toContain('connection lost, trying again: pipelines does not answer'),
    );
    gateway.away = false;
    gateway.writes('build', 'line 1', 2);
    gateway.ends('build', 'SUCCEEDED');
    gateway.runEnds('SUCCEEDED');
    const { code, stdout, stderr } = await cliResult(run);
    const lines = stdout.split('\n').filter((line) => line.startsWith('build            │'));
    expect(lines.map((line) => line.split('│ ')[1])).toEqual([
      'building',
      'line 1',
      'line 2',
      'attempt 2',
      'line 1',
    ]);
    expect(stderr).toContain('connected again');
    expect(code).toBe(0);
  });

  it('leaves the run going on Ctrl-C and says how to come back', async () => {
    plays();
    const run = cli('run');
    await eventually(() => expect(run.stdout()).toContain('building'));
    run.process.kill('SIGINT');
    const { code, stderr } = await cliResult(run);
    expect(stderr).toBe(`the run goes on; come back with: hybrid run watch ${RUN_ID}\n`);
    expect(code).toBe(130);
    expect(gateway.requests.map(({ path }) => path).filter((path) => path.endsWith('/cancel'))).toEqual([]);
  });

  it('prints the finished run as JSON and nothing else with -o json', async () => {
    gateway.onStart = () => gateway.runEnds('SUCCEEDED');
    const { code, stdout } = await cliResult(cli('run', '-o', 'json'));
    expect(JSON.parse(stdout)).toMatchObject({ id: RUN_ID, status: 'SUCCEEDED' });
    expect(code).toBe(0);
  });

  it('only starts it with --no-watch, with inputs and another branch', async () => {
    git(repository.path, 'branch', 'feature');
    const { code, stdout } = await cliResult(
      cli('run', '--no-watch', '--ref', 'feature', '--input', 'a=1', '--input', 'b=x=y'),
    );
    expect(stdout).toBe(`run ${RUN_ID} started; watch it with: hybrid run watch ${RUN_ID}\n`);
    expect(gateway.requests.at(-1)?.body).toMatchObject({
      source: { ref: 'feature' },
      inputs: { a: '1', b: 'x=y' },
    });
    expect(code).toBe(0);
  });

  it('sends the files that the definition uses, as they are at the commit, and inputs as they are declared', async () => {
    const definition = `name: demo
on: { manual: { inputs: { count: { type: number }, sure: { type: boolean }, word: { type: string } } } }
steps:
  - { name: a, uses: ./ci/t.yaml }
  - { name: b, uses: ./ci/missing.yaml }
`;
    const template = 'steps:\n  - { name: x, type: step.shell_exec, config: { commands: [ls] } }\n';
    const good = definition.replace(/.*missing.*\n/, '');
    rmSync(repository.path, { recursive: true });
    repository = gitFixture({ '.hybrid/pipeline.yaml': good, 'ci/t.yaml': template });
    writeFileSync(join(repository.path, 'ci/t.yaml'), 'changed since');
    const inputs = ['--input', 'count=5', '--input', 'sure=true', '--input', 'word=7'];
    const { code } = await cliResult(cli('run', '--no-watch', ...inputs));
    expect(code).toBe(0);
    expect(gateway.requests[0]?.body).toEqual({ definition: good, files: { 'ci/t.yaml': template } });
    expect(gateway.requests.at(-1)?.body['inputs']).toEqual({ count: 5, sure: true, word: '7' });
    writeFileSync(join(repository.path, 'other.yaml'), definition);
    await cliResult(cli('run', '--no-watch', '--file', 'other.yaml'));
    expect(gateway.requests.at(-2)?.body).toEqual({ definition, files: { 'ci/t.yaml': template } });
  });

  it('warns of uncommitted changes, and runs what is committed', async () => {
    writeFileSync(join(repository.path, '.hybrid/pipeline.yaml'), 'name: other\n');
    const { stderr } = await cliResult(cli('run', '--no-watch'));
    expect(stderr).toContain('has uncommitted changes, which the run does not see');
    expect(gateway.requests[0]).toMatchObject({ path: '/api/pipelines/demo' });
  });

  it('reads a remote repository by its URL', async () => {
    const address = `file://${repository.path}`;
    const { code, stderr } = await cliResult(cli('run', '--no-watch', '--repo', address));
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(gateway.requests.at(-1)?.body['source']).toEqual({
      repository: address,
      commit: repository.commit,
      ref: 'main',
    });
  });

  it('takes the default file only where the repository has no definition', async () => {
    const file = join(repository.path, 'generic.yaml');
    writeFileSync(file, 'name: generic\n');
    await cliResult(cli('run', '--no-watch', '--default-file', file));
    expect(gateway.requests[0]).toMatchObject({ path: '/api/pipelines/demo' });
    git(repository.path, 'rm', '--quiet', '.hybrid/pipeline.yaml');
    git(repository.path, 'commit', '--quiet', '--message=none');
    gateway.requests.length = 0;
    const fallback = await cliResult(cli('run', '--no-watch', '--default-file', file));
    expect(fallback.stderr).toContain(`has no .hybrid/pipeline.yaml: using ${file}\n`);
    expect(gateway.requests[0]).toMatchObject({ path: '/api/pipelines/generic' });
    const { code, stderr } = await cliResult(cli('run'));
    expect(stderr).toMatch(
      /\nerror: .* has no \.hybrid\/pipeline\.yaml at [0-9a-f]{10}: write one \(`hybrid init`\) and commit it, or name a file with --file\n$/,
    );
    expect(code).toBe(1);
    await cliResult(cli('init'));
    expect((await cliResult(cli('run'))).stderr).toContain('it is there, but not committed: commit it, or');
  });

  it('shows each error of an invalid definition with its place, and ends with 1', async () => {
    const errors = [
      { path: 'name', message: 'unknown name', line: 1, column: 7 },
      { path: 'steps', message: 'must not be empty', line: 5, column: 1 },
    ];
    gateway.answers.set('PUT /api/pipelines/demo', {
      status: 422,
      body: { code: 'pipeline_invalid', detail: 'the definition has 2 errors', errors },
    });
    const { code, stderr } = await cliResult(cli('run'));
    expect(stderr).toBe(
      '.hybrid/pipeline.yaml:1:7: unknown name\n   1 │ name: demo\n     │       ^\n' +
        '.hybrid/pipeline.yaml:5:1: must not be empty\n' +
        'error: the definition has 2 errors\n',
    );
    expect(code).toBe(1);
  });

  it('never sends a URL that holds a password', async () => {
    const { code, stderr } = await cliResult(
      cli('run', '--repo', 'https://me:hunter2@example.invalid/a.git'),
    );
    expect(code).toBe(2);
    expect(stderr).toContain('holds a password');
    expect(stderr).not.toContain('hunter2');
    expect(gateway.requests).toEqual([]);
  });
});
