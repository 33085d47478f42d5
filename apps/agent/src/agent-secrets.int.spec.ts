import { describe, expect, it } from '@jest/globals';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { logText } from '../test/fake-gateway.js';
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
