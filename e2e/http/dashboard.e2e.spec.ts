import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { DashboardJob } from '@hybrid/contracts';
import { eventually } from '@hybrid/testing';
import { randomUUID } from 'node:crypto';
import { startSystem, type System } from '../system.js';
import { jobOf } from './client.js';

const FIELDS = [
  ...[
    'job_id',
    'name',
    'status',
    'pool',
    'priority',
    'run_id',
    'git_ref',
    'agent_id',
    'created_at',
    'started_at',
  ],
  ...['completed_at', 'exit_code', 'error_message', 'progress', 'logs_url'],
];

describe('jobs of the dashboard', () => {
  let system: System;

  beforeAll(async () => {
    system = await startSystem();
  });
  afterAll(() => system?.stop());

  const create = async (json: object, headers: Record<string, string> = {}): Promise<DashboardJob> => {
    const { status, body } = await system.admin<DashboardJob>('POST /api/dashboard/jobs', { json, headers });
    expect(status).toBe(201);
    return body;
  };
  const listed = (query: string) =>
    eventually(async () => {
      const { body } = await system.admin<{ jobs: DashboardJob[]; total: number }>(
        `GET /api/dashboard/jobs${query}`,
      );
      expect(body.total).toBe(1);
      return body.jobs[0]!;
    });

  it('goes through its life under the same names', async () => {
    const agent = await system.handAgent('life');
    const job = jobOf('life', 'life', { priority: 'HIGH', max_attempts: 1 });
    const spec = { ...job.spec, source: { repository: '/demo', ref: 'main' } };
    const made = await create({ ...job, spec });
    expect(Object.keys(made).sort()).toEqual([...FIELDS].sort());
    expect(made).toMatchObject({ status: 'QUEUED', priority: 'HIGH', git_ref: 'main', agent_id: null });
    const claimed = await agent.take();
    expect(claimed.id).toBe(made.job_id);
    const running = await listed('/running?pool=life');
    expect(running).toMatchObject({ job_id: made.job_id, status: 'RUNNING', agent_id: agent.id });
    await agent.finish(claimed, 3, { error_message: 'no' });
    const path = `/api/dashboard/jobs/${made.job_id}`;
    expect(await system.admin(`GET ${path}`)).toMatchObject({
      status: 200,
      body: {
        status: 'DEAD_LETTERED',
        exit_code: 3,
        error_message: 'no',
        completed_at: expect.any(String) as unknown,
      },
    });
    expect(await listed('?pool=life&status=DEAD_LETTERED')).toMatchObject({ job_id: made.job_id });
    expect(await system.admin(`POST ${path}/retry`)).toMatchObject({
      status: 200,
      body: { status: 'QUEUED' },
    });
    expect(await system.admin(`PATCH ${path}`, { json: { priority: 'LOW' } })).toMatchObject({
      status: 200,
      body: { priority: 'LOW' },
    });
    expect(await system.admin(`POST ${path}/cancel`)).toMatchObject({
      status: 200,
      body: { status: 'CANCELLED' },
    });
    expect(await system.admin(`POST ${path}/cancel`)).toMatchObject({
      status: 200,
      body: { status: 'CANCELLED' },
    });
  });

  it('is cancelled by its status, which can be set to nothing else', async () => {
    const { job_id } = await create(jobOf('status', 'status'));
    const change = (json: object) => system.admin(`PATCH /api/dashboard/jobs/${job_id}`, { json });
    expect(await change({ status: 'COMPLETED' })).toMatchObject({
      status: 422,
      body: { errors: [{ path: 'status' }] },
    });
    expect(await change({ agent_id: 'x' })).toMatchObject({
      status: 422,
      body: { errors: [{ path: 'agent_id' }] },
    });
    expect(await change({ status: 'CANCELLED' })).toMatchObject({
      status: 200,
      body: { status: 'CANCELLED' },
    });
  });

  it('is completed by hand', async () => {
    const agent = await system.handAgent('hand');
    const { job_id } = await create(jobOf('hand', 'hand'));
    await agent.take();
    expect(
      await system.admin(`PATCH /api/dashboard/jobs/${job_id}/complete`, { json: { exit_code: 0 } }),
    ).toMatchObject({
      status: 200,
      body: { status: 'COMPLETED', exit_code: 0 },
    });
  });

  it('is there once for one Idempotency-Key, and the same as that of the queue', async () => {
    const headers = { 'idempotency-key': randomUUID() };
    const first = await create(jobOf('once', 'once'), headers);
    expect((await create(jobOf('once', 'once'), headers)).job_id).toBe(first.job_id);
    expect((await system.admin(`GET /api/queue/jobs/${first.job_id}`)).body).toMatchObject({
      id: first.job_id,
    });
    expect(await system.admin('GET /api/dashboard/jobs/running?status=FAILED')).toMatchObject({
      status: 422,
      body: { errors: [{ path: 'status' }] },
    });
  });
});
