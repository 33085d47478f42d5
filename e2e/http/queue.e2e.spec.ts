import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  CLAIM_ABANDONED_SUBJECT,
  DEFAULT_ORG,
  partitionClaim,
  type JobView,
  type LogLine,
} from '@hybrid/contracts';
import { eventually } from '@hybrid/testing';
import { randomUUID } from 'node:crypto';
import { startSystem, type System } from '../system.js';
import { ask, jobOf, leaseOf, line, nextMessage, type Answer } from './client.js';
import { openEvents, readUntil } from './event-stream.js';

interface Page {
  jobs: JobView[];
  total: number;
  next_cursor: string | null;
}

interface Lines {
  lines: (LogLine & { attempt: number })[];
  next_cursor: string | null;
}

describe('the queue over HTTP', () => {
  let system: System;

  beforeAll(async () => {
    system = await startSystem();
  });
  afterAll(() => system?.stop());

  const enqueue = async (json: object, headers: Record<string, string> = {}): Promise<JobView> => {
    const { status, body } = await system.admin<JobView>('POST /api/queue/jobs', { json, headers });
    expect(status).toBe(201);
    return body;
  };
  const listed = (pool: string, count: number) =>
    eventually(async () => {
      const { body } = await system.admin<Page>(`GET /api/queue/jobs?pool=${pool}`);
      expect(body.total).toBe(count);
      return body.jobs;
    });

  describe('lists', () => {
    const COUNT = 23;

    beforeAll(async () => {
      await Promise.all(Array.from({ length: COUNT }, (_, n) => enqueue(jobOf(`job-${n}`, 'list'))));
      await listed('list', COUNT);
    });

    it.each([1, 7, COUNT, 200])('walk by pages of %i without loss or repeat', async (limit) => {
      const ids: string[] = [];
      let cursor: string | null = null;
      do {
        const after: string = cursor ? `&cursor=${cursor}` : '';
        const { body }: Answer<Page> = await system.admin<Page>(
          `GET /api/queue/jobs?pool=list&limit=${limit}${after}`,
        );
        expect(body.total).toBe(COUNT);
        expect(body.jobs.length).toBeLessThanOrEqual(limit);
        ids.push(...body.jobs.map(({ id }) => id));
        cursor = body.next_cursor;
      } while (cursor);
      expect(ids).toHaveLength(COUNT);
      expect(new Set(ids).size).toBe(COUNT);
    });

    it.each(['limit=0', 'limit=201', 'limit=ten', 'limit=1.5', 'status=LOST', 'nope=1'])(
      'refuse ?%s',
      async (query) => {
        expect(await system.admin(`GET /api/queue/jobs?${query}`)).toMatchObject({
          status: 422,
          body: {
            code: 'invalid_input',
            errors: expect.arrayContaining([
              expect.objectContaining({ path: query.split('=')[0] }),
            ]) as unknown,
          },
        });
      },
    );

    it.each([
      'nonsense',
      Buffer.from('[1]').toString('base64url'),
      Buffer.from('["2026-01-01",{}]').toString('base64url'),
    ])('refuse the cursor %s', async (cursor) => {
      expect(await system.admin(`GET /api/queue/jobs?cursor=${cursor}`)).toMatchObject({
        status: 422,
        body: { code: 'invalid_cursor' },
      });
    });
  });

  describe('the same Idempotency-Key', () => {
    it('answers the same job, which is there once', async () => {
      const headers = { 'idempotency-key': randomUUID() };
      const first = await enqueue(jobOf('once', 'once'), headers);
      expect((await enqueue(jobOf('once', 'once'), headers)).id).toBe(first.id);
      const together = await Promise.all([1, 2, 3].map(() => enqueue(jobOf('once', 'once'), headers)));
      expect(new Set(together.map(({ id }) => id))).toEqual(new Set([first.id]));
      await enqueue(jobOf('another', 'once'));
      await listed('once', 2);
    });

    it('is refused with another body', async () => {
      const headers = { 'idempotency-key': randomUUID() };
      await enqueue(jobOf('this', 'reuse'), headers);
      const other = await system.admin('POST /api/queue/jobs', { json: jobOf('that', 'reuse'), headers });
      expect(other).toMatchObject({ status: 409, body: { code: 'idempotency_key_reused' } });
    });

    it('starts one run, and is refused for another', async () => {
      const definition =
        'name: keyed\nsteps: [{ name: a, type: step.gate, config: { type: automatic, conditions: ["true"] } }]';
      await system.admin('PUT /api/pipelines/keyed', { json: { definition } });
      const headers = { 'idempotency-key': randomUUID() };
      const start = (json: object) => system.admin('POST /api/pipelines/keyed/runs', { json, headers });
      const first = await start({});
      expect(first.status).toBe(201);
      expect((await start({})).body['id']).toBe(first.body['id']);
      expect(await start({ source: { repository: '/elsewhere' } })).toMatchObject({
        status: 409,
        body: { code: 'idempotency_key_reused' },
      });
    });

    it('registers one agent, and answers its credential again', async () => {
      const headers = { 'idempotency-key': randomUUID() };
      const register = () =>
        ask<{ agent_id: string; credential: string }>(system.url, 'POST /api/agents/register', {
          token: system.joinToken,
          json: { name: 'twice', pool: 'twice' },
          headers,
        });
      const [first, second] = [await register(), await register()];
      expect(second.body.agent_id).toBe(first.body.agent_id);
      const own = `GET /api/agents/${first.body.agent_id}`;
      expect(second.body.credential).toBe(first.body.credential);
      expect((await ask(system.url, own, { token: second.body.credential })).status).toBe(200);
      await eventually(async () =>
        expect((await system.admin('GET /api/agents?pool=twice')).body).toMatchObject({ total: 1 }),
      );
    });
  });

  describe('a claim', () => {
    it('says after its wait that nothing came', async () => {
      const agent = await system.handAgent('empty');
      const start = performance.now();
      expect(await agent.claim(1)).toMatchObject({ status: 404, body: { code: 'no_jobs_available' } });
      expect(performance.now() - start).toBeGreaterThanOrEqual(1_000);
    });

    it('gets a job that comes while it waits; the job goes to its end; the figures follow', async () => {
      const agent = await system.handAgent('wait');
      const before = (await system.admin('GET /api/queue/stats')).body as Record<string, number>;
      const asked = await nextMessage(system.platform, partitionClaim(DEFAULT_ORG, 'wait').subject);
      const claim = agent.claim(20);
      await asked.seen;
      const [good, bad] = [
        await enqueue(jobOf('good', 'wait')),
        await enqueue(jobOf('bad', 'wait', { max_attempts: 1 })),
      ];
      const { body } = await claim;
      expect(body.job).toMatchObject({ id: good.id, status: 'CLAIMED', attempt: 1 });
      expect(Date.parse(body.job.claimed_lease_expires_at) - Date.now()).toBeGreaterThan(10_000);
      const path = `/api/queue/jobs/${good.id}`;
      const started = await agent.ask(`PATCH ${path}/start`, { json: leaseOf(body.job) });
      expect(started).toMatchObject({ status: 200, body: { status: 'RUNNING', agent_id: agent.id } });
      const outputs = { version: '1.2.3' };
      expect(await agent.finish(body.job, 0, { outputs })).toMatchObject({
        status: 200,
        body: { status: 'COMPLETED', outputs },
      });
      expect((await agent.finish(await agent.take(), 3, { error_message: 'no' })).body).toMatchObject({
        id: bad.id,
        status: 'DEAD_LETTERED',
        exit_code: 3,
        error_message: 'no',
      });
      await eventually(async () => {
        const { body: stats } = await system.admin('GET /api/queue/stats');
        expect(stats).toMatchObject({
          queued: before['queued'],
          running: 0,
          completed: before['completed']! + 1,
          dead_lettered: before['dead_lettered']! + 1,
          failure_rate: 0.5,
        });
      });
      expect(await system.admin(`POST /api/queue/jobs/${bad.id}/requeue`)).toMatchObject({
        status: 200,
        body: { status: 'QUEUED' },
      });
      expect(await system.admin(`DELETE /api/queue/jobs/${bad.id}`)).toMatchObject({
        status: 200,
        body: { status: 'CANCELLED' },
      });
      expect(await system.admin(`DELETE ${path}`)).toMatchObject({
        status: 409,
        body: { code: 'job_finished' },
      });
    });

    it('is fenced: an old lease, or that of another agent, is lost', async () => {
      const [agent, other] = [await system.handAgent('fence'), await system.handAgent('fence')];
      await enqueue(jobOf('fenced', 'fence', { backoff_seconds: 0 }));
      const first = await agent.take();
      await agent.finish(first, 1);
      const second = await other.take();
      expect(second).toMatchObject({ id: first.id, attempt: 2 });
      const lost = { status: 409, body: { code: 'lease_lost' } };
      expect(
        await agent.ask(`PATCH /api/queue/jobs/${first.id}/start`, { json: leaseOf(first) }),
      ).toMatchObject(lost);
      expect(await agent.log(first, [line(0)])).toMatchObject(lost);
      expect(await agent.finish(second)).toMatchObject(lost);
      expect(await other.finish(second)).toMatchObject({
        status: 200,
        body: { status: 'COMPLETED', attempt: 2 },
      });
    });

    it('whose agent hung up takes no job', async () => {
      const [gone, here] = [await system.handAgent('gone'), await system.handAgent('gone')];
      const hangUp = new AbortController();
      const asked = await nextMessage(system.platform, partitionClaim(DEFAULT_ORG, 'gone').subject);
      const abandoned = await nextMessage(system.platform, CLAIM_ABANDONED_SUBJECT);
      const claim = gone.claim(40, { signal: hangUp.signal }).catch(() => 'hung up');
      await asked.seen;
      hangUp.abort();
      expect(await claim).toBe('hung up');
      await abandoned.seen;
      const job = await enqueue(jobOf('for-the-other', 'gone'));
      expect((await here.claim(10)).body.job).toMatchObject({ id: job.id, attempt: 1 });
    });
  });

  describe('a log', () => {
    const started = async (pool: string) => {
      const agent = await system.handAgent(pool);
      await enqueue(jobOf(pool, pool));
      return { agent, job: await agent.take() };
    };
    const logOf = ({ id }: { id: string }) => `/api/queue/jobs/${id}/logs`;

    it('has each line once, however often it came, in pages', async () => {
      const { agent, job } = await started('log-pages');
      const all = Array.from({ length: 12 }, (_, n) => line(n));
      for (const [from, to] of [
        [0, 5],
        [0, 5],
        [3, 9],
        [9, 12],
        [0, 12],
      ])
        expect(await agent.log(job, all.slice(from, to))).toMatchObject({ status: 200 });
      const whole = await system.admin<Lines>(`GET ${logOf(job)}`);
      expect(whole.body).toEqual({
        lines: all.map((one) => ({ ...one, attempt: 1 })),
        next_cursor: null,
        log: null,
      });
      const paged: Lines['lines'] = [];
      let cursor: string | null = '';
      while (cursor !== null) {
        const { body }: Answer<Lines> = await system.admin<Lines>(
          `GET ${logOf(job)}?limit=4${cursor && `&cursor=${cursor}`}`,
        );
        expect(body.lines.length).toBeLessThanOrEqual(4);
        paged.push(...body.lines);
        cursor = body.next_cursor;
      }
      expect(paged).toEqual(whole.body.lines);
    });

    it('follows a running job, goes on after a hang-up in the middle of a chunk, and ends with the job', async () => {
      const { agent, job } = await started('log-tail');
      await agent.log(
        job,
        [0, 1, 2, 3].map((seq) => line(seq)),
      );
      const url = system.url + logOf(job);
      const first = await readUntil(
        await openEvents(url, system.adminToken),
        (events) => events.length === 2,
      );
      const tail = await openEvents(url, system.adminToken, first.at(-1)!.id);
      const rest = readUntil(tail, (events) => events.at(-1)?.event === 'end');
      await agent.log(
        job,
        [4, 5].map((seq) => line(seq)),
      );
      await agent.log(
        job,
        [4, 5].map((seq) => line(seq)),
      );
      await agent.finish(job);
      const events = [...first, ...(await rest)];
      expect(events.map(({ event, data }) => (event === 'line' ? data['seq'] : event))).toEqual([
        0,
        1,
        2,
        3,
        4,
        5,
        'end',
      ]);
    });

    it('refuses bad lines by their number, and what is no log or no lease at all', async () => {
      const { agent, job } = await started('log-bad');
      const text = [JSON.stringify(line(0)), '{"seq":', JSON.stringify({ ...line(1), stream: 'radio' })].join(
        '\n',
      );
      const answer = await agent.logText(job, text);
      expect(answer).toMatchObject({
        status: 422,
        body: { code: 'invalid_input', errors: [{ line: 2 }, { line: 3 }] },
      });
      expect((await system.admin<Lines>(`GET ${logOf(job)}`)).body.lines).toEqual([]);
      const request = `POST ${logOf(job)}`;
      const lease = { 'x-attempt': '1', 'x-lease-token': job.lease_token };
      expect(await agent.ask(request, { json: line(0), headers: lease })).toMatchObject({ status: 415 });
      const headers = { 'content-type': 'application/x-ndjson' };
      expect(await agent.ask(request, { body: JSON.stringify(line(0)), headers })).toMatchObject({
        status: 422,
        body: { errors: [{ path: 'x-attempt' }, { path: 'x-lease-token' }] },
      });
    });

    it.each(['?cursor=nonsense', '?limit=0', '?nope=1'])('refuses %s', async (query) => {
      const job = await enqueue(jobOf('unread', 'unread'));
      expect(await system.admin(`GET ${logOf(job)}${query}`)).toMatchObject({ status: 422 });
    });
  });
});
