import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@hybrid/testing';
import { createHash, randomUUID } from 'node:crypto';
import { expectWithin } from '../expect-within.js';
import { startSystem, type System } from '../system.js';
import { ask, jobOf, type Answer } from './client.js';

const ROUNDS = 20;
const sha256 = createHash('sha256').update('content').digest('hex');

describe('reads after commands', () => {
  let system: System;

  beforeAll(async () => {
    // Two queues, of which one projects: the other must find out in PostgreSQL.
    system = await startSystem({ separate: true });
  });
  afterAll(() => system?.stop());

  const after = (position: string | null) => ({ headers: { 'x-event-position': position ?? '' } });
  /** A busy machine may answer that it is behind, and is asked again; never with what is old. */
  const read = <T = Record<string, unknown>>(path: string, position: string | null) =>
    eventually(async (): Promise<Answer<T>> => {
      const answer = await system.admin<T>(`GET ${path}`, after(position));
      expect(answer.status).not.toBe(503);
      return answer;
    });
  const definition = (name: string) =>
    `name: ${name}\nsteps:\n  - { name: hello, type: step.shell_exec, config: { commands: ['true'] } }\n`;

  it('find in every list what was just created', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const name = `fresh-${round}`;
      const job = await system.admin('POST /api/queue/jobs', { json: jobOf(name, name) });
      const agent = await ask(system.url, 'POST /api/agents/register', {
        token: system.joinToken,
        json: { name, pool: name },
      });
      const pipeline = await system.admin('POST /api/pipelines', { json: { definition: definition(name) } });
      const artifact = await system.admin(`PUT /api/artifacts/${name}/file`, {
        body: 'content',
        headers: { 'content-type': 'text/plain', 'x-content-sha256': sha256 },
      });
      const run = await system.admin(`POST /api/pipelines/${name}/runs`, { json: {} });
      const created = [job, agent, pipeline, artifact, run];
      expect(created.map(({ status }) => Math.floor(status / 100))).toEqual(created.map(() => 2));
      const positions = created.map(({ headers }) => headers.get('x-event-position'));
      for (const position of positions) expect(position).toMatch(/^\d+$/);
      const lists = await Promise.all(
        [
          `/api/queue/jobs?pool=${name}`,
          `/api/agents?pool=${name}`,
          '/api/pipelines?limit=1',
          `/api/artifacts/${name}`,
          `/api/runs?pipeline=${name}`,
        ].map((path, index) => read(path, positions[index] ?? null)),
      );
      expect(lists.map(({ status, body }) => [status, body['total']])).toEqual([
        [200, 1],
        [200, 1],
        [200, round + 1],
        [200, 1],
        [200, 1],
      ]);
    }
  });

  it('hold also what stands in another service’s streams, without waiting for one of the list’s own', async () => {
    const { headers } = await system.admin('POST /api/pipelines', {
      json: { definition: definition('elsewhere') },
    });
    // To wait in vain would take five seconds.
    await expectWithin(4_500, async () => {
      const begun = performance.now();
      const { status } = await system.admin('GET /api/queue/jobs', after(headers.get('x-event-position')));
      expect(status).toBe(200);
      return performance.now() - begun;
    });
  });

  it('count in the statistics what was just queued and cancelled', async () => {
    const figures = async (position: string | null) =>
      (await read<{ queued: number; cancelled: number }>('/api/queue/stats', position)).body;
    const first = await system.admin<{ id: string }>('POST /api/queue/jobs', {
      json: jobOf('counted', 'counted'),
    });
    const before = await figures(first.headers.get('x-event-position'));
    const cancelled = await system.admin(`DELETE /api/queue/jobs/${first.body.id}`);
    const now = await figures(cancelled.headers.get('x-event-position'));
    expect([now.queued - before.queued, now.cancelled - before.cancelled]).toEqual([-1, 1]);
  });

  it('have no position to go by where the command found its work done', async () => {
    const headers = { 'idempotency-key': randomUUID() };
    const [first, again] = [
      await system.admin('POST /api/queue/jobs', { json: jobOf('twice', 'twice'), headers }),
      await system.admin('POST /api/queue/jobs', { json: jobOf('twice', 'twice'), headers }),
    ];
    expect(again.body).toEqual(first.body);
    expect(first.headers.get('x-event-position')).toMatch(/^\d+$/);
    expect(again.headers.get('x-event-position')).toBeNull();
  });

  it('are refused when the position does not come in time, and when it is none', async () => {
    const { headers } = await system.admin('POST /api/queue/jobs', { json: jobOf('late', 'late') });
    const never = String(BigInt(headers.get('x-event-position') ?? 0) + 10n ** 12n);
    const [behind, single] = await Promise.all([
      system.admin('GET /api/queue/jobs', after(never)),
      system.admin(`GET /api/runs/${randomUUID()}`, after(never)),
    ]);
    expect(behind).toMatchObject({ status: 503, body: { code: 'read_model_behind' } });
    expect(behind.headers.get('retry-after')).toBe('1');
    expect(behind.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(behind.body['detail']).toMatch(
      new RegExp(`has come to position \\d+, and ${never} was asked for`),
    );
    // Its stream says whether there is such a run: nothing to wait for.
    expect(single.status).toBe(404);
    expect(await system.admin('GET /api/queue/jobs', after('soon'))).toMatchObject({
      status: 422,
      body: { code: 'invalid_input', errors: [{ path: 'X-Event-Position' }] },
    });
  });

  it('have their headers in the document', async () => {
    const { body } = await ask<{
      paths: Record<string, Record<string, { parameters?: unknown[] }>>;
      components: { parameters: object; headers: object };
    }>(system.url, 'GET /api/openapi.json');
    expect(body.components).toMatchObject({
      parameters: { EventPosition: { name: 'X-Event-Position' } },
      headers: { EventPosition: {} },
    });
    expect(body.paths['/api/queue/jobs']?.['get']?.parameters).toContainEqual({
      $ref: '#/components/parameters/EventPosition',
    });
  });
});
