import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { startSystem, type System } from '../system.js';
import { ask, jobOf, type Answer, type HandAgent } from './client.js';

/** What an agent may do with what it registered, and with the job that it is at. */
describe('an agent', () => {
  let system: System;
  let agent: HandAgent;

  beforeAll(async () => {
    system = await startSystem();
    agent = await system.handAgent();
  });
  afterAll(() => system?.stop());

  it('does not send its credential: it is no token', async () => {
    const headers = { authorization: `Bearer ${agent.token}` };
    expectProblem(await ask(system.url, `GET /api/agents/${agent.id}`, { headers }), 401, 'unauthenticated');
    const both = { token: agent.token, headers: { authorization: `Bearer ${system.adminToken}` } };
    expectProblem(await ask(system.url, 'GET /api/runs', both), 401, 'unauthenticated');
  });

  it('claims with the labels and capabilities that it registered with, or fewer', async () => {
    const may = { labels: { os: 'linux', gpu: 'yes' }, capabilities: ['docker', 'process'] };
    const one = await system.handAgent('labelled', may);
    const claim = (more: object) =>
      one.ask('POST /api/queue/claim', { json: { agent_id: one.id, pool: 'labelled', ...more } });
    for (const fewer of [may, {}, { labels: { os: 'linux' } }, { capabilities: ['docker'] }])
      expectProblem(await claim(fewer), 404, 'no_jobs_available');
    for (const other of [
      { labels: { os: 'windows' } },
      { labels: { ...may.labels, zone: 'prod' } },
      { capabilities: ['kubernetes'] },
    ])
      expectProblem(await claim(other), 403, 'labels_not_registered');
  });

  it('has the artifacts of the job that it is at, and no others', async () => {
    const [one, other] = [await system.handAgent('arts'), await system.handAgent('arts')];
    const spec = {
      ...jobOf('x').spec,
      execution_id: 'arts-run',
      artifacts_in: [{ execution_id: 'arts-before', key: 'k', dest: 'd' }],
    };
    await system.admin('POST /api/queue/jobs', { json: { ...jobOf('arts', 'arts'), spec } });
    const job = await one.take();
    const lease = { 'x-job-id': job.id, 'x-attempt': '1', 'x-lease-token': job.lease_token };
    const bytes = { body: 'bytes', headers: { ...lease, 'x-content-sha256': sha256('bytes') } };
    expect((await one.ask('PUT /api/artifacts/arts-run/k', bytes)).status).toBe(200);
    expect((await one.ask('GET /api/artifacts/arts-run/k', { headers: lease })).body).toBe('bytes');
    expectProblem(
      await one.ask('GET /api/artifacts/arts-before/k', { headers: lease }),
      404,
      'artifact_not_found',
    );
    for (const address of ['arts-before/k', 'another/k'])
      expectProblem(await one.ask(`PUT /api/artifacts/${address}`, bytes), 403, 'not_your_job');
    expectProblem(await one.ask('GET /api/artifacts/another/k', { headers: lease }), 403, 'not_your_job');
    expectProblem(await other.ask('GET /api/artifacts/arts-run/k', { headers: lease }), 403, 'not_your_job');
    const forged = { ...lease, 'x-lease-token': 'forged' };
    expectProblem(await one.ask('GET /api/artifacts/arts-run/k', { headers: forged }), 403, 'not_your_job');
    expectProblem(await one.ask('GET /api/artifacts/arts-run/k'), 422, 'invalid_input');
    await one.finish(job);
    expectProblem(await one.ask('GET /api/artifacts/arts-run/k', { headers: lease }), 403, 'not_your_job');
  });
});

function expectProblem({ status, body }: Answer<unknown>, expected: number, code: string): void {
  expect({ status, code: (body as { code?: string }).code }).toEqual({ status: expected, code });
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
