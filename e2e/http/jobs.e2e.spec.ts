import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { JobExplanation, JobView, QueueStats, QueueVerification, RequeuedJobs } from '@hybrid/contracts';
import { eventually } from '@hybrid/testing';
import { randomUUID } from 'node:crypto';
import { startSystem, type System } from '../system.js';
import { jobOf, leaseOf, type HandAgent } from './client.js';
import { openEvents, readUntil } from './event-stream.js';

interface Batch {
  results: {
    index: number;
    status: number;
    job?: JobView;
    error?: { code: string; errors?: { path: string }[] };
  }[];
  accepted: number;
  refused: number;
}

describe('jobs over HTTP', () => {
  let system: System;

  beforeAll(async () => {
    system = await startSystem();
  });
  afterAll(() => system?.stop());

  const enqueue = async (json: object): Promise<JobView> => {
    const { status, body } = await system.admin<JobView>('POST /api/queue/jobs', { json });
    expect({ status, body }).toMatchObject({ status: 201 });
    return body;
  };
  /** A job that its only attempt has failed. */
  const deadLetter = async (agent: HandAgent, name: string): Promise<JobView> => {
    const job = await enqueue(jobOf(name, agent.pool, { max_attempts: 1 }));
    expect((await agent.finish(await agent.take(), 1)).body).toMatchObject({
      id: job.id,
      status: 'DEAD_LETTERED',
    });
    return job;
  };

  describe('a batch', () => {
    it('takes a thousand at once, each by itself, and again under the same key', async () => {
      const jobs: object[] = Array.from({ length: 1_000 }, (_, n) => jobOf(`job-${n}`, 'batch'));
      jobs[7] = { ...jobOf('odd', 'batch'), nope: 1 };
      jobs[500] = { pool: 'batch' };
      const headers = { 'idempotency-key': randomUUID() };
      const send = async () => {
        const { status, body } = await system.admin<Batch>('POST /api/queue/jobs/batch', {
          json: { jobs },
          headers,
        });
        expect(status).toBe(200);
        return body;
      };
      const first = await send();
      expect([first.accepted, first.refused]).toEqual([998, 2]);
      expect(first.results.map(({ index }) => index)).toEqual(jobs.map((_, index) => index));
      expect(first.results[7]).toMatchObject({ status: 422, error: { errors: [{ path: 'nope' }] } });
      expect(first.results[500]).toMatchObject({ status: 422, error: { errors: [{ path: 'spec' }] } });
      expect(first.results[501]).toMatchObject({ status: 201, job: { name: 'job-501', status: 'QUEUED' } });
      const ids = ({ results }: Batch) => results.map(({ job }) => job?.id);
      expect(ids(await send())).toEqual(ids(first));
      jobs[0] = jobOf('another', 'batch');
      expect((await send()).results[0]).toMatchObject({
        status: 409,
        error: { code: 'idempotency_key_reused' },
      });
      await eventually(async () =>
        expect((await system.admin('GET /api/queue/jobs?pool=batch&limit=1')).body).toMatchObject({
          total: 998,
        }),
      );
    });
  });

  it('a claim of several gets them by priority, first come first', async () => {
    const agent = await system.handAgent('several');
    const ids: Record<string, string> = {};
    for (const [name, priority] of [
      ['low', 'LOW'],
      ['first', 'NORMAL'],
      ['second', 'NORMAL'],
      ['urgent', 'CRITICAL'],
    ] as const)
      ids[name] = (await enqueue(jobOf(name, 'several', { priority }))).id;
    const { body } = await agent.claim(10, { count: 3 });
    expect(body.jobs.map(({ name }) => name)).toEqual(['urgent', 'first', 'second']);
    expect(body.job).toEqual(body.jobs[0]);
    expect((await agent.claim(0, { count: 3 })).body.jobs.map(({ id }) => id)).toEqual([ids['low']]);
  });

  it('a raised priority goes first; a finished job has none to change', async () => {
    const agent = await system.handAgent('raised');
    await enqueue(jobOf('before', 'raised'));
    const job = await enqueue(jobOf('raised', 'raised'));
    const priority = (value: string) =>
      system.admin(`PATCH /api/queue/jobs/${job.id}/priority`, { json: { priority: value } });
    expect(await priority('HIGH')).toMatchObject({ status: 200, body: { priority: 'HIGH' } });
    const taken = await agent.take();
    expect(taken.id).toBe(job.id);
    await agent.finish(taken);
    expect((await priority('LOW')).status).toBe(409);
    expect((await priority('URGENT')).status).toBe(422);
  });

  it('a running job reports how far it is; handed back, it is queued at once and loses no attempt', async () => {
    const [agent, other] = [await system.handAgent('progress'), await system.handAgent('progress')];
    const { id } = await enqueue(jobOf('slow', 'progress', { max_attempts: 1 }));
    const job = await agent.take();
    const path = `/api/queue/jobs/${id}`;
    const report = { percent: 40, message: 'testing' };
    expect(await agent.ask(`PATCH ${path}/progress`, { json: { ...leaseOf(job), ...report } })).toMatchObject(
      {
        status: 200,
        body: { status: 'RUNNING', progress: report },
      },
    );
    expect(
      await other.ask(`PATCH ${path}/progress`, { json: { ...leaseOf(job), percent: 1 } }),
    ).toMatchObject({ status: 409, body: { code: 'lease_lost' } });
    const reason = 'the machine is taken away';
    expect(await agent.ask(`POST ${path}/release`, { json: { ...leaseOf(job), reason } })).toMatchObject({
      status: 200,
      body: { status: 'QUEUED' },
    });
    expect(await agent.finish(job)).toMatchObject({ status: 409, body: { code: 'lease_lost' } });
    const again = await other.take();
    expect(again.id).toBe(id);
    expect((await other.finish(again)).body).toMatchObject({ status: 'COMPLETED' });
  });

  it('a job is closed by hand, and its agent has lost it', async () => {
    const agent = await system.handAgent('closed');
    const { id } = await enqueue(jobOf('closed', 'closed'));
    const job = await agent.take();
    const json = { exit_code: 3, error_message: 'it hangs' };
    expect(await system.admin(`POST /api/queue/jobs/${id}/close`, { json })).toMatchObject({
      status: 200,
      body: { status: 'FAILED', ...json },
    });
    expect(await agent.finish(job)).toMatchObject({ status: 409, body: { code: 'lease_lost' } });
  });

  it('dead letters are queued again, one by one or those that fit', async () => {
    const [agent, other] = [await system.handAgent('dead'), await system.handAgent('dead-too')];
    const dead = [
      await deadLetter(agent, 'one'),
      await deadLetter(agent, 'two'),
      await deadLetter(agent, 'three'),
    ];
    const apart = await deadLetter(other, 'apart');
    await eventually(async () =>
      expect((await system.admin('GET /api/queue/jobs?pool=dead&status=DEAD_LETTERED')).body).toMatchObject({
        total: 3,
      }),
    );
    const requeue = (json: object) => system.admin<RequeuedJobs>('POST /api/queue/jobs/requeue', { json });
    const first = await requeue({ pool: 'dead', limit: 2 });
    expect(first).toMatchObject({ status: 200, body: { requeued: 2, remaining: 1 } });
    expect(new Set(first.body.job_ids)).toEqual(new Set(dead.slice(0, 2).map(({ id }) => id)));
    await eventually(async () =>
      expect((await system.admin('GET /api/queue/jobs?pool=dead&status=DEAD_LETTERED')).body).toMatchObject({
        total: 1,
      }),
    );
    expect(await system.cli('job', 'requeue', '--dead-letters', '--pool', 'dead')).toMatchObject({
      code: 0,
      stdout: '1 jobs are queued again\n',
    });
    expect((await system.admin(`GET /api/queue/jobs/${apart.id}`)).body).toMatchObject({
      status: 'DEAD_LETTERED',
    });
    expect((await system.cli('job', 'requeue', apart.id)).stdout).toBe(`job ${apart.id} is QUEUED\n`);
  });

  it('figures are those of the window that was asked for', async () => {
    const agent = await system.handAgent('figures');
    await deadLetter(agent, 'figures');
    await eventually(async () => {
      const { body } = await system.admin<QueueStats>('GET /api/queue/stats?window=5m');
      expect(body).toMatchObject({ window: '5m', failure_rate: expect.any(Number) as unknown });
      expect(body.pools['figures']).toMatchObject({
        dead_lettered: 1,
        windows: { '5m': { ended: 1, failure_rate: 1 }, '24h': { ended: 1 } },
      });
    });
    expect((await system.cli('queue', 'stats')).stdout).toMatch(/^figures +0 +0 +0 +0 +0 +1 /m);
  });

  it('a job says why it waits, and what it waited for', async () => {
    const job = await enqueue(jobOf('lonely', 'lonely', { labels: { gpu: 'yes' } }));
    const explain = async () =>
      (await system.admin<JobExplanation>(`GET /api/queue/jobs/${job.id}/explain`)).body;
    expect(await explain()).toMatchObject({ status: 'QUEUED', reasons: [{ code: 'no_agent_in_pool' }] });
    expect((await system.cli('job', 'explain', job.id)).stdout).toMatch(/^ {2}1\. .*\(no_agent_in_pool\)$/m);
    await system.handAgent('lonely');
    await eventually(async () => expect((await explain()).reasons[0]?.code).toBe('no_agent_fits'));
  });

  it('the log holds what the scheduler decides', async () => {
    const events = await readUntil(
      await openEvents<QueueVerification>(`${system.url}/api/queue/verification`, system.adminToken),
      (seen) => ['result', 'failed'].includes(seen.at(-1)?.event ?? ''),
    );
    expect(events.at(-1)).toMatchObject({ event: 'result', data: { divergences: [], divergences_total: 0 } });
    expect((events.at(-1)?.data as QueueVerification).claims).toBeGreaterThan(5);
    const { code, stdout } = await system.cli('queue', 'verify');
    expect(stdout).toContain('every claim is what the scheduler decides, and no job was lost\n');
    expect(code).toBe(0);
  });
});
