import { describe, expect, it } from '@jest/globals';
import type { LogLine } from '@hybrid/contracts';
import { eventually } from '@hybrid/testing';
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { type RecordedJob } from '../test/fake-gateway.js';
import { completed, workbench } from '../test/workbench.js';

describe('logs that the customer keeps', () => {
  const bench = workbench();

  function keeping(logs: string): string[] {
    return ['--logs', logs, '--log-store', pathToFileURL(join(bench.home, 'logs')).href];
  }

  async function stored(): Promise<string[]> {
    const all = await readdir(join(bench.home, 'logs'), { recursive: true, withFileTypes: true });
    return all.filter((one) => one.isFile()).map((one) => join(one.parentPath, one.name));
  }

  function linesOf(bytes: Buffer): LogLine[] {
    const rows = gunzipSync(bytes).toString().split('\n').slice(0, -1);
    return rows.map((row) => JSON.parse(row) as LogLine);
  }

  function speaking(...more: string[]): RecordedJob {
    return bench.shell(['echo "token {{.Secrets.TOKEN}}"', 'seq 1 500', ...more]);
  }

  it.each(['customer', 'both'])('are there whole and masked, and known by their place: %s', async (logs) => {
    await bench.startReady(keeping(logs), { HYBRID_SECRET_TOKEN: 'hunter22' });
    const job = speaking();
    const { log } = await completed(job);
    expect(job.lines.size).toBe(logs === 'both' ? log?.lines : 0);
    const [file, ...others] = await stored();
    expect(others).toEqual([]);
    expect(log?.location).toBe(pathToFileURL(file!).href);
    const bytes = await readFile(file!);
    expect(log).toMatchObject({
      size: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
    });
    const lines = linesOf(bytes);
    expect(lines).toHaveLength(log!.lines);
    expect(lines.map(({ seq }) => seq)).toEqual(lines.map((_, index) => index));
    expect(lines.map(({ text }) => text)).toEqual(expect.arrayContaining(['token ***', '500']));
    expect(gunzipSync(bytes).toString()).not.toContain('hunter22');
  });

  it('are there as far as they came when the agent was killed', async () => {
    const first = await bench.startReady(keeping('customer'), { HYBRID_SECRET_TOKEN: 'hunter22' });
    const job = speaking('sleep 60');
    const spool = join(bench.data, 'spool');
    await eventually(async () => {
      const [attempt] = await readdir(spool);
      const open = await readFile(join(spool, attempt!, 'log', 'open.ndjson'), 'utf8');
      expect(open).toContain('$ sleep 60');
    });
    first.child.kill('SIGKILL');
    await first.ended;
    const again = await bench.startReady(keeping('customer'), { HYBRID_SECRET_TOKEN: 'hunter22' });
    await eventually(async () => {
      expect(again.stderr).toContain('the log of an attempt that did not end is at file://');
      expect(await readdir(spool)).toEqual([]);
    });
    const [file] = await stored();
    expect(file).toBe(join(bench.home, 'logs', job.job.id, '1.ndjson.gz'));
    expect(linesOf(await readFile(file!)).at(-1)?.text).toBe('$ sleep 60');
    expect(job.lines.size).toBe(0);
  });

  it.each([
    [['--logs', 'customer'], /log-store does not say where/],
    [['--log-store', 'file:///srv/logs'], /set logs to customer or both/],
    [['--logs', 'nobody'], /it must be control-plane, customer or both/],
  ])('are not kept by %j', async (args, message) => {
    const agent = bench.start(args);
    expect(await agent.ended).not.toBe(0);
    expect(agent.stderr).toMatch(message);
  });
});
