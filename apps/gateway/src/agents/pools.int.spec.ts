import { agentsRequests, queueRequests, type Request } from '@hybrid/contracts';
import { ConnectionsModule } from '@hybrid/service';
import { agentCredential, contentDigest, readAgentCredential, signRequest } from '@hybrid/signatures';
import { startPlatform, type Platform } from '@hybrid/test-platform';
import { NestFactory } from '@nestjs/core';
import type { DynamicModule } from '@nestjs/common';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { GatewayModule } from '../app.module.js';
import { RateLimits } from '../edge/rate-limits.js';
import { GatewaySettings } from '../gateway.settings.js';
import { Tokens } from '../identity/identity.js';
import { InstallationKeys } from '../identity/installation-keys.js';
import { openSignIn } from '../sign-in/sign-in-parts.js';

const ADMIN = 'admin-token';
const JOINER = 'join-token';
const agentId = randomUUID();
const KEYS = InstallationKeys.parse(InstallationKeys.generate());
const key = KEYS.derive('k1', `agent/default/${agentId}/1`);
const AGENT = agentCredential({ agentId, version: 1, key });
const view = { pool: 'gpu', queue_depth: 3 };

const access = {
  ...{ org: 'default', pool: 'gpu', labels: {}, capabilities: [], rotation_asked: false },
  keys: [keyOf(1)],
  joined_by: { kind: 'installation', id: 'join-token' },
};

function keyOf(version: number) {
  return { kid: 'k1', version, since: new Date().toISOString(), not_after: null };
}

