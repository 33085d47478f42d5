import { describe, expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { logText, type RecordedJob } from '../test/fake-gateway.js';
import { completed, workbench } from '../test/workbench.js';

describe('secrets of the agent', () => {
  const bench = workbench();

  it('are read when a step needs them, masked from then on, and kept from steps that their rule does not name', async () => {
    const token = join(bench.home, 'token');
    const config = join(bench.home, 'agent.yaml');
    await writeFile(
      config,
      `secrets:\n  TOKEN: file://${token}\n  WEB:\n    from: env://SPEC_WEB\n    pipelines: [web]\n    refs: [main]\n`,
    );
    const agent = await bench.startReady(['--config', config], { SPEC_WEB: 'of-the-web' });
    const commands = ['echo "it is {{.Secrets.TOKEN}}"', 'test "$WEB" = of-the-web'];
    const spec = { env: { WEB: '{{.Secrets.WEB}}' } };
    const source = { ...(await bench.repository({ a: 'b' })), ref: 'main' };
    const missing = bench.shell(commands, {}, { pipeline_id: 'web', spec: { ...spec, source } });
    expect((await completed(missing)).error_message).toMatch(
      /the secret TOKEN cannot be had from file:.*\/token: ENOENT/,
    );

    // Written after the start of the agent.
    await writeFile(token, 'c0rrect-horse\n');
    const allowed = bench.shell(commands, {}, { pipeline_id: 'web', spec: { ...spec, source } });
    expect(await completed(allowed)).toMatchObject({ exit_code: 0 });
    expect(logText(allowed)).toContain('it is ***');

    const other = bench.shell(commands, {}, { pipeline_id: 'docs', spec: { ...spec, source } });
    expect(await completed(other)).toMatchObject({
      exit_code: -1,
      error_message:
        'the secret WEB is not for this step: its rule "pipelines" allows web, and this is docs (secrets in the agent\'s settings)',
    });
    for (const record of [missing, allowed, other])
      expect(logText(record) + agent.stderr).not.toMatch(/c0rrect-horse|of-the-web/);
  });

  it('are not for commits of a fork, whatever their rules say, and nothing of those runs without a sandbox', async () => {
    const agent = await bench.startReady([], { HYBRID_SECRET_TOKEN: 'c0rrect-horse' });
    const source = { ...(await bench.repository({ a: 'b' })), ref: 'pull/7' };
    const naming = bench.shell(['echo {{.Secrets.TOKEN}}'], {}, { spec: { source, untrusted: true } });
    expect(await completed(naming)).toMatchObject({
      exit_code: -1,
      error_message: expect.stringContaining(
        'the secret TOKEN is not for this step: its commits come from a fork',
      ),
    });
    const plain = bench.shell(['echo ran'], {}, { spec: { source, untrusted: true } });
    expect(await completed(plain)).toMatchObject({
      exit_code: -1,
      error_message: expect.stringContaining('without a sandbox'),
    });
    expect(logText(naming) + logText(plain) + agent.stderr).not.toMatch(/c0rrect-horse|^ran$/m);
  });

  it('are not for a commit that is called a branch which it is not on', async () => {
    const agent = await bench.startReady(['--secrets', '{WEB: {from: "env://SPEC_WEB", refs: main}}'], {
      SPEC_WEB: 'of-the-web',
    });
    const { repository, commit } = await bench.repository({ a: 'b' });
    const git = (...args: string[]): string =>
      execFileSync(
        'git',
        ['-C', repository, '-c', 'user.name=T', '-c', 'user.email=t@example.com', ...args],
        {
          encoding: 'utf8',
        },
      ).trim();
    git('checkout', '--quiet', '-b', 'topic');
    git('commit', '--quiet', '--allow-empty', '--message', 'of somebody');
    const run = (at: string): RecordedJob => {
      const source = { repository, ref: 'main', commit: at };
      return bench.shell(
        ['test "$WEB" = of-the-web'],
        {},
        { spec: { env: { WEB: '{{.Secrets.WEB}}' }, source } },
      );
    };
    const topic = git('rev-parse', 'HEAD');
    const [lie, truth] = [run(topic), run(commit)];
    expect(await completed(truth)).toMatchObject({ exit_code: 0 });
    expect(await completed(lie)).toMatchObject({
      exit_code: -1,
      error_message: expect.stringMatching(
        `^the secret WEB is not for this step: its rule "refs" asks for the branch, and ${topic} is not known to be on main of `,
      ),
    });
    expect(agent.stderr).not.toContain('of-the-web');
  });

  it('can be looked for, without a gateway', async () => {
    const config = join(bench.home, 'agent.yaml');
    await writeFile(config, 'secrets:\n  GOOD: env://SPEC_GOOD\n  GONE: file:///nowhere/token\n');
    const agent = bench.start(['--config', config, '--check-secrets'], {
      SPEC_GOOD: 'v4lue',
      HYBRID_SECRET_GIVEN: 'v4lue-too',
    });
    expect(await agent.ended).toBe(1);
    expect(agent.stdout).toMatch(
      /^GOOD: ok\nGONE: the secret GONE cannot be had from file:\/\/\/nowhere\/token: ENOENT.*\nGIVEN: ok\n$/,
    );
    expect(agent.stdout + agent.stderr).not.toContain('v4lue');
  });
});
