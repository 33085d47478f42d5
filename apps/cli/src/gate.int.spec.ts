import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '@hybrid/testing';
import { FakeGateway, RUN_ID, step } from '../test/fake-gateway.js';
import { cliResult, runCli } from '../test/run-cli.js';

describe('a run that wants people', () => {
  let gateway: FakeGateway;
  let url: string;
  const start = (...args: string[]) => runCli(args, { url });
  const cli = (...args: string[]) => cliResult(start(...args));
  const gate = { approvers: ['ann@example.com'], required: 2, expires_at: null, decisions: [] };

  beforeEach(async () => {
    gateway = new FakeGateway([step('test'), step('approve', ['test'])]);
    url = await gateway.listen();
  });
  afterEach(() => gateway.close());

  const waits = () => Object.assign(gateway.run.steps[1]!, { type: 'step.gate', status: 'WAITING', gate });

  it('lists the gates that wait', async () => {
    expect((await cli('gate', 'list', RUN_ID)).stdout).toBe('no gate of run run-1 waits\n');
    waits();
    expect((await cli('gate', 'list', RUN_ID)).stdout).toMatch(
      /\napprove +0 of 2 +ann@example\.com +never\n/,
    );
    expect((await cli('run', 'view', RUN_ID)).stdout).toContain('  hybrid gate approve run-1 approve');
  });

  it('hears their decision, and what they say about it', async () => {
    waits();
    const approved = { ...gate, decisions: [{ by: 'ann', decision: 'approved', reason: null, at: '' }] };
    const body = { ...gateway.run, steps: [{ ...gateway.run.steps[1], gate: approved }] };
    gateway.answers.set(`POST /api/runs/${RUN_ID}/gates/approve/approve`, { status: 200, body });
    gateway.answers.set(`POST /api/runs/${RUN_ID}/gates/approve/reject`, { status: 200, body: gateway.run });
    const yes = await cli('gate', 'approve', RUN_ID, 'approve', '--reason', 'looks good');
    expect(yes).toMatchObject({
      code: 0,
      stdout: 'gate approve of run run-1 approved: 1 of 2 approvals so far\n',
    });
    expect(gateway.requests.at(-1)?.body).toEqual({ reason: 'looks good' });
    const no = await cli('gate', 'reject', RUN_ID, 'approve');
    expect(no.stdout).toBe('gate approve of run run-1 rejected\n');
    expect(gateway.requests.at(-1)?.body).toEqual({});
  });

  it('says so to whoever watches, once', async () => {
    const run = start('run', 'watch', RUN_ID);
    gateway.starts('test');
    gateway.ends('test', 'SUCCEEDED');
    waits();
    await eventually(() => expect(run.stdout()).toContain('? approve has 0 of 2 approvals'));
    gateway.ends('approve', 'FAILED', { message: 'rejected by ann: too late', gate });
    gateway.runEnds('FAILED');
    const { code, stdout } = await cliResult(run);
    expect(stdout.split('hybrid gate approve run-1 approve')).toHaveLength(2);
    expect(stdout).toContain('✘ approve failed');
    expect(code).toBe(1);
  });

  it('can be repeated: whole, what failed, one step', async () => {
    const again = { ...gateway.run, id: 'run-2' };
    gateway.answers.set(`POST /api/runs/${RUN_ID}/retry`, { status: 201, body: again });
    const sent = async (...args: string[]) => {
      const { stdout } = await cli('run', 'retry', RUN_ID, '--no-watch', ...args);
      expect(stdout).toContain('run run-2 started');
      return gateway.requests.at(-1);
    };
    expect((await sent())?.body).toEqual({ from: 'start' });
    expect((await sent('--failed'))?.body).toEqual({ from: 'failed' });
    const last = await sent('--step', 'test');
    expect(last?.body).toEqual({ from: 'step', step: 'test' });
    expect(last?.headers['idempotency-key']).toMatch(/^[0-9a-f-]{36}$/);
    expect((await cli('run', 'retry', RUN_ID, '--failed', '--step', 'test')).code).toBe(2);
  });

  it('fetches the reports of failed steps where the run has too many steps for one answer', async () => {
    gateway.ends('test', 'FAILED');
    gateway.runEnds('FAILED');
    gateway.run.in_short = true;
    const annotations = [{ level: 'error', message: 'broken' }];
    const body = { ...gateway.run.steps[0], report: { annotations } };
    gateway.answers.set(`GET /api/runs/${RUN_ID}/steps/test`, { status: 200, body });
    expect((await cli('run', 'view', RUN_ID)).stdout).toContain('  test: error: broken\n');
    expect((await cli('run', 'watch', RUN_ID)).stdout).toContain('  test: error: broken\n');
  });

  it('shows what its steps reported', async () => {
    gateway.starts('test');
    gateway.ends('test', 'FAILED', {
      failed_attempts: [{ attempt: 1, exit_code: 7, message: null, at: '' }],
      report: {
        tests: {
          total: 3,
          failed: 1,
          skipped: 0,
          flaky: 1,
          seconds: 1,
          failures: [{ name: 'adds', file: 'a.ts', line: 4, message: 'expected 2\n\u001b[2Jgot 3' }],
          flaky_tests: [{ name: 'waits' }],
        },
        annotations: [{ level: 'warning', message: 'unused', file: 'b.ts', line: 1 }],
        scan: {
          scanner: 'semgrep',
          passed: false,
          threshold: 'high',
          counts: { critical: 0, high: 1, medium: 2, low: 0, info: 0 },
          findings: [
            {
              rule_id: 'sqli',
              severity: 'high',
              message: 'a query',
              location: 'db.ts',
              line: 9,
              fingerprint: 'f',
            },
          ],
        },
      },
    });
    gateway.runEnds('FAILED');
    const shown = [
      '',
      'failed attempts',
      '  test: attempt 1: exit code 7',
      '',
      'failed tests',
      '  test: adds (a.ts:4)',
      '      expected 2',
      '      got 3',
      '',
      'flaky tests',
      '  test: waits',
      '',
      'scans',
      '  test: semgrep failed: 1 high, 2 medium',
      '      high sqli db.ts:9: a query',
      '',
      'annotations',
      '  test: warning b.ts:1: unused',
      '',
    ].join('\n');
    expect((await cli('run', 'view', RUN_ID)).stdout).toContain(shown);
    expect((await cli('run', 'watch', RUN_ID)).stdout).toContain(shown);
  });
});
