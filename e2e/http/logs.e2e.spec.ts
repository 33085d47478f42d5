/** Logs as their readers see them: live, in pages, searched, linked to, downloaded, and cut where one is too long. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { JobView, LogLine, LogPage, ShownLine } from '@hybrid/contracts';
import { eventually } from '@hybrid/testing';
import { randomUUID } from 'node:crypto';
import { startSystem, type System } from '../system.js';
import { jobOf, type HandAgent } from './client.js';
import { openEvents, readUntil } from './event-stream.js';

const RED = '\u001b[31m';
const OFF = '\u001b[0m';

describe('logs', () => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem({ env: { HYBRID_LOG_LIMIT_MB: '1' } });
    await system.startAgent('agent-1', { capacity: 2 });
  });
  afterAll(() => system?.stop());

  async function enqueue(json: object): Promise<JobView> {
    const headers = { 'idempotency-key': randomUUID() };
    const { status, body } = await system.admin<JobView>('POST /api/queue/jobs', { json, headers });
    expect(status).toBe(201);
    return body;
  }

  function shell(name: string, ...commands: string[]): Promise<JobView> {
    return enqueue({
      ...jobOf(name),
      spec: { step: { id: name, name, type: 'step.shell_exec', config: { commands } } },
    });
  }

  async function page(job: { id: string }, query = ''): Promise<LogPage> {
    const { status, body } = await system.admin<LogPage>(`GET /api/queue/jobs/${job.id}/logs${query}`);
    expect([status, body]).toMatchObject([200, {}]);
    return body;
  }

  async function ended(job: { id: string }): Promise<JobView> {
    return eventually(async () => {
      const { body } = await system.admin<JobView>(`GET /api/queue/jobs/${job.id}`);
      expect(body.completed_at).not.toBeNull();
      return body;
    });
  }

  it('are tailed in order and whole while the job writes, by every reader', async () => {
    const job = await shell('tail', 'for i in $(seq 1 40); do echo line $i; sleep 0.02; done; seq 1 5000');
    const url = `${system.url}/api/queue/jobs/${job.id}/logs`;
    const readers = await Promise.all([1, 2].map(() => openEvents<ShownLine>(url, system.adminToken)));
    const all = await Promise.all(
      readers.map((one) => readUntil(one, (events) => events.at(-1)?.event === 'end')),
    );
    for (const events of all) {
      const lines = events.slice(0, -1).map(({ data }) => data);
      expect(lines.map(({ seq }) => seq)).toEqual(lines.map((_, index) => index));
      expect(lines.filter(({ stream }) => stream === 'stdout')).toHaveLength(5_040);
    }
  });

  it('show groups, and the values that a step registered as ***', async () => {
    const job = await shell(
      'groups',
      'echo "::group::Install"; echo inside; echo "::endgroup::"; echo "::endgroup::"',
      'echo "--- Build"; echo "::add-mask::s3cr3t-of-the-step"; echo "it is s3cr3t-of-the-step"',
    );
    await ended(job);
    const { lines } = await page(job);
    const groups = lines.filter(({ group }) => group).map(({ group, group_name }) => [group, group_name]);
    expect(groups).toMatchObject([
      ['command', expect.stringContaining('::group::Install')],
      ['start', 'Install'],
      ['end', undefined],
      ['end', undefined],
      ['command', expect.stringContaining('--- Build')],
      ['section', 'Build'],
    ]);
    expect(lines.map(({ text }) => text)).toContain('it is ***');
  });

  describe('by hand', () => {
    const LINES = 3_000;
    let agent: HandAgent;
    let job: JobView;

    beforeAll(async () => {
      agent = await system.handAgent('by-hand');
      job = await enqueue({ ...jobOf('by "hand"/\u00e9', 'by-hand'), max_attempts: 2, backoff_seconds: 0 });
      const first = await agent.take();
      await agent.log(first, [lineOf(0, 'of the first attempt')]);
      await agent.finish(first, 1);
      const second = await agent.take();
      for (let from = 0; from < LINES; from += 100)
        await agent.log(
          second,
          Array.from({ length: 100 }, (_, n) => lineOf(from + n, `${RED}Lin${OFF}e ${from + n}`)),
        );
      await agent.log(second, [lineOf(LINES, 'on stderr', 'stderr')]);
      await agent.finish(second);
    });

    it('are found by their text, whatever its case and colours, page by page', async () => {
      const found: ShownLine[] = [];
      for (let cursor: string | null = ''; cursor !== null;) {
        const next: LogPage = await page(job, `?search=LINE%201&limit=100${cursor && `&cursor=${cursor}`}`);
        found.push(...next.lines);
        cursor = next.next_cursor;
      }
      const wanted = Array.from({ length: LINES }, (_, seq) => seq).filter((seq) =>
        String(seq).startsWith('1'),
      );
      expect(found.map(({ seq }) => seq)).toEqual(wanted);
      expect(found[0]?.text).toContain(RED);
      expect((await page(job, '?search=line%201&plain=true&limit=1')).lines[0]?.text).toBe('Line 1');
      expect((await page(job, '?search=.*')).lines).toEqual([]);
    });

    it('are those of one stream or attempt alone', async () => {
      const texts = async (query: string) => (await page(job, query)).lines.map(({ text }) => text);
      expect(await texts('?stream=stderr')).toEqual(['on stderr']);
      expect(await texts('?attempt=1')).toEqual(['of the first attempt']);
      expect(await texts('?attempt=7')).toEqual([]);
    });

    it.each([0, 1, 99, 100, 1_234, LINES - 1, LINES])('begin where a link to line %i leads', async (from) => {
      const { lines } = await page(job, `?from=${from}&limit=3`);
      expect(lines[0]).toMatchObject({ seq: from, attempt: 2 });
    });

    it('have nothing past their end', async () => {
      expect((await page(job, `?from=${LINES + 1}`)).lines).toEqual([]);
      expect((await page(job, '?from=0&attempt=9')).lines).toEqual([]);
    });

    it('are downloaded as text, with a safe name', async () => {
      const path = `/api/queue/jobs/${job.id}/logs/download`;
      const whole = await system.admin<string>(`GET ${path}?plain=true`);
      expect(whole.headers.get('content-type')).toBe('text/plain; charset=utf-8');
      expect(whole.headers.get('content-disposition')).toBe(`attachment; filename="by-hand-${job.id}.log"`);
      const lines = String(whole.body).split('\n');
      expect(lines.slice(0, 3)).toEqual(['of the first attempt', '=== attempt 2 ===', 'Line 0']);
      expect(lines.slice(-3)).toEqual([`Line ${LINES - 1}`, 'on stderr', '']);
      const timed = await system.admin<string>(`GET ${path}?timestamps=true&attempt=1`);
      expect(timed.body).toBe('2026-01-01T00:00:00.000Z of the first attempt\n');
    });

    it.each(['?from=-1', '?stream=radio', '?attempt=0', '?plain=maybe', '?more=1', '?cursor=x'])(
      'are not asked for by %s',
      async (query) => {
        const { status } = await system.admin(`GET /api/queue/jobs/${job.id}/logs${query}`);
        expect(status).toBe(422);
      },
    );
  });

  it('are where the customer keeps them, and the control plane says so', async () => {
    const agent = await system.handAgent('elsewhere');
    const job = await enqueue(jobOf('elsewhere', 'elsewhere'));
    const taken = await agent.take();
    const log = { location: 's3://ci-logs/job/1.ndjson.gz', sha256: 'a'.repeat(64), size: 7, lines: 3 };
    const url = `${system.url}/api/queue/jobs/${job.id}/logs`;
    const tail = readUntil(await openEvents(url, system.adminToken), (events) => events.length === 1);
    await agent.finish(taken, 0, { log });
    const message = expect.stringContaining('s3://ci-logs/job/1.ndjson.gz (3 lines');
    expect(await page(job)).toEqual({ lines: [], next_cursor: null, log, message });
    expect(await tail).toMatchObject([{ event: 'end', data: { log, message } }]);
    const download = await system.admin<string>(`GET /api/queue/jobs/${job.id}/logs/download`);
    expect(download.body).toMatch(/^this log is kept by the customer, at s3:/);
    expect((await system.cli('job', 'logs', job.id)).stderr).toContain('s3://ci-logs/job/1.ndjson.gz');
  });

  it('are cut where one is too long, and say how much was left out', async () => {
    const job = await shell(
      'long',
      'head -c 3000000 /dev/zero | tr "\\0" x | fold -w 1000; echo; echo the end',
    );
    expect(await ended(job)).toMatchObject({ status: 'COMPLETED' });
    const { lines } = await page(job);
    const last = lines.slice(-2).map(({ stream, text }) => `${stream} ${text}`);
    expect(last[0]).toMatch(/^system the log is longer than 1 MB: /);
    const leftOut = Number(/^system (\d+) line\(s\) of the log were left out$/.exec(last[1] ?? '')?.[1]);
    expect(lines.filter(({ stream }) => stream === 'stdout').length + leftOut).toBe(3_001);
    expect((await page(await shell('after', 'echo still here').then(ended))).lines.at(-1)?.text).toBe(
      'still here',
    );
  });
});

function lineOf(seq: number, text: string, stream: LogLine['stream'] = 'stdout'): LogLine {
  return { seq, time: '2026-01-01T00:00:00.000Z', stream, text };
}
