import {
  type ConnectionView,
  type DeliveryView,
  type RegisteredRelay,
  type RelayView,
  type RunSummary,
} from '@hybrid/contracts';
import { deliveryId, newRelayKey, signDelivery } from '@hybrid/delivery';
import { eventually, TokenIssuer } from '@hybrid/testing';
import { openWriter } from '@hybrid/user-queue';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { hash, randomUUID } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { startSystem, type System } from '../system.js';
import { ask, type Answer } from './client.js';

const DASHBOARD = '../../infra/grafana/dashboards/deliveries.json';
const figures = {
  received: 1,
  refused: 0,
  duplicates: 0,
  sent: 1,
  spooled: 0,
  lag_seconds: 0,
  queue: 'up',
  uptime_seconds: 1,
};
const PIPELINE = `name: build
on:
  push: { branches: [main] }
steps:
  - name: approve
    type: step.gate
    config: { type: manual }
`;

describe('relays and the queues of customers', () => {
  let system: System;
  let issuer: TokenIssuer;
  const key = newRelayKey();

  beforeAll(async () => {
    [system, issuer] = await Promise.all([startSystem(), TokenIssuer.start()]);
  });
  afterAll(async () => {
    await system?.stop();
    await issuer?.stop();
  });

  const register = <T = RegisteredRelay>(token: string | undefined, headers = {}, more = {}) =>
    ask<T>(system.url, 'POST /api/relays/register', {
      token,
      headers,
      json: { name: 'dmz', connection: 'shop', public_key: key.x, ...more },
    });
  const beat = (token: string) => ask(system.url, 'POST /api/relays/heartbeat', { token, json: figures });
  const joinToken = async (more: object) =>
    (await system.admin<{ token: string }>('POST /api/join-tokens', { json: { name: 'one', ...more } })).body
      .token;
  const isProblem = ({ status, body }: Answer<unknown>, wanted: number, code: string) =>
    expect({ status, body }).toMatchObject({ status: wanted, body: { code } });

  it('register with a join token for relays, and with no other', async () => {
    const token = await joinToken({ for: 'relay' });
    const { status, body, headers } = await register(token);
    expect({ status, body }).toEqual({
      status: 201,
      body: {
        relay_id: expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/) as unknown,
        api_key: expect.stringMatching(/^hyr_/) as unknown,
        connection: 'shop',
        next_check_interval: 15,
      },
    });
    expect(headers.get('cache-control')).toBe('no-store');
    isProblem(await register(await joinToken({})), 403, 'joins_agents');
    isProblem(await register(system.joinToken), 403, 'joins_agents');
    const agent = await ask(system.url, 'POST /api/agents/register', { token, json: { name: 'a' } });
    isProblem(agent, 403, 'joins_relays');
    isProblem(
      await system.admin('POST /api/join-tokens', { json: { name: 'x', for: 'relay', pool: 'gpu' } }),
      422,
      'pool_is_for_agents',
    );
  });

  it('get the same key again for the same Idempotency-Key, which is nobody else’s', async () => {
    const token = await joinToken({ for: 'relay' });
    const headers = { 'idempotency-key': randomUUID() };
    const { body } = await register(token, headers);
    expect((await register(token, headers)).body).toEqual(body);
    isProblem(await register(token, headers, { connection: 'other' }), 409, 'idempotency_key_reused');
    expect((await register(await joinToken({ for: 'relay' }), headers)).body.relay_id).not.toBe(
      body.relay_id,
    );
  });

  it('register by a JWT of an issuer that a trust rule for relays names', async () => {
    const rule = { name: 'dmz', for: 'relay', issuer: issuer.url, audience: 'hybrid', subject: 'relay-*' };
    const made = await system.admin<{ rule_id: string }>('POST /api/trust-rules', { json: rule });
    expect(made).toMatchObject({ status: 201, body: { ...rule, pool: null } });
    const token = await issuer.sign({ sub: 'relay-7', aud: 'hybrid' });
    const relay = await eventually(async () => {
      const answer = await register(token);
      expect(answer.status).toBe(201);
      return answer.body;
    });
    expect((await beat(relay.api_key)).status).toBe(200);
    isProblem(
      await register(await issuer.sign({ sub: 'agent-7', aud: 'hybrid' })),
      401,
      'workload_no_rule_fits',
    );
    isProblem(
      await register(await issuer.sign({ sub: 'relay-7', aud: 'other' })),
      401,
      'workload_audience_wrong',
    );
    // Everywhere else such a token is none, and no issuer is asked.
    isProblem(await ask(system.url, 'GET /api/relays', { token }), 401, 'unauthenticated');
    const exchange = {
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: token,
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    };
    isProblem(
      await ask(system.url, 'POST /api/agents/token', { json: exchange }),
      401,
      'workload_issuer_unknown',
    );
  });

  it('beat with their key until they are removed, at once', async () => {
    const { relay_id, api_key } = (await register(system.adminToken)).body;
    expect(await beat(api_key)).toMatchObject({
      status: 200,
      body: { status: 'HEALTHY', next_check_interval: 15 },
    });
    const view = await system.admin<RelayView>(`GET /api/relays/${relay_id}`);
    expect(view.body).toMatchObject({ relay_id, received: 1, status: 'HEALTHY' });
    expect(JSON.stringify(view.body)).not.toContain(api_key.slice(4));
    isProblem(await ask(system.url, 'GET /api/relays', { token: api_key }), 403, 'forbidden');
    expect((await system.admin(`DELETE /api/relays/${relay_id}`)).body).toMatchObject({ status: 'REMOVED' });
    await eventually(async () => isProblem(await beat(api_key), 401, 'relay_unknown'));
  });

  it('bring about one run of a webhook, however often it comes', async () => {
    const path = join(system.platform.directory, 'queues', 'shop');
    await mkdir(path, { recursive: true });
    const stored = await system.admin('PUT /api/pipelines/build', {
      json: { definition: PIPELINE, repository: 'acme/web' },
    });
    expect(stored.status).toBeLessThan(300);
    const configuration = JSON.stringify({
      version: 1,
      name: 'shop',
      environment: 'test',
      queue: { kind: 'directory', path },
      routes: { rules: [] },
    });
    const put = await system.admin<ConnectionView>('PUT /api/connections/shop', { json: { configuration } });
    expect(put).toMatchObject({
      status: 200,
      body: {
        connection: 'shop',
        version: 1,
        status: 'CHECKING',
        external_id: expect.stringMatching(/^hybrid-[0-9a-f]{32}$/) as unknown,
      },
    });
    isProblem(
      await system.admin('PUT /api/connections/other', { json: { configuration } }),
      422,
      'connection_name_differs',
    );
    expect(
      await system.admin('PUT /api/connections/shop', { json: { configuration: 'version: 1\nnam: shop' } }),
    ).toMatchObject({
      status: 422,
      body: { code: 'net_zero_invalid', errors: expect.any(Array) as unknown },
    });
    expect(await system.admin('POST /api/connections/shop/verify')).toMatchObject({
      status: 200,
      body: { status: 'CONNECTED' },
    });

    const { relay_id } = (await register(system.adminToken)).body;
    const keyed_sha256 = hash('sha256', randomUUID(), 'hex');
    const delivery = {
      v: 1,
      id: deliveryId('github', keyed_sha256),
      relay_id,
      source: 'github',
      tool: 'github',
      kind: 'push',
      event: 'push',
      action: null,
      delivery: null,
      received_at: new Date().toISOString(),
      payload: { bytes: 100, keyed_sha256, key_id: 'k1' },
      metadata: {
        repository: 'acme/web',
        clone_url: 'https://git.example.com/acme/web.git',
        branch: 'main',
        commit: 'ab'.repeat(20),
      },
    } as const;
    const writer = await openWriter({ kind: 'directory', path });
    const text = await signDelivery(delivery, key);
    await writer.send(Array.from({ length: 10 }, () => text));
    const view = await eventually(async () => {
      const { body } = await system.admin<DeliveryView>(`GET /api/deliveries/${delivery.id}`);
      expect(body).toMatchObject({ status: 'SENT' });
      return body;
    });
    expect(view.decisions).toEqual([
      {
        rule: null,
        do: 'triggers',
        because: 'there are no rules',
        runs: [{ pipeline: 'build', run_id: expect.any(String) as unknown }],
        message: null,
      },
    ]);
    await eventually(async () => {
      const { body } = await system.admin<{ runs: RunSummary[] }>('GET /api/runs');
      expect(body.runs.map(({ id }) => id)).toEqual([view.decisions[0]!.runs[0]!.run_id]);
      const { body: list } = await system.admin<{ deliveries: DeliveryView[] }>(
        'GET /api/deliveries?connection=shop&repository=acme/web&status=SENT',
      );
      expect(list.deliveries).toEqual([view]);
    });
  });

  it('are in the figures that the dashboard of deliveries shows, without their names', async () => {
    const configuration = JSON.stringify({
      ...{ version: 1, name: 'gone', environment: 'test', routes: { rules: [] } },
      queue: { kind: 'directory', path: join(system.platform.directory, 'queues', 'gone') },
    });
    await system.admin('PUT /api/connections/gone', { json: { configuration } });
    const dashboard = await readFile(resolve(import.meta.dirname, DASHBOARD), 'utf8');
    const names = new Set(dashboard.match(/\bhybrid_\w+/g));
    expect(names.size).toBeGreaterThan(5);
    await eventually(async () => {
      const { body } = await ask<string>(system.url, 'GET /metrics');
      expect([...names].filter((name) => !new RegExp(`^${name}[{ ]`, 'm').test(body))).toEqual([]);
      expect(body).not.toMatch(/shop|gone|acme/);
    });
  });
});