describe('the routes of pools', () => {
  let platform: Platform;
  let app: NestFastifyApplication;
  let url: string;
  let asked: [subject: string, input: unknown][] = [];

  /** In place of the services: each answers what is told. */
  const answer = <I, O>({ subject }: Request<I, O>, reply: unknown) =>
    platform.connections.nats.subscribe(subject, {
      callback: (_, message) => {
        asked.push([subject, message.json()]);
        message.respond(JSON.stringify(reply));
      },
    });
  const ask = async (request: string, token: string, body?: object) => {
    const [method = '', path] = request.split(' ');
    const credential = readAgentCredential(token);
    const target = new URL(url + path).pathname;
    const digest = contentDigest(body && JSON.stringify(body));
    const response = await fetch(url + path, {
      method,
      headers: {
        ...(credential
          ? signRequest(credential, { method, target, contentDigest: digest })
          : { authorization: `Bearer ${token}` }),
        ...(body && { 'content-type': 'application/json' }),
      },
      body: body && JSON.stringify(body),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };

  beforeAll(async () => {
    platform = await startPlatform();
    const settings = new GatewaySettings();
    const signIn = await openSignIn(settings, platform.connections.nats);
    const limits = new RateLimits(settings);
    const root: DynamicModule = {
      module: class Root {},
      imports: [
        ConnectionsModule.with(platform.connections),
        GatewayModule.with(settings, new Tokens(ADMIN, JOINER), KEYS, limits, signIn),
      ],
    };
    app = await NestFactory.create<NestFastifyApplication>(
      root,
      new FastifyAdapter({ routerOptions: { maxParamLength: 500 } }),
      { logger: ['error'], rawBody: true },
    );
    await app.listen(0, '127.0.0.1');
    url = `http://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}/api/agents`;
    answer(agentsRequests.access, access);
    answer(agentsRequests.pools, { pools: [view] });
    answer(agentsRequests.pool, view);
    answer(agentsRequests.scale, { pool: 'gpu', desired_agents: 4 });
    answer(agentsRequests.configurePool, view);
    answer(agentsRequests.config, { agent_id: agentId });
    answer(queueRequests.pausePool, {});
    await platform.connections.nats.flush();
  });
  afterAll(async () => {
    // Its connections are the platform's.
    app?.getHttpServer().close();
    await platform?.stop();
  });
  beforeEach(() => void (asked = []));

  it.each<[request: string, body: object | undefined, asked: [string, unknown][], answered: object]>([
    [
      'GET /pools',
      undefined,
      [[agentsRequests.pools.subject, {}]],
      { pools: [view], total: 1, next_cursor: null },
    ],
    ['GET /pools/gpu', undefined, [[agentsRequests.pool.subject, { pool: 'gpu' }]], view],
    ['GET /pools/a%2Fb%20c', undefined, [[agentsRequests.pool.subject, { pool: 'a/b c' }]], view],
    [
      'GET /pools/gpu/scale',
      undefined,
      [[agentsRequests.scale.subject, { pool: 'gpu' }]],
      { desired_agents: 4 },
    ],
    [
      'POST /pools/gpu/scale',
      { max_agents: 5 },
      [[agentsRequests.configurePool.subject, { max_agents: 5, pool: 'gpu' }]],
      view,
    ],
    [
      'PUT /pools/gpu',
      { deployment_targets: ['staging'] },
      [[agentsRequests.configurePool.subject, { deployment_targets: ['staging'], pool: 'gpu' }]],
      view,
    ],
    [
      'POST /pools/gpu/pause',
      { reason: 'moving' },
      [
        [queueRequests.pausePool.subject, { pool: 'gpu', reason: 'moving' }],
        [agentsRequests.pool.subject, { pool: 'gpu' }],
      ],
      view,
    ],
  ])('%s', async (request, body, expected, answered) => {
    expect(await ask(request, ADMIN, body)).toMatchObject({ status: 200, body: answered });
    expect(asked).toEqual(expected);
    for (const token of [JOINER, AGENT])
      expect(await ask(request, token, body)).toMatchObject({ status: 403, body: { code: 'forbidden' } });
  });

  it('an agent that got its next key from another gateway is known before anybody says so', async () => {
    expect(await ask(`GET /${agentId}/config`, AGENT)).toMatchObject({ status: 200 });
    access.keys.push(keyOf(2));
    const second = KEYS.derive('k1', `agent/default/${agentId}/2`);
    const token = agentCredential({ agentId, version: 2, key: second });
    expect(await ask(`GET /${agentId}/config`, token)).toMatchObject({ status: 200 });
  });

  it('an agent reads its own configuration, nobody else’s', async () => {
    expect(await ask(`GET /${agentId}/config`, AGENT)).toMatchObject({ status: 200 });
    expect(await ask(`GET /${agentId}/config`, ADMIN)).toMatchObject({ status: 200 });
    expect(await ask(`GET /${agentId}/config`, JOINER)).toMatchObject({ status: 403 });
    expect(await ask(`GET /${randomUUID()}/config`, AGENT)).toMatchObject({
      status: 403,
      body: { code: 'not_your_agent' },
    });
  });

  it.each<[request: string, body: object, path: string]>([
    ['POST /pools/gpu/scale', { deployment_targets: ['staging'] }, 'deployment_targets'],
    ['POST /pools/gpu/scale', { max_agents: -1 }, 'max_agents'],
    ['PUT /pools/gpu', { workload_identity: { issuer: 'x' } }, 'workload_identity.audience'],
    ['POST /pools/gpu/pause', {}, 'reason'],
    [`PUT /pools/${'x'.repeat(101)}`, { max_agents: 1 }, 'pool_name'],
  ])('%s refuses %j', async (request, body, path) => {
    const answered = await ask(request, ADMIN, body);
    expect(answered).toMatchObject({ status: 422, body: { code: 'invalid_input' } });
    expect((answered.body['errors'] as { path: string }[]).map((error) => error.path)).toContain(path);
    expect(asked).toEqual([]);
  });

  it('say that the queue does not answer', async () => {
    expect(await ask('POST /pools/gpu/resume', ADMIN, {})).toMatchObject({
      status: 503,
      body: { code: 'service_unavailable' },
    });
  });
});
