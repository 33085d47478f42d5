import { spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '@hybrid/testing';
import { git, gitFixture } from '../../test/git-fixture.js';
import { cliResult, runCli, type CliRun } from '../../test/run-cli.js';

const root = fileURLToPath(new URL('../../../../', import.meta.url));
const cache = mkdtempSync(join(tmpdir(), 'hybrid-exec-cache-'));
const work = join(cache, 'hybrid/exec/work');

afterAll(() => rmSync(cache, { recursive: true, force: true }));

/** Gives a program a terminal; of util-linux. */
function hasScript(): boolean {
  return spawnSync('script', ['--version']).status === 0;
}

describe('hybrid exec', () => {
  let folder: string;
  const running: CliRun[] = [];

  const start = (args: string[], env: NodeJS.ProcessEnv = {}) => {
    const run = runCli(['exec', '--executor', 'process', '--allow-host', ...args], {
      cwd: folder,
      env: { XDG_CACHE_HOME: cache, ...env },
    });
    running.push(run);
    return run;
  };
  const exec = (...args: string[]) => cliResult(start(args));
  const pipeline = (text: string) => writeFileSync(join(folder, '.hybrid/pipeline.yaml'), text);
  const shell = (name: string, command: string, more = '') =>
    `  - { name: ${name}, type: step.shell_exec, ${more} config: { commands: [${JSON.stringify(command)}] } }\n`;
  const steps = (...lines: string[]) => pipeline(`name: demo\nsteps:\n${lines.join('')}`);
  /** Of one step. */
  const logOf = (stdout: string, step: string) =>
    stdout.split('\n').flatMap((line) => {
      const [name, text] = line.split(' │ ');
      return name?.trim() === step && text !== undefined ? [text] : [];
    });

  beforeEach(() => {
    folder = gitFixture({ '.gitignore': 'ignored\n', 'kept.txt': 'committed', 'gone.txt': '' }).path;
    mkdirSync(join(folder, '.hybrid'));
  });
  afterEach(() => {
    for (const run of running.splice(0)) run.process.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });

  it('runs the working tree as it is, in copies that leave it alone', async () => {
    writeFileSync(join(folder, 'kept.txt'), 'changed');
    writeFileSync(join(folder, 'ignored'), '');
    writeFileSync(join(folder, 'new.txt'), '');
    rmSync(join(folder, 'gone.txt'));
    steps(
      shell(
        'look',
        'ls; cat kept.txt; echo; git rev-parse HEAD; git status --short; echo x > kept.txt; rm new.txt',
      ),
    );
    const { code, stdout, stderr } = await exec();
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(logOf(stdout, 'look').slice(2)).toEqual([
      'kept.txt',
      'new.txt',
      'changed',
      git(folder, 'rev-parse', 'HEAD'),
      ' D gone.txt',
      ' M kept.txt',
      '?? .hybrid/',
      '?? new.txt',
    ]);
    expect(readFileSync(join(folder, 'kept.txt'), 'utf8')).toBe('changed');
    expect(existsSync(join(folder, 'new.txt'))).toBe(true);
    expect(git(folder, 'status', '--short')).not.toContain('A ');
    expect(readdirSync(work)).toEqual([]);
  });

  it('runs what HEAD holds with --clean', async () => {
    steps(shell('look', 'cat kept.txt; ls'));
    git(folder, 'add', '.hybrid');
    git(folder, 'commit', '--quiet', '--message=pipeline');
    writeFileSync(join(folder, 'kept.txt'), 'changed');
    steps(shell('other', 'true'));
    const { code, stdout } = await exec('--clean');
    expect(code).toBe(0);
    expect(logOf(stdout, 'look').slice(-2)).toEqual(['committedgone.txt', 'kept.txt']);
  });

  it('decides and runs as the control plane would: matrix, needs, outputs, artifacts, conditions, retries', async () => {
    pipeline(`
name: demo
on: { manual: { inputs: { word: { type: string, required: true }, count: { type: number, default: 1 } } } }
env: { GREETING: hello }
steps:
${shell('test', 'echo $GREETING {{.Matrix.on}} {{.Inputs.word}} {{.Inputs.count}} $EXTRA', 'matrix: { on: [a, b] },')}
  - name: build
    type: step.shell_exec
    needs: [test]
    config:
      commands: ['mkdir out', 'echo made > out/file', 'echo version=1.2 >> "$HYBRID_OUTPUT"']
      artifacts_out: [{ key: out, path: out }]
  - { name: fetch, type: step.artifact_pull, needs: [build], config: { source: artifact_store, key: out, dest: got } }
${shell('use', 'cat got/file; echo {{.Steps.build.outputs.version}}', 'needs: [fetch, build],')}
${shell('again', 'test "$HYBRID_ATTEMPT" = 3', 'retry: { max_attempts: 3, backoff: 0s },')}
${shell('may-fail', 'exit 7', 'continue_on_error: true,')}
${shell('behind', 'echo still', 'needs: [may-fail],')}
${shell('not-here', 'echo no', `if: "branch == 'other'",`)}
`);
    const { code, stdout } = await exec('--input', 'word=w', '--input', 'count=5', '--env', 'EXTRA=more');
    expect({ code, stdout }).toMatchObject({ code: 0 });
    expect(logOf(stdout, 'test[on=a]')).toContain('hello a w 5 more');
    expect(logOf(stdout, 'test[on=b]')).toContain('hello b w 5 more');
    expect(logOf(stdout, 'use').slice(-2)).toEqual(['made', '1.2']);
    expect(logOf(stdout, 'again').filter((line) => line.startsWith('attempt '))).toEqual([
      'attempt 1 failed; the next one begins in 0.0 s',
      'attempt 2',
      'attempt 2 failed; the next one begins in 0.0 s',
      'attempt 3',
    ]);
    expect(stdout).toContain('✘ may-fail failed');
    expect(logOf(stdout, 'behind').at(-1)).toBe('still');
    expect(stdout).toMatch(/^not-here +skipped/m);
    expect(stdout).toMatch(/^its artifacts are in .+$/m);
  });

  it('ends with 1 when the run failed, and with the run as JSON', async () => {
    steps(shell('bad', 'exit 3'), shell('after', 'true', 'needs: [bad],'));
    const { code, stdout } = await exec('-o', 'json');
    expect(code).toBe(1);
    const run = JSON.parse(stdout) as { status: string; steps: { status: string; exit_code: number }[] };
    expect(run).toMatchObject({
      status: 'FAILED',
      steps: [{ status: 'FAILED', exit_code: 3 }, { status: 'SKIPPED' }],
    });
  });

  it('ends a step that takes too long', async () => {
    steps(shell('slow', 'sleep 600', 'timeout: 1s,'));
    const { code, stdout } = await exec();
    expect(code).toBe(1);
    expect(stdout).toContain('✘ slow failed');
    expect(stdout).toContain('timed out after 1 s');
  });

  it('fetches artifacts of the latest exec that succeeded, and keeps no others', async () => {
    const keeping = (ok: boolean) =>
      pipeline(`
name: demo
steps:
  - name: make
    type: step.shell_exec
    config: { commands: ['echo ${ok} > a'], artifacts_out: [{ key: a, path: a }] }
${shell('then', ok ? 'true' : 'false', 'needs: [make],')}`);
    keeping(true);
    await exec();
    await exec();
    keeping(false);
    await exec();
    const runs = join(cache, 'hybrid/exec/runs');
    const mine = readdirSync(runs).find((name) => folder.endsWith(name.slice(0, name.lastIndexOf('-'))))!;
    expect(readdirSync(join(runs, mine, 'demo')).filter((name) => name !== 'latest')).toHaveLength(2);
    pipeline(`
name: demo
steps:
  - { name: pull, type: step.artifact_pull, config: { source: previous_execution, key: a, dest: got } }
${shell('use', 'cat got', 'needs: [pull],')}`);
    const { code, stdout } = await exec();
    expect(code).toBe(0);
    expect(logOf(stdout, 'use').at(-1)).toBe('true');
  });

  it('gives secrets and shows none', async () => {
    pipeline(`
name: demo
steps:
  - name: use
    type: step.shell_exec
    env: { TOKEN: '{{.Secrets.TOKEN}}' }
    config: { commands: ['echo $TOKEN; test $TOKEN = from-the-file', 'echo {{.Secrets.OTHER}} | base64'] }
`);
    const file = join(cache, 'secrets');
    writeFileSync(file, 'TOKEN=from-the-file\n', { mode: 0o600 });
    const { code, stdout } = await cliResult(
      start(['--secrets-file', file], { HYBRID_SECRET_OTHER: 'of-this-shell' }),
    );
    expect(code).toBe(0);
    expect(stdout).not.toMatch(/from-the-file|of-this-shell|b2YtdGhpcy1zaGVsbA/);
    const without = await exec();
    expect(without.code).toBe(1);
    expect(without.stdout).toContain('the secret OTHER is not known');
  });

  it('runs only the steps that are asked for, and what they need', async () => {
    steps(shell('a', 'true'), shell('b', 'true', 'needs: [a],'), shell('c', 'true', 'needs: [b],'));
    const { stdout } = await exec('--step', 'b');
    expect(stdout).toContain('✔ b succeeded');
    expect(stdout).not.toContain('✔ c');
    const unknown = await exec('--step', 'x');
    expect(unknown).toMatchObject({
      code: 2,
      stderr: 'error: the pipeline has no step "x" (--step); it has a, b, c\n',
    });
  });

  it('on Ctrl-C ends the steps and the run, and leaves nothing behind', async () => {
    steps(shell('long', 'echo $$ > $HYBRID_WORKSPACE/../pid; echo begun; sleep 600'));
    const run = start([]);
    await eventually(() => expect(run.stdout()).toContain('│ begun'));
    const [name] = readdirSync(work);
    const [job] = readdirSync(join(work, name!, 'jobs'));
    const pid = Number(readFileSync(join(work, name!, 'jobs', job!, 'pid'), 'utf8'));
    run.process.kill('SIGINT');
    const { code, stdout, stderr } = await cliResult(run);
    expect(stderr).toContain('the run is cancelled');
    expect(stdout).toContain('■ long cancelled');
    expect(code).toBe(130);
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    expect(readdirSync(work)).toEqual([]);
  });

  it('on a second Ctrl-C ends everything at once', async () => {
    steps(shell('stubborn', 'trap "" TERM; echo begun; while true; do sleep 1; done'));
    const run = start([]);
    await eventually(() => expect(run.stdout()).toContain('│ begun'));
    run.process.kill('SIGINT');
    await eventually(() => expect(run.stderr()).toContain('the run is cancelled'));
    run.process.kill('SIGINT');
    expect((await cliResult(run)).code).toBe(130);
    expect(readdirSync(work)).toEqual([]);
  });

  it('ends and removes what an exec left that was killed', async () => {
    steps(shell('long', 'echo $$ > $HYBRID_WORKSPACE/../pid; echo begun; sleep 600'));
    const run = start([]);
    await eventually(() => expect(run.stdout()).toContain('│ begun'));
    const [name] = readdirSync(work);
    const [job] = readdirSync(join(work, name!, 'jobs'));
    const pid = Number(readFileSync(join(work, name!, 'jobs', job!, 'pid'), 'utf8'));
    run.process.kill('SIGKILL');
    await cliResult(run);
    expect(() => process.kill(pid, 0)).not.toThrow();
    steps(shell('short', 'true'));
    expect((await exec()).code).toBe(0);
    await eventually(() => expect(() => process.kill(pid, 0)).toThrow('ESRCH'));
    expect(readdirSync(work)).toEqual([]);
  });

  it('cleans up when it is cancelled, and when its time is over', async () => {
    const cleaning = (head: string) =>
      pipeline(
        `name: demo\n${head}steps:\n${shell('long', 'echo begun; sleep 600')}${shell('clean', 'echo swept', "needs: [long], if: 'always()',")}`,
      );
    cleaning('');
    const run = start([]);
    await eventually(() => expect(run.stdout()).toContain('│ begun'));
    run.process.kill('SIGINT');
    const cancelled = await cliResult(run);
    expect(logOf(cancelled.stdout, 'clean').at(-1)).toBe('swept');
    expect(cancelled.code).toBe(130);
    cleaning('timeout: 2s\n');
    const late = await exec();
    expect(logOf(late.stdout, 'clean').at(-1)).toBe('swept');
    expect(late.stdout).toMatch(/^run .+ failed in .+: timed out after 2 s$/m);
    expect(late.code).toBe(1);
  });

  describe('with a gate that people decide', () => {
    beforeEach(() =>
      pipeline(`
name: demo
steps:
  - { name: approve, type: step.gate, config: { type: manual, approvers: [ann, bob], required: 2 } }
${shell('after', 'echo passed', 'needs: [approve],')}`),
    );

    it('says that nobody can be asked where there is no terminal', async () => {
      const { code, stdout, stderr } = await exec();
      expect(code).toBe(1);
      expect(stderr).toBe(
        'approve: nobody can be asked, as this is no terminal: --yes approves every gate\n',
      );
      expect(stdout).toContain('✘ approve failed');
      expect(stdout).toMatch(/^after +skipped/m);
    });

    it('passes with --yes', async () => {
      const { code, stdout } = await exec('--yes');
      expect(code).toBe(0);
      expect(logOf(stdout, 'after').at(-1)).toBe('passed');
    });

    const asks = hasScript() ? it : it.skip;
    asks.each([
      ['y', 0, /✔ approve succeeded/],
      ['n', 1, /✘ approve failed.*: rejected by .*: too late/],
    ])(
      `asks at a terminal, and does as told: %s${hasScript() ? '' : ' (script(1) is absent)'}`,
      async (answer, code, said) => {
        const command = `${process.execPath} ${join(root, 'dist/cli/main.js')} exec --executor process --allow-host`;
        const terminal = spawn('script', ['-qec', command, '/dev/null'], {
          cwd: folder,
          env: { ...process.env, XDG_CACHE_HOME: cache, NO_COLOR: '1' },
        });
        let shown = '';
        terminal.stdout.setEncoding('utf8').on('data', (text: string) => (shown += text));
        const ended = new Promise((resolve) => terminal.once('close', resolve));
        await eventually(() => expect(shown).toContain('? approve wants an approval'));
        terminal.stdin.write(`${answer}\n`);
        await eventually(() => expect(shown).toContain('why (may be empty)'));
        terminal.stdin.write('too late\n');
        expect(await ended).toBe(code);
        expect(shown).toMatch(said);
      },
    );
  });

  it('runs in a folder without git, too', async () => {
    rmSync(join(folder, '.git'), { recursive: true });
    writeFileSync(join(folder, 'ignored'), '');
    steps(shell('look', 'ls'));
    const { code, stdout } = await exec();
    expect(code).toBe(0);
    expect(logOf(stdout, 'look').slice(2)).toEqual(['gone.txt', 'kept.txt']);
  });

  it('says what is wrong: no pipeline, an invalid one, a missing input, no executor', async () => {
    expect(await exec()).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('`hybrid init` writes one'),
    });
    pipeline('name: demo\nsteps:\n  - name: a\n    type: step.shel\n');
    expect(await exec()).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /^\.hybrid\/pipeline\.yaml:4:11: .*\n {3}4 │ {5}type: step\.shel\n {5}│ {11}\^\n/m,
      ),
    });
    pipeline(
      `name: demo\non: { manual: { inputs: { word: { type: string, required: true } } } }\nsteps:\n${shell('a', 'true')}`,
    );
    expect(await exec()).toMatchObject({ code: 1, stderr: 'error: the input `word` is required\n' });
    steps(shell('a', 'true'));
    const env = { XDG_CACHE_HOME: cache, DOCKER_HOST: 'tcp://127.0.0.1:9' };
    const none = await cliResult(runCli(['exec'], { cwd: folder, env }));
    expect(none).toMatchObject({ code: 1, stderr: expect.stringContaining('--allow-host') });
    expect(readdirSync(work)).toEqual([]);
  });
});
