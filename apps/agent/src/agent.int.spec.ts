import { describe, expect, it } from '@jest/globals';
import { UNTRUSTED_JOBS } from '@hybrid/contracts';
import { eventually } from '@hybrid/testing';
import { randomUUID } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { JOIN_TOKEN, logText } from '../test/fake-gateway.js';
import { completed, ready, workbench } from '../test/workbench.js';

describe('agent', () => {
  const bench = workbench();

  it('registers once, keeps its credential to itself, and uses it again', async () => {
    const settings = ['--pool', 'linux', '--label', 'a=1', '--label', 'b=2', '--capacity', '2'];
    const first = await bench.startReady(settings);
    const { agent_id, executor } = await ready(first);
    expect(executor).toBe('process');
    expect(bench.gateway.registrations).toEqual([
      {
        token: JOIN_TOKEN,
        key: expect.any(String),
        body: expect.objectContaining({
          name: 'tester',
          pool: 'linux',
          labels: { a: '1', b: '2' },
          capabilities: ['process', UNTRUSTED_JOBS],
          capacity: 2,
        }),
      },
    ]);
    expect((await stat(join(bench.data, 'credential.json'))).mode & 0o777).toBe(0o600);
    await eventually(() => expect(bench.gateway.waitingClaims).toBe(1));
    expect(bench.gateway.counts).toEqual([2]);
    first.child.kill('SIGTERM');
    expect(await first.ended).toBe(0);

    const again = await bench.startReady(settings, { HYBRID_JOIN_TOKEN: '' });
    expect((await ready(again)).agent_id).toBe(agent_id);
    expect(bench.gateway.registrations).toHaveLength(1);
  });

  it('is another agent with other labels, which needs a join token; the one that it was is deregistered', async () => {
    const first = await bench.startReady(['--label', 'zone=test']);
    const { agent_id } = await ready(first);
    first.child.kill('SIGTERM');
    await first.ended;

    const refused = bench.start(['--label', 'zone=prod'], { HYBRID_JOIN_TOKEN: '' });
    expect(await refused.ended).toBe(1);
    expect(refused.stderr).toContain('--join-token-file');
    expect(bench.gateway.gone).toEqual([]);

    const other = await bench.startReady(['--label', 'zone=prod']);
    expect((await ready(other)).agent_id).not.toBe(agent_id);
    expect(bench.gateway.registrations.at(-1)?.body.labels).toEqual({ zone: 'prod' });
    expect(bench.gateway.gone).toEqual([agent_id]);
    expect(await completed(bench.shell(['true']))).toMatchObject({ exit_code: 0 });
  });

  it('gets another credential when one is wanted, beside its jobs; it is on disk before it is used', async () => {
    const agent = await bench.startReady();
    const { agent_id } = await ready(agent);
    const job = bench.shell(['sleep 1000']);
    await eventually(() => expect(job.started).toBe(1));
    bench.gateway.fail('POST', /credential$/, 'hang up after');
    bench.gateway.rotate = true;
    await eventually(() => expect(agent.stderr).toContain('another credential is wanted'));
    bench.gateway.rotate = true;
    await eventually(() => expect(agent.stderr).toContain('got another credential'));
    const kept = await readFile(join(bench.data, 'credential.json'), 'utf8');
    expect(kept).toContain(bench.gateway.credentials.at(-1));
    expect(bench.gateway.registrations).toHaveLength(1);
    agent.child.kill('SIGKILL');
    await agent.ended;
    const again = await bench.startReady([], { HYBRID_JOIN_TOKEN: '' });
    expect((await ready(again)).agent_id).toBe(agent_id);
  });

  it.each(['clock_skew', 'replayed', 'signature_wrong'])(
    'tells of %s, signs anew, and stays who it is',
    async (code) => {
      const agent = await bench.startReady();
      const detail = `it is 12:00 here, says ${code}`;
      bench.gateway.fail('POST', /heartbeat$/, { status: 401, json: { code, detail } }, 2);
      await eventually(() => expect(agent.stderr).toContain(detail));
      expect(await completed(bench.shell(['true']))).toMatchObject({ exit_code: 0 });
      expect(bench.gateway.registrations).toHaveLength(1);
    },
  );

  it('stays who it is where it registered before it knew jobs of forks, and claims as it registered', async () => {
    const first = await bench.startReady();
    const { agent_id } = await ready(first);
    await eventually(() => expect(bench.gateway.claimants.at(-1)?.capabilities).toContain(UNTRUSTED_JOBS));
    first.child.kill('SIGTERM');
    await first.ended;
    const file = join(bench.data, 'credential.json');
    const kept = JSON.parse(await readFile(file, 'utf8')) as { registered: { capabilities: string[] } };
    kept.registered.capabilities = ['process'];
    await writeFile(file, JSON.stringify(kept));

    const again = await bench.startReady();
    expect((await ready(again)).agent_id).toBe(agent_id);
    expect(again.stderr).toContain('this agent registered before its version knew jobs of forks');
    await eventually(() => expect(bench.gateway.claimants.at(-1)?.capabilities).toEqual(['process']));
    expect(bench.gateway.registrations).toHaveLength(1);
  });

  it('registers anew where its credential is of before, when it was a token that was sent', async () => {
    await mkdir(bench.data, { recursive: true });
    const before = { agent_id: 'a', credential: `hya_${randomUUID()}_${'x'.repeat(43)}` };
    await writeFile(join(bench.data, 'credential.json'), JSON.stringify(before));
    await bench.startReady();
    expect(bench.gateway.registrations).toHaveLength(1);
  });

  it('tells the machine’s load and its running jobs', async () => {
    await bench.startReady();
    const job = bench.shell(['sleep 1000']);
    await eventually(() => {
      const beat = bench.gateway.heartbeats.at(-1);
      expect(beat?.running).toEqual([{ job_id: job.job.id, attempt: 1 }]);
      for (const value of [beat?.cpu_percent, beat?.memory_percent, beat?.disk_percent]) {
        expect(value).toBeGreaterThanOrEqual(0);
        expect(value).toBeLessThanOrEqual(100);
      }
      expect(beat?.memory_percent).toBeGreaterThan(0);
    });
  });

  it('runs the commands of a commit in its checkout, with the promised environment', async () => {
    await bench.startReady();
    const source = await bench.repository({ 'hello.txt': 'hello from git\n' });
    const job = bench.shell(
      [
        'cat hello.txt',
        'echo "$CI $HYBRID $HYBRID_RUN_ID $HYBRID_STEP $HYBRID_ATTEMPT $COLOUR"',
        'echo "version=1.2" >> "$HYBRID_OUTPUT"',
        'env',
        'ls -A',
      ],
      { env: { COLOUR: 'blue' } },
      { spec: { source: { ...source, ref: 'main' }, env: { COLOUR: 'red', PLAIN: 'x' } } },
    );
    const result = await completed(job);
    expect(result).toMatchObject({ exit_code: 0, outputs: { version: '1.2' }, artifacts: [] });
    const log = logText(job);
    expect(log).toContain(`: checked out ${source.commit}`);
    expect(log).toContain(
      ': running on the host, without a sandbox (process executor)\n: $ cat hello.txt\nhello from git\n',
    );
    expect(log).toContain('true true run-1 build 1 blue');
    expect(log).toContain(`HYBRID_COMMIT=${source.commit}`);
    expect(log).toContain('HYBRID_REF=main');
    expect(log).not.toContain(JOIN_TOKEN);
    expect(log).not.toMatch(/HYBRID_JOIN|HYBRID_URL/);
    expect([...job.lines.keys()].sort((a, b) => a - b)).toEqual(
      [...job.lines.keys()].map((_, index) => index),
    );
    await eventually(async () => expect(await readdir(join(bench.data, 'workspaces'))).toEqual([]));
  });

  it('checks out a shortened commit and the head of a repository', async () => {
    await bench.startReady();
    const { repository, commit } = await bench.repository({ a: 'x' });
    for (const source of [
      { repository, commit: commit.slice(0, 8) },
      { repository: `file://${repository}` },
      { repository, ref: 'main' },
    ]) {
      const job = bench.shell(['git rev-parse HEAD'], {}, { spec: { source } });
      expect(await completed(job)).toMatchObject({ exit_code: 0 });
      expect(logText(job)).toContain(commit);
    }
  });

  it.each([
    [{ repository: '--upload-pack=touch /tmp/evil' }, /is refused/],
    [{ repository: 'ext::sh -c "touch /tmp/evil"' }, /is refused/],
    [{ repository: '/nowhere/at/all' }, /cannot be checked out: .*\/nowhere\/at\/all/],
  ])('says why %j cannot be checked out', async (source, message) => {
    await bench.startReady();
    const result = await completed(bench.shell(['true'], {}, { spec: { source } }));
    expect(result).toMatchObject({ exit_code: -1, error_message: expect.stringMatching(message) });
  });

  it('clones no path of its own machine unless its owner allows that', async () => {
    await bench.startReady([], { HYBRID_ALLOW_LOCAL_REPOSITORIES: '' });
    const { repository } = await bench.repository({ a: 'b' });
    for (const path of [repository, `file://${repository}`, `FILE://${repository}`]) {
      const { exit_code, error_message } = await completed(
        bench.shell(['cat a'], {}, { spec: { source: { repository: path } } }),
      );
      expect({ exit_code, error_message }).toEqual({
        exit_code: -1,
        error_message: expect.stringContaining('start it with --allow-local-repositories'),
      });
    }
  });

  it('reports how a command failed, and runs no further', async () => {
    await bench.startReady();
    const job = bench.shell(['echo one', 'sh -c "echo to stderr >&2; exit 3"', 'echo never']);
    expect(await completed(job)).toMatchObject({
      exit_code: 3,
      error_message: expect.stringContaining('exited with 3'),
    });
    expect(logText(job)).toContain('to stderr');
    expect(logText(job)).not.toContain('never');
    expect(
      await completed(bench.gateway.offer({ step: { id: 'x', name: 'x', type: 'step.later', config: {} } })),
    ).toMatchObject({
      exit_code: -1,
      error_message: expect.stringContaining('cannot run steps of type step.later'),
    });
    expect(await completed(bench.shell(['echo bad >> "$HYBRID_OUTPUT"']))).toMatchObject({
      exit_code: -1,
      error_message: expect.stringContaining('line 1 of $HYBRID_OUTPUT'),
    });
  });

  it('gives secrets to steps and lets no value out', async () => {
    const file = join(bench.home, 'secrets');
    await writeFile(file, 'TOKEN=hunter22-and-more\n');
    await chmod(file, 0o600);
    await bench.startReady(['--secrets-file', file], { HYBRID_SECRET_PASSWORD: 'pass word/42' });
    const job = bench.shell(
      [
        'test "$HEADER" = "Bearer hunter22-and-more"',
        'test "{{.Secrets.PASSWORD}}" = "pass word/42"',
        'echo "$HEADER"; printf %s "$HEADER" | base64; printf hunter22; printf %s -and; echo -more',
        'echo "leak=$HEADER" >> "$HYBRID_OUTPUT"',
        'cat "$0"',
      ],
      {},
      { spec: { env: { HEADER: 'Bearer {{.Secrets.TOKEN}}' } } },
    );
    expect(await completed(job)).toMatchObject({ exit_code: 0, outputs: { leak: 'Bearer ***' } });
    const said = logText(job) + JSON.stringify(job.completed);
    expect(said).toContain(': $ test "{{.Secrets.PASSWORD}}"');
    expect(said).toContain('${HYBRID_SECRET_PASSWORD}');
    for (const form of [
      'hunter22-and-more',
      'pass word/42',
      Buffer.from('hunter22-and-mo').toString('base64'),
    ])
      expect(said).not.toContain(form);

    expect(await completed(bench.shell(['sh -c "exit 1" hunter22-and-more']))).toMatchObject({
      error_message: '"sh -c "exit 1" ***" exited with 1',
    });
    expect(await completed(bench.shell(['echo {{.Secrets.NOPE}}']))).toMatchObject({
      exit_code: -1,
      error_message: expect.stringContaining('HYBRID_SECRET_NOPE'),
    });
  });

  it('stores files and folders, fetches them again, and vouches for what is stored', async () => {
    await bench.startReady();
    const spec = { execution_id: 'run 1/x', artifacts_out: [{ key: 'file', path: '/workspace/out/a.txt' }] };
    const make = bench.shell(
      ['mkdir -p out/deep', 'echo A > out/a.txt', 'echo B > out/deep/b'],
      { artifacts_out: [{ key: 'a tree', path: 'out' }] },
      { spec },
    );
    const { artifacts } = await completed(make);
    expect(artifacts?.map(({ key }) => key)).toEqual(['a tree', 'file']);
    expect(bench.gateway.artifacts.get('run 1/x file')).toMatchObject({
      bytes: Buffer.from('A\n'),
      type: 'application/octet-stream',
    });
    expect(bench.gateway.artifacts.get('run 1/x a tree')?.type).toBe('application/vnd.hybrid.tar+gzip');

    const artifacts_in = [
      { execution_id: 'run 1/x', key: 'a tree', dest: '/workspace/in' },
      { execution_id: 'run 1/x', key: 'file', dest: 'in/copy.txt' },
    ];
    const use = bench.shell(['cat in/a.txt in/deep/b in/copy.txt'], {}, { spec: { artifacts_in } });
    expect(await completed(use)).toMatchObject({ exit_code: 0 });
    expect(logText(use)).toContain('A\nB\nA');

    const step = {
      id: 'push',
      name: 'push',
      type: 'step.artifact_push',
      config: { key: 'file', source_path: 'out/a.txt', stored: true },
    };
    const push = bench.gateway.offer({ step, execution_id: 'run 1/x' });
    expect((await completed(push)).artifacts).toEqual([artifacts?.[1]]);
    const pull = bench.gateway.offer({
      step: {
        id: 'pull',
        name: 'pull',
        type: 'step.artifact_pull',
        config: { key: 'file', execution_id: 'run 1/x', dest: 'got' },
      },
    });
    expect((await completed(pull)).outputs).toEqual({
      sha256: artifacts?.[1]?.sha256,
      size: '2',
      execution_id: 'run 1/x',
    });
  });

  it('refuses artifacts that are missing, altered, or outside the workspace', async () => {
    await bench.startReady();
    const missing = bench.shell(['true'], { artifacts_out: [{ key: 'k', path: 'nothing' }] });
    expect(await completed(missing)).toMatchObject({
      exit_code: -1,
      error_message: expect.stringContaining('left nothing at nothing'),
    });
    const outside = bench.shell(['ln -s /etc out'], { artifacts_out: [{ key: 'k', path: 'out/passwd' }] });
    expect(await completed(outside)).toMatchObject({
      exit_code: -1,
      error_message: expect.stringContaining('link out of the workspace'),
    });
    const absent = bench.shell(
      ['true'],
      {},
      { spec: { artifacts_in: [{ execution_id: 'e', key: 'k', dest: 'x' }] } },
    );
    expect(await completed(absent)).toMatchObject({
      exit_code: -1,
      error_message: expect.stringContaining('the artifact k is not there'),
    });
    const escape = bench.shell(
      ['true'],
      {},
      { spec: { artifacts_in: [{ execution_id: 'e', key: 'k', dest: '../../x' }] } },
    );
    expect(await completed(escape)).toMatchObject({
      exit_code: -1,
      error_message: expect.stringContaining('outside the workspace'),
    });
    expect(bench.gateway.artifacts.size).toBe(0);
    expect(await readFile('/etc/passwd', 'utf8')).toContain('root');
  });
});
