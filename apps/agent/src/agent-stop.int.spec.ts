import { describe, expect, it } from '@jest/globals';
import { eventually } from '@hybrid/testing';
import { existsSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { logText, type RecordedJob } from '../test/fake-gateway.js';
import { completed, workbench } from '../test/workbench.js';

/** Says `begun`; when it is asked to end it says `cleaned up`. */
const POLITE = ['trap "echo cleaned up; exit 1" TERM', 'echo begun', 'while :; do sleep 0.1; done'];

describe('agent that ends', () => {
  const bench = workbench();

  async function begun(job: RecordedJob): Promise<void> {
    await eventually(() => expect(logText(job)).toContain('begun'));
  }

  it.each([
    ['at once when the machine is taken away', ['--on-stop', 'hand-back', '--drain-timeout', '600']],
    ['when it does not finish in time', ['--drain-timeout', '1']],
  ])('hands a job back %s, after its processes have ended', async (_, args) => {
    const agent = await bench.startReady(args);
    const job = bench.shell(POLITE);
    await begun(job);
    agent.child.kill('SIGTERM');
    expect(await agent.ended).toBe(0);
    expect(job.released).toEqual([
      { attempt: 1, lease_token: job.job.lease_token, reason: 'the agent was stopped' },
    ]);
    expect(job.completed).toEqual([]);
    expect(job.accepted).toEqual(['start', ...job.accepted.slice(1, -1).map(() => 'logs'), 'release']);
    expect(logText(job)).toContain('cleaned up\n: handed back: the agent was stopped');
    expect(bench.gateway.statuses).toEqual(['DRAINING', 'OFFLINE']);
    expect(await readdir(join(bench.data, 'spool'))).toEqual([]);
  });

  it('hands back at the next start what it could not while the gateway was away', async () => {
    const agent = await bench.startReady(['--on-stop', 'hand-back']);
    const job = bench.shell(POLITE);
    await begun(job);
    await bench.gateway.stop();
    agent.child.kill('SIGTERM');
    expect(await agent.ended).toBe(0);
    expect(agent.stderr).toContain('1 result(s) could not be sent');
    await bench.gateway.start();
    await bench.startReady();
    await eventually(() => expect(job.released).toHaveLength(1));
    expect(logText(job)).toContain('cleaned up');
  });

  it('finishes what runs when it is told to stop', async () => {
    const agent = await bench.startReady();
    await eventually(() => expect(bench.gateway.waitingClaims).toBe(1));
    const job = bench.shell(['echo begun', 'sleep 1']);
    await begun(job);
    agent.child.kill('SIGTERM');
    expect(await agent.ended).toBe(0);
    expect(job.completed).toEqual([expect.objectContaining({ exit_code: 0 })]);
    expect(bench.gateway.statuses).toEqual(['DRAINING', 'OFFLINE']);
    expect(bench.gateway.waitingClaims).toBe(0);
  });

  it('stops while the gateway is away', async () => {
    const agent = await bench.startReady();
    await bench.gateway.stop();
    await eventually(() => expect(agent.stderr).toContain('is away'));
    agent.child.kill('SIGTERM');
    expect(await agent.ended).toBe(0);
  });

  it('does not stay draining when it was killed while it stopped', async () => {
    const agent = await bench.startReady();
    const job = bench.shell(POLITE);
    await begun(job);
    agent.child.kill('SIGTERM');
    await eventually(() => expect(bench.gateway.statuses).toEqual(['DRAINING']));
    agent.child.kill('SIGKILL');
    await agent.ended;
    await bench.startReady();
    expect(bench.gateway.statuses).toEqual(['DRAINING', 'OFFLINE']);
    expect(await completed(bench.shell(['true']))).toMatchObject({ exit_code: 0 });
    expect(job.released).toEqual([]);
  });

  it('takes one job with --disconnect-after-job, and is gone', async () => {
    const first = bench.shell(['true']);
    const second = bench.shell(['true']);
    const agent = bench.start(['--disconnect-after-job', '--capacity', '2']);
    expect(await agent.ended).toBe(0);
    expect(first.completed).toHaveLength(1);
    expect(second.started).toBe(0);
    expect(bench.gateway.counts).toEqual([1]);
    expect(bench.gateway.gone).toEqual([expect.stringMatching(/^[0-9a-f-]{36}$/)]);
    expect(existsSync(join(bench.data, 'credential.json'))).toBe(false);
  });

  it('is gone when there was no job for so long, not before', async () => {
    const agent = bench.start(['--disconnect-after-idle', '1']);
    const job = bench.shell(['sleep 2']);
    expect(await agent.ended).toBe(0);
    expect(job.completed).toHaveLength(1);
    expect(bench.gateway.gone).toHaveLength(1);
  });
});

describe('agent that takes jobs', () => {
  const bench = workbench();

  it('asks for all its free places at once, and never has more jobs than places', async () => {
    const go = join(bench.home, 'go');
    const jobs = Array.from({ length: 9 }, () => bench.shell([`until test -e '${go}'; do sleep 0.1; done`]));
    await bench.startReady(['--capacity', '3']);
    const most = () => Math.max(...bench.gateway.heartbeats.map((beat) => beat.running?.length ?? 0));
    await eventually(() => expect(most()).toBe(3));
    await writeFile(go, '');
    for (const job of jobs) await completed(job);
    expect(bench.gateway.counts[0]).toBe(3);
    expect(most()).toBe(3);
  });

  it('asks again for a place that gets free while a poll is open', async () => {
    await bench.startReady(['--capacity', '2']);
    await completed(bench.shell(['true']));
    await eventually(() => expect(bench.gateway.waitingClaims).toBe(2));
    expect(bench.gateway.counts).toEqual([2, 1, 1]);
    const jobs = [bench.shell(['sleep 1000']), bench.shell(['sleep 1000'])];
    await eventually(() => expect(jobs.map(({ started }) => started)).toEqual([1, 1]));
    expect(bench.gateway.waitingClaims).toBe(0);
  });

  it.each(['DRAINING', 'UNHEALTHY'] as const)('takes no new jobs while it is called %s', async (status) => {
    const agent = await bench.startReady();
    await eventually(() => expect(bench.gateway.waitingClaims).toBe(1));
    bench.gateway.status = status;
    await eventually(() => expect(bench.gateway.waitingClaims).toBe(0));
    const job = bench.shell(['true']);
    bench.gateway.status = 'DEGRADED';
    const beats = bench.gateway.heartbeats.length;
    await eventually(() => expect(bench.gateway.heartbeats.length).toBeGreaterThan(beats + 3));
    expect(job.started).toBe(0);
    bench.gateway.status = 'HEALTHY';
    await completed(job);
    expect(agent.stderr.match(/taking no new jobs/g)).toHaveLength(1);
    expect(agent.stderr.match(/taking jobs again/g)).toHaveLength(1);
  });
});
