import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FakeGateway, RUN_ID, TOKEN, step } from '../test/fake-gateway.js';
import { cliResult, runCli } from '../test/run-cli.js';

describe('the commands', () => {
  let gateway: FakeGateway;
  let url: string;
  let directory: string;
  const cli = (...args: string[]) => cliResult(runCli(args, { url, cwd: directory }));

  beforeEach(async () => {
    gateway = new FakeGateway([step('test'), step('build', ['test'])]);
    url = await gateway.listen();
    directory = mkdtempSync(join(tmpdir(), 'hybrid-cli-'));
  });
  afterEach(async () => {
    await gateway.close();
    rmSync(directory, { recursive: true, force: true });
  });

  it('print the logs of a run, of one step, and as JSON', async () => {
    gateway.starts('test');
    gateway.writes('test', 'first');
    gateway.writes('test', 'bad \u001b]0;title\u0007end');
    gateway.ends('test', 'SUCCEEDED');
    gateway.starts('build');
    gateway.writes('build', 'built');
    expect((await cli('run', 'logs', RUN_ID)).stdout).toBe('test │ first\ntest │ bad end\nbuild │ built\n');
    expect((await cli('run', 'logs', RUN_ID, '--step', 'build')).stdout).toBe('built\n');
    const [line] = (await cli('-o', 'json', 'run', 'logs', RUN_ID)).stdout.split('\n');
    expect(JSON.parse(line!)).toMatchObject({ step: 'test', attempt: 1, seq: 0, text: 'first' });
    expect((await cli('run', 'logs', RUN_ID, '--search', 'FIR')).stdout).toBe('test │ first\n');
    expect(gateway.requests.at(-1)?.query).toContain('search=FIR');
    expect((await cli('run', 'logs', RUN_ID, '--step', 'build', '--timestamps')).stdout).toBe(
      '2026-01-02T03:04:05.000Z built\n',
    );
    const { code, stderr } = await cli('run', 'logs', RUN_ID, '--step', 'deploy');
    expect(stderr).toBe(`error: run ${RUN_ID} has no step "deploy"; it has test, build\n`);
    expect(code).toBe(1);
  });

  it('show groups of a log as headings and indented lines', async () => {
    gateway.starts('test');
    for (const line of ['::group::Install', 'added 1', '::endgroup::', 'done']) gateway.writes('test', line);
    expect((await cli('run', 'logs', RUN_ID, '--step', 'test')).stdout).toBe('▾ Install\n  added 1\ndone\n');
  });

  it('follow the log of one step until the run is over', async () => {
    gateway.starts('test');
    gateway.writes('test', 'one');
    gateway.ends('test', 'FAILED', { exit_code: 1 });
    gateway.runEnds('FAILED');
    const { code, stdout } = await cli('run', 'logs', RUN_ID, '--step', 'test', '--follow');
    expect(stdout).toBe('one\n');
    expect(code).toBe(1);
  });

  it('list runs, with the filter in the query', async () => {
    gateway.answers.set('GET /api/runs', {
      status: 200,
      body: { runs: [gateway.run], total: 1, next_cursor: null },
    });
    const { stdout, code } = await cli('run', 'list', '--pipeline', 'demo', '--limit', '5');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ID +PIPELINE +STATUS.*\nrun-1 +demo +running +0\/2/);
    expect(JSON.parse((await cli('run', 'list', '-o', 'json')).stdout)).toMatchObject({
      total: 1,
      runs: [{ id: RUN_ID }],
    });
  });

  it('show one run, and cancel it', async () => {
    expect((await cli('run', 'view', RUN_ID)).stdout).toContain('run run-1 of demo version 3: running');
    gateway.answers.set(`POST /api/runs/${RUN_ID}/cancel`, {
      status: 200,
      body: { ...gateway.run, status: 'CANCELLED' },
    });
    expect((await cli('run', 'cancel', RUN_ID)).stdout).toBe('run run-1 cancelled\n');
  });

  it('list agents', async () => {
    const agent = {
      agent_id: 'a1',
      name: 'local',
      pool: 'default',
      status: 'HEALTHY',
      jobs_running: 1,
      capacity: 2,
    };
    const agents = [{ ...agent, capabilities: ['process'], last_heartbeat: null }];
    gateway.answers.set('GET /api/agents', { status: 200, body: { agents, total: 1, next_cursor: null } });
    expect((await cli('agent', 'list')).stdout.split('\n')[1]).toMatch(
      /^a1 +local +default +HEALTHY +1\/2 +process +never$/,
    );
  });

  it('end with 3 when the server is not there or does not allow it', async () => {
    const { code, stderr } = await cliResult(runCli(['run', 'list'], { url: 'http://127.0.0.1:9' }));
    expect(code).toBe(3);
    expect(stderr).toMatch(
      /^error: cannot reach http:\/\/127\.0\.0\.1:9 \(.+\); is it running \(npm start\)/,
    );
    const anonymous = await cliResult(
      runCli(['run', 'list'], { url, cwd: directory, env: { HYBRID_TOKEN: '' } }),
    );
    expect(anonymous.code).toBe(3);
    expect(anonymous.stderr).toContain('no token was given');
    const wrong = await cliResult(runCli(['run', 'list'], { url, env: { HYBRID_TOKEN: 'other' } }));
    expect(wrong.stderr).toContain('the token is not valid there');
  });

  it('take the token from a file, and from the data directory of npm start', async () => {
    gateway.answers.set('GET /api/runs', { status: 200, body: { runs: [], total: 0, next_cursor: null } });
    const file = join(directory, 'admin-token');
    writeFileSync(file, `${TOKEN}\n`);
    const env = { HYBRID_TOKEN: '' };
    expect((await cliResult(runCli(['run', 'list', '--token-file', file], { url, env }))).code).toBe(0);
    expect(
      (await cliResult(runCli(['run', 'list'], { url, env: { ...env, HYBRID_TOKEN_FILE: file } }))).code,
    ).toBe(0);
    expect(
      (await cliResult(runCli(['run', 'list'], { url, env: { ...env, HYBRID_DATA: directory } }))).code,
    ).toBe(0);
  });

  it('show what the server refuses, field by field, without a stack', async () => {
    const errors = [{ path: 'limit', message: 'limit must not be greater than 200' }];
    gateway.answers.set('GET /api/runs', {
      status: 422,
      body: { code: 'invalid', detail: 'the request is invalid', errors },
    });
    const { code, stderr } = await cli('run', 'list', '--limit', '1000');
    expect(stderr).toBe('error: the request is invalid\n  limit: limit must not be greater than 200\n');
    expect(code).toBe(1);
  });

  it('end with 2 on wrong usage, and document their exit codes', async () => {
    expect((await cli('run', '--no-such-option')).code).toBe(2);
    expect((await cli('run', 'view')).code).toBe(2);
    expect((await cli('sing')).code).toBe(2);
    expect((await cli('run', '--input', 'nothing')).code).toBe(2);
    const { code, stdout } = await cli('--help');
    expect(code).toBe(0);
    expect(stdout).toContain('4  the run was cancelled');
  });
});
