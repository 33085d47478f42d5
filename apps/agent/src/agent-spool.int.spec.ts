import { describe, expect, it } from '@jest/globals';
import { eventually } from '@hybrid/testing';
import { existsSync } from 'node:fs';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { logText, type RecordedJob } from '../test/fake-gateway.js';
import { completed, workbench } from '../test/workbench.js';
import { Delivery } from './delivery.js';
import { GatewayClient } from './gateway-client.js';
import { SpoolRoom } from './spool-room.js';
import { Spool } from './spool.js';

describe('agent whose gateway is away', () => {
  const bench = workbench();

  /** Says `begun`, waits for the file `go`, then writes on. */
  function patientJob(...more: string[]): RecordedJob {
    return bench.shell([
      'echo begun',
      `while [ ! -e '${bench.home}/go' ]; do sleep 0.05; done`,
      ...more,
      `touch '${bench.home}/end'`,
    ]);
  }

  /** The agent knows that the gateway has what the jobs have said so far. */
  async function begun(...jobs: RecordedJob[]): Promise<void> {
    await eventually(async () => {
      for (const job of jobs) expect(logText(job)).toContain('begun');
      expect((await spooled()).filter((name) => name.endsWith('.ndjson'))).toEqual([]);
    });
  }

  /** Lets patient jobs go on while nobody listens; resolves when a result is on disk. Answers the spool’s files. */
  async function endUnheard(): Promise<string[]> {
    await bench.gateway.stop();
    await writeFile(join(bench.home, 'go'), '');
    return eventually(async () => {
      const files = await spooled();
      if (!files.some((file) => file.endsWith('outcome.json')))
        throw new Error(`no result in ${files.join()}`);
      return files;
    });
  }

  async function spooled(): Promise<string[]> {
    return (await readdir(join(bench.data, 'spool'), { recursive: true })).sort();
  }

  function expectOnceAndInOrder(job: RecordedJob): void {
    expect(job.came).toEqual(Array.from(job.came, (_, index) => index));
    expect(job.accepted).toEqual(['start', ...job.accepted.slice(1, -1).map(() => 'logs'), 'complete']);
    expect(job.completed).toHaveLength(1);
  }

  it('keeps log and result, masked and private, and sends each once, in order', async () => {
    await bench.startReady([], { HYBRID_SECRET_TOKEN: 'hunter22' });
    const job = patientJob(
      'echo "token {{.Secrets.TOKEN}}"',
      'echo "k={{.Secrets.TOKEN}}" >> "$HYBRID_OUTPUT"',
    );
    await begun(job);
    const files = await endUnheard();
    const folder = `${job.job.id}-1`;
    expect(files).toEqual([folder, expect.stringMatching(/ndjson$/), join(folder, 'outcome.json')]);
    for (const [file, mode] of [
      ['.', 0o700],
      [folder, 0o700],
      ...files.slice(1).map((name) => [name, 0o600] as const),
    ] as [string, number][])
      expect((await stat(join(bench.data, 'spool', file))).mode & 0o777).toBe(mode);
    for (const file of files.slice(1))
      expect(await readFile(join(bench.data, 'spool', file), 'utf8')).not.toContain('hunter22');
    await bench.gateway.start();
    expect(await completed(job)).toMatchObject({ exit_code: 0, outputs: { k: '***' } });
    expect(logText(job)).toContain('token ***');
    expectOnceAndInOrder(job);
    await eventually(async () => expect(await spooled()).toEqual([]));
  });

  it('sends a result after a kill and a start, and says nothing of what was running', async () => {
    const killed = await bench.startReady(['--capacity', '2']);
    const job = patientJob('seq 1 50000');
    const running = bench.shell(['echo begun', 'sleep 1000']);
    await begun(job, running);
    await endUnheard();
    killed.child.kill('SIGKILL');
    await killed.ended;
    await bench.gateway.start();
    const agent = await bench.startReady();
    expect(await completed(job)).toMatchObject({ exit_code: 0 });
    expectOnceAndInOrder(job);
    expect(logText(job).match(/^\d+$/gm)).toHaveLength(50_000);
    expect(running.accepted.filter((what) => what !== 'logs')).toEqual(['start']);
    await eventually(async () => expect(await spooled()).toEqual([]));
    expect(agent.stderr.match(/it ended before this agent was started/g)).toHaveLength(1);
    expect(await completed(bench.shell(['true']))).toMatchObject({ exit_code: 0 });
  });

  it('drops what it kept when the job is another’s by then, and says so', async () => {
    const agent = await bench.startReady();
    const job = patientJob();
    await begun(job);
    await endUnheard();
    bench.gateway.lost.add(job.job.id);
    await bench.gateway.start();
    await eventually(() => expect(agent.stderr).toContain('its result is dropped'));
    await eventually(async () => expect(await spooled()).toEqual([]));
    expect(job.completed).toEqual([]);
    bench.gateway.lost.clear();
    expect(await completed(bench.shell(['true']))).toMatchObject({ exit_code: 0 });
  });

  it('drops quietly what it kept while it was stopped for longer than its lease', async () => {
    const agent = await bench.startReady();
    const job = patientJob();
    await begun(job);
    agent.child.kill('SIGSTOP');
    bench.gateway.lost.add(job.job.id);
    await writeFile(join(bench.home, 'go'), '');
    await eventually(() => expect(existsSync(join(bench.home, 'end'))).toBe(true));
    agent.child.kill('SIGCONT');
    await eventually(() => expect(agent.stderr).toContain('its result is dropped'));
    expect(job.completed).toEqual([]);
    expect(agent.stderr).not.toContain('unexpected');
    expect(await completed(bench.shell(['true']))).toMatchObject({ exit_code: 0 });
  });

  it('makes a step that writes wait when it has filled its share of the spool', async () => {
    await bench.startReady(['--spool-limit-mb', '1']);
    const job = patientJob('head -c 8000000 /dev/zero | tr "\\0" x | fold -w 1000; echo');
    await begun(job);
    await bench.gateway.stop();
    await writeFile(join(bench.home, 'go'), '');
    const sizes: number[] = [];
    await eventually(async () => {
      const files = await Promise.all((await spooled()).map((name) => stat(join(bench.data, 'spool', name))));
      sizes.push(files.reduce((sum, file) => sum + (file.isFile() ? file.size : 0), 0));
      expect(sizes.at(-1)).toBeGreaterThan(400_000);
      // It has come to a stop.
      expect(new Set(sizes.slice(-10)).size).toBe(1);
    });
    expect(sizes.at(-1)).toBeLessThan(2_000_000);
    expect(existsSync(join(bench.home, 'end'))).toBe(false);
    await bench.gateway.start();
    expect(await completed(job)).toMatchObject({ exit_code: 0 });
    expectOnceAndInOrder(job);
    expect([...job.lines.values()].filter(({ stream }) => stream === 'stdout').length).toBeGreaterThan(8000);
  });

  it('tells a result that the gateway cannot take as a failure', async () => {
    await bench.startReady();
    bench.gateway.fail('PATCH', /complete$/, {
      status: 422,
      json: { code: 'invalid_input', detail: 'outputs' },
    });
    const job = bench.shell(['true']);
    expect(await completed(job)).toMatchObject({
      exit_code: -1,
      error_message: 'the result could not be reported: the gateway refused with 422 invalid_input: outputs',
    });
  });

  it('does not let a result wait for ever behind a log that cannot be taken', async () => {
    const notices: string[] = [];
    const notify = (text: string): void => void notices.push(text);
    const gateway = new GatewayClient(bench.gateway.url, notify);
    gateway.token = bench.gateway.credentialFor('agent-1');
    const { job, ...record } = bench.shell(['true']);
    const key = {
      agent_id: 'agent-1',
      job_id: job.id,
      attempt: 1,
      lease_token: job.lease_token,
      traceparent: '',
    };
    const attempt = await new Spool(join(bench.home, 'spool'), new SpoolRoom(1e9), notify).begin(key);
    attempt.log.add('stdout', 'a line');
    await attempt.end({ what: 'complete', body: { exit_code: 0 } });
    bench.gateway.fail('POST', /logs$/, 'away', Infinity);
    expect(await new Delivery(attempt, gateway, notify, undefined, 500).run()).toBe('accepted');
    expect(record.completed).toMatchObject([{ exit_code: 0 }]);
    expect(notices).toContainEqual(expect.stringContaining('the rest of its log is given up'));
  });

  it('sends the result until it is accepted', async () => {
    await bench.startReady();
    bench.gateway.fail('PATCH', /complete$/, 'away');
    bench.gateway.fail('PATCH', /complete$/, 'hang up');
    const job = bench.shell(['true']);
    await completed(job);
    expect(bench.gateway.requests.filter((request) => request.endsWith('/complete'))).toHaveLength(3);
  });

  it('drops a result that is refused because the lease is lost', async () => {
    const agent = await bench.startReady();
    bench.gateway.fail('PATCH', /complete$/, {
      status: 409,
      json: { code: 'lease_lost', detail: 'another has it' },
    });
    bench.shell(['true']);
    await eventually(() =>
      expect(agent.stderr).toContain('its result is dropped: the gateway refused with 409 lease_lost'),
    );
    expect(bench.gateway.requests.filter((request) => request.endsWith('/complete'))).toHaveLength(1);
  });

  it('sends every line of a long log, in order, although the gateway fails now and then', async () => {
    await bench.startReady();
    bench.gateway.fail('POST', /logs$/, 'hang up');
    bench.gateway.fail('POST', /logs$/, 'away', 2);
    const job = bench.shell(['i=0; while [ $i -lt 20000 ]; do i=$((i+1)); echo "line $i"; done']);
    expect(await completed(job)).toMatchObject({ exit_code: 0 });
    const lines = [...job.lines.values()]
      .sort((a, b) => a.seq - b.seq)
      .filter(({ stream }) => stream === 'stdout');
    expect(lines).toHaveLength(20_000);
    expect(lines.every(({ text }, index) => text === `line ${index + 1}`)).toBe(true);
  });

  it('does not outrun the gateway: a script that writes 60 MB waits', async () => {
    const agent = await bench.startReady();
    const before = await residentBytes(agent.child.pid);
    bench.gateway.fail('POST', /logs$/, 'away', 3);
    const job = bench.shell(['head -c 60000000 /dev/zero | tr "\\0" x | fold -w 4000']);
    const peak = { bytes: 0 };
    await eventually(async () => {
      peak.bytes = Math.max(peak.bytes, await residentBytes(agent.child.pid));
      expect(job.completed).toHaveLength(1);
    });
    expect(job.lines.size).toBeGreaterThan(15_000);
    expect(peak.bytes - before).toBeLessThan(250 * 1024 * 1024);
  });
});

async function residentBytes(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024;
}
