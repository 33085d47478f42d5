import { describe, expect, it } from '@jest/globals';
import { eventually } from '@hybrid/testing';
import { execFileSync } from 'node:child_process';
import { rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AgentProcess } from '../test/agent-process.js';
import { completed, workbench } from '../test/workbench.js';

const GB = 1024 ** 3;

describe('agent that is watched', () => {
  const bench = workbench();

  async function healthOf(
    agent: AgentProcess,
  ): Promise<(path: string) => Promise<{ status: number; text: string }>> {
    const url = await eventually(() => {
      const [, found] = /health is told at (\S+)\/health\/ready/.exec(agent.stderr) ?? [];
      if (!found) throw new Error(agent.stderr);
      return found;
    });
    return async (path) => {
      const response = await fetch(url + path);
      return { status: response.status, text: await response.text() };
    };
  }

  it('is alive at once, and ready while the gateway hears it', async () => {
    await bench.gateway.stop();
    const agent = bench.start(['--health-address', '0', '--capacity', '2']);
    const get = await healthOf(agent);
    expect(await get('/health/live')).toEqual({ status: 200, text: '{"status":"alive"}' });
    expect((await get('/health/ready')).status).toBe(503);
    await bench.gateway.start();
    await eventually(async () => expect((await get('/health/ready')).status).toBe(200));
    await completed(bench.shell(['true']));
    await eventually(async () => {
      const { text } = await get('/metrics');
      expect(text).toContain('\nhybrid_agent_capacity 2\n');
      expect(text).toContain('\nhybrid_agent_results_accepted_total 1\n');
    });
    expect((await get('/secrets')).status).toBe(404);
    await bench.gateway.stop();
    await eventually(async () => {
      const { status, text } = await get('/health/ready');
      expect({ status, text }).toMatchObject({ status: 503, text: expect.stringContaining('"not_ready"') });
    });
    expect((await get('/health/live')).status).toBe(200);
  });

  it('listens on loopback unless told, and says when the port is taken', async () => {
    const first = await bench.startReady(['--health-address', '0']);
    const [, port = ''] = /health is told at http:\/\/127\.0\.0\.1:(\d+)\//.exec(first.stderr) ?? [];
    expect(port).not.toBe('');
    const second = bench.start(['--health-address', port, '--data', join(bench.home, 'other')]);
    expect(await second.ended).toBe(1);
    expect(second.stderr).toMatch(/the health address .* EADDRINUSE.*--health-address/);
  });

  it('takes no jobs while its disk is low, says so once, and goes on by itself', async () => {
    const { bavail, bsize } = await statfs(bench.home);
    const limit = Math.floor((bavail * bsize - GB) / 1024 ** 2);
    const agent = await bench.startReady(['--min-free-disk-mb', String(limit), '--health-address', '0']);
    await completed(bench.shell(['true']));
    const ballast = join(bench.home, 'ballast');
    execFileSync('fallocate', ['--length', '2GiB', ballast]);
    await eventually(() => expect(agent.stderr).toMatch(/MB are free .*--min-free-disk-mb/));
    await eventually(() => expect(bench.gateway.waitingClaims).toBe(0));
    const ready = await (await healthOf(agent))('/health/ready');
    expect(ready).toMatchObject({ status: 200, text: expect.stringContaining('MB are free') });
    const job = bench.shell(['true']);
    const beats = bench.gateway.heartbeats.length;
    await eventually(() => expect(bench.gateway.heartbeats.length).toBeGreaterThan(beats + 3));
    expect(job.started).toBe(0);
    await rm(ballast);
    expect(await completed(job)).toMatchObject({ exit_code: 0 });
    expect(agent.stderr.match(/taking no new jobs/g)).toHaveLength(1);
    expect(agent.stderr.match(/taking jobs again/g)).toHaveLength(1);
  });

  it('tells how far a step is, masked', async () => {
    await bench.startReady([], { HYBRID_SECRET_TOKEN: 'hunter22' });
    const job = bench.shell([
      'echo "10 begin" >> "$HYBRID_PROGRESS"',
      'echo "42.5 with {{.Secrets.TOKEN}}" >> "$HYBRID_PROGRESS"',
      `while [ ! -e '${bench.home}/go' ]; do sleep 0.1; done`,
    ]);
    await eventually(() => expect(job.progress).toHaveLength(1));
    await writeFile(join(bench.home, 'go'), '');
    expect(await completed(job)).toMatchObject({ exit_code: 0 });
    const { attempt, lease_token } = job.job;
    expect(job.progress).toEqual([{ attempt, lease_token, percent: 42.5, message: 'with ***' }]);
  });
});
