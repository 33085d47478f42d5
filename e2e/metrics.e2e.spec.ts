import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@hybrid/testing';
import { mkdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ask, jobOf } from './http/client.js';
import { startSystem, type System } from './system.js';

const infra = resolve(import.meta.dirname, '../infra');

const NOT_FOUND = {
  http_request_method: 'GET',
  http_route: '/api/runs/:run_id',
  http_response_status_code: '404',
};

describe('metrics', () => {
  let system: System;

  beforeAll(async () => {
    system = await startSystem();
    const agent = await system.handAgent('secret-pool');
    await system.admin('POST /api/queue/jobs', { json: jobOf('secret-job', 'secret-pool') });
    await agent.finish(await agent.take());
    await system.admin('GET /api/runs/secret-run');
    await system.admin('GET /no/such/route');
    const path = join(system.platform.directory, 'queues', 'secret-queue');
    await mkdir(path, { recursive: true });
    const queue = { kind: 'directory', path };
    const routes = { rules: [] };
    const configuration = JSON.stringify({ version: 1, name: 'secret', environment: 'test', queue, routes });
    await system.admin('PUT /api/connections/secret', { json: { configuration } });
  });
  afterAll(() => system?.stop());

  const metrics = () => ask<string>(system.url, 'GET /metrics');
  /** The value of the first series with this name and these labels. */
  const valueOf = (text: string, name: string, labels: Record<string, string>): number | undefined => {
    const found = text
      .split('\n')
      .find(
        (one) =>
          one.startsWith(`${name}{`) &&
          Object.entries(labels).every(([label, value]) => one.includes(`${label}="${value}"`)),
      );
    return found === undefined ? undefined : Number(found.slice(found.lastIndexOf(' ')));
  };

  it('need no token, and name no pool, job, run or connection: only routes, subjects and codes', async () => {
    // A request is counted when its answer is out: somebody else's moment.
    const { status, headers, body } = await eventually(async () => {
      const answer = await metrics();
      expect(valueOf(answer.body, 'http_server_request_duration_seconds_count', NOT_FOUND)).toBe(1);
      return answer;
    });
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    for (const side of ['client', 'server'])
      expect(valueOf(body, `rpc_${side}_call_duration_seconds_count`, { error_type: 'run_not_found' })).toBe(
        1,
      );
    expect(
      valueOf(body, 'rpc_server_call_duration_seconds_count', { rpc_method: 'cmd.queue.job.enqueue' }),
    ).toBe(1);
    expect(body).not.toMatch(/secret|no\/such/);
  });

  it('are there for all that the dashboard shows and the alerts watch', async () => {
    const asked = await Promise.all(
      ['grafana/dashboards/metrics.json', 'prometheus/alerts.yaml'].map((file) =>
        readFile(join(infra, file), 'utf8'),
      ),
    );
    const names = new Set(asked.join().match(/\b(?:hybrid|http_server|rpc|nodejs|process)_\w+/g));
    for (const label of ['http_route', 'rpc_method']) names.delete(label);
    expect(names.size).toBeGreaterThan(8);
    await eventually(async () => {
      const { body } = await metrics();
      const missing = [...names].filter((name) => !new RegExp(`^${name}[{ ]`, 'm').test(body));
      expect(missing).toEqual([]);
    });
  });
});
