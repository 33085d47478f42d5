import { signalReaches } from '@hybrid/steps';
import { describe, expect, it } from '@jest/globals';
import { eventually } from '@hybrid/testing';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startAgent } from '../test/agent-process.js';
import { logText, type RecordedJob } from '../test/fake-gateway.js';
import { completed, ready, workbench } from '../test/workbench.js';

/** Process numbers that the job's commands printed as `pid=<n>`; fails while there are fewer than `count`. */
async function pidsOf(record: RecordedJob, count: number): Promise<number[]> {
  return eventually(() => {
    const pids = [...logText(record).matchAll(/pid=(\d+)/g)].map((match) => Number(match[1]));
    if (pids.length < count) throw new Error(`no process numbers in the log:\n${logText(record)}`);
    return pids;
  });
}

/** True once the process runs no more; one that nobody has reaped counts as gone. */
async function gone(pid: number): Promise<boolean> {
  if (!signalReaches(pid)) return true;
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ') Z');
  return stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z');
}

const FOREVER = ["sh -c 'echo pid=$$; while :; do sleep 0.1; done' &", 'echo pid=$$', 'wait'];

describe('agent, when things go wrong', () => {
  const bench = workbench();

  async function allGone(pids: number[]): Promise<void> {
    await eventually(async () => {
      for (const pid of pids) if (!(await gone(pid))) throw new Error(`process ${pid} still runs`);
    });
  }

  it.each([
    [['--executor', 'process'], /--allow-host/],
    [['--url', 'ftp://x'], /must be like https/],
    [
      ['--url', 'http://127.0.0.1:1', '--allow-host', '--executor', 'process', '--secrets-file', '/nowhere'],
      /\/nowhere cannot be read/,
    ],
    [
      [
        '--url',
        'http://127.0.0.1:1',
        '--allow-host',
        '--executor',
        'process',
        '--join-token-file',
        '/nowhere',
      ],
      /join token file \/nowhere/,
    ],
    [
      ['--url', 'http://127.0.0.1:1', '--allow-host', '--executor', 'process', '--data', '/dev/null/x'],
      /--data .* cannot be used .*: name a folder that can be written/,
    ],
  ])('refuses %j with the remedy', async (args, message) => {
    const agent = startAgent(['--url', bench.gateway.url, '--data', bench.data, ...args]);
    expect(await agent.ended).not.toBe(0);
    expect(agent.stderr).toMatch(message);
  });

  it('refuses a second agent in the same data directory', async () => {
    await bench.startReady();
    const second = bench.start();
    expect(await second.ended).toBe(1);
    expect(second.stderr).toContain('another --data');
  });

  it('ends when its join token is refused or missing', async () => {
    for (const [token, message] of [
      ['wrong', 'get a join token that is valid'],
      ['', '--join-token-file'],
    ] as const) {
      const agent = bench.start([], { HYBRID_JOIN_TOKEN: token });
      expect(await agent.ended).toBe(1);
      expect(agent.stderr).toContain(message);
    }
  });

  it('waits for a gateway that is away at the start, and says so once', async () => {
    await bench.gateway.stop();
    const agent = bench.start();
    await eventually(() => expect(agent.stderr).toContain('is away'));
    await bench.gateway.start();
    await ready(agent);
    expect(agent.stderr.match(/is away/g)).toHaveLength(1);
    expect(agent.stderr).toContain('answers again');
  });

  it('registers once when the answer to the registration is lost', async () => {
    bench.gateway.fail('POST', /register$/, 'away', 2);
    await bench.startReady();
    expect(new Set(bench.gateway.registrations.map(({ key }) => key)).size).toBe(1);
  });

  it('registers anew when the gateway no longer knows it, and drops what runs', async () => {
    const agent = await bench.startReady();
    const job = bench.shell(FOREVER);
    const pids = await pidsOf(job, 2);
    bench.gateway.forgetAgents();
    await allGone(pids);
    await eventually(() => expect(bench.gateway.registrations).toHaveLength(2));
    expect(agent.stderr).toContain('registering anew');
    expect(await completed(bench.shell(['true']))).toMatchObject({ exit_code: 0 });
    expect(job.completed).toEqual([]);
  });

  it('stops a lost job and sends no result', async () => {
    const agent = await bench.startReady();
    const job = bench.shell(FOREVER);
    const pids = await pidsOf(job, 2);
    bench.gateway.lost.add(job.job.id);
    await allGone(pids);
    await eventually(() => expect(agent.stderr).toContain('its result is dropped'));
    expect(bench.gateway.requests.filter((request) => request.endsWith('/complete'))).toEqual([]);
    await eventually(() => expect(bench.gateway.heartbeats.at(-1)?.running).toEqual([]));
  });

  it('stops a job whose log is refused because the lease is lost', async () => {
    const agent = await bench.startReady();
    const job = bench.shell(['echo pid=$$', 'while :; do echo more; sleep 0.1; done']);
    const pids = await pidsOf(job, 1);
    const refusal = { status: 409, json: { code: 'lease_lost', detail: 'another has it' } };
    bench.gateway.fail('POST', /logs$/, refusal);
    await allGone(pids);
    await eventually(() =>
      expect(agent.stderr).toContain('its result is dropped: the gateway refused with 409'),
    );
    expect(job.accepted.filter((what) => what !== 'logs')).toEqual(['start']);
  });

  it('does not run a job whose start is refused', async () => {
    await bench.startReady();
    const job = bench.shell(['echo ran']);
    bench.gateway.lost.add(job.job.id);
    await eventually(() => expect(bench.gateway.waitingClaims).toBe(1));
    expect(job.lines.size).toBe(0);
    expect(await completed(bench.shell(['true']))).toMatchObject({ exit_code: 0 });
  });

  it.each([
    ['the timeout of the step', { timeout: 1 }, {}],
    ['the timeout of the job', {}, { timeout_seconds: 1 }],
  ])('kills the whole process group at %s', async (_, config, rest) => {
    await bench.startReady();
    const job = bench.shell(FOREVER, config, rest);
    expect(await completed(job)).toMatchObject({ exit_code: 124, error_message: 'timed out after 1 s' });
    await allGone(await pidsOf(job, 2));
  });

  it('kills what ignores the polite signal after ten seconds, of a job that is lost too', async () => {
    const agent = await bench.startReady(['--capacity', '2']);
    const stubborn = ['trap "" TERM', 'echo pid=$$', 'while :; do sleep 0.1; done'];
    const late = bench.shell(stubborn, { timeout: 1 });
    const lost = bench.shell(stubborn);
    const pids = [...(await pidsOf(late, 1)), ...(await pidsOf(lost, 1))];
    bench.gateway.lost.add(lost.job.id);
    const since = performance.now();
    expect(await completed(late)).toMatchObject({ exit_code: 124 });
    await allGone(pids);
    expect(performance.now() - since).toBeGreaterThan(9_000);
    expect(lost.completed).toEqual([]);
    expect(agent.stderr.match(/is no longer this agent’s: stopping it/g)).toHaveLength(1);
  });

  it('ends what a step leaves in the background', async () => {
    await bench.startReady();
    const job = bench.shell(["sh -c 'echo pid=$$; while :; do sleep 0.1; done' &", 'echo done']);
    expect(await completed(job)).toMatchObject({ exit_code: 0 });
    await allGone([...logText(job).matchAll(/pid=(\d+)/g)].map((match) => Number(match[1])));
  });

  it('ends at once, with everything that it runs, when told twice', async () => {
    const agent = await bench.startReady();
    const job = bench.shell(FOREVER);
    const pids = await pidsOf(job, 2);
    agent.child.kill('SIGTERM');
    await eventually(() => expect(bench.gateway.statuses).toContain('DRAINING'));
    agent.child.kill('SIGINT');
    expect(await agent.ended).toBe(130);
    await allGone(pids);
  });

  it('clears up after an agent that was killed', async () => {
    const killed = await bench.startReady();
    const job = bench.shell(FOREVER);
    const pids = await pidsOf(job, 2);
    killed.child.kill('SIGKILL');
    await killed.ended;
    expect(await readdir(join(bench.data, 'workspaces'))).toHaveLength(1);
    await bench.startReady();
    await allGone(pids);
    expect(await readdir(join(bench.data, 'workspaces'))).toEqual([]);
  });

  it('refuses an artifact that was altered', async () => {
    await bench.startReady();
    await completed(
      bench.shell(
        ['echo A > a'],
        { artifacts_out: [{ key: 'k', path: 'a' }] },
        { spec: { execution_id: 'e' } },
      ),
    );
    bench.gateway.altered = true;
    const job = bench.shell(
      ['true'],
      {},
      { spec: { artifacts_in: [{ execution_id: 'e', key: 'k', dest: 'a' }] } },
    );
    expect(await completed(job)).toMatchObject({
      exit_code: -1,
      error_message: expect.stringContaining('is not what was stored'),
    });
  });
});
