/** Above 400 lines, as one system is asked all of it. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@hybrid/testing';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startSystem, type System } from '../system.js';
import { ask, jobOf, type Answer, type HandAgent } from './client.js';
import { PEOPLE, ROUTES, type Person, type Row } from './routes.js';

type Role = Person | 'installation' | 'joiner' | 'agent' | 'relay';
const ROLES: readonly Role[] = ['joiner', 'agent', 'relay', ...PEOPLE, 'installation'];
const EMPTY_SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
const NOBODY = '00000000-0000-4000-8000-000000000000';

describe('who may use which route', () => {
  let system: System;
  let agent: HandAgent;
  let relayKey: string;
  const keys = new Map<Person, string>();
  const credentials: string[] = [];

  const newAgent = async () => {
    const made = await system.handAgent();
    credentials.push(made.token);
    return made;
  };

  beforeAll(async () => {
    system = await startSystem();
    agent = await newAgent();
    const relay = { name: 'by-hand', connection: 'shop', public_key: 'A'.repeat(43) };
    const registered = await system.admin<{ api_key: string }>('POST /api/relays/register', { json: relay });
    relayKey = registered.body.api_key;
    credentials.push(relayKey);
    for (const role of PEOPLE) {
      const { body } = await system.admin<{ key: string }>('POST /api/keys', {
        json: { name: role, roles: [{ role }] },
      });
      keys.set(role, body.key);
      credentials.push(body.key);
    }
  });
  afterAll(() => system?.stop());

  it('is written down here for each route of the document', async () => {
    const { body } = await system.admin<OpenApi>('GET /api/openapi.json');
    const documented = Object.entries(body.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(documented.sort()).toEqual(Object.keys(ROUTES).sort());
  });

  it.each(Object.entries(ROUTES))('%s', async (route, row) => {
    const fresh = await newAgent();
    const of = (role: Role | 'none' | 'wrong'): { token: string | undefined; agentId: string } => {
      switch (role) {
        case 'installation':
          return { token: system.adminToken, agentId: NOBODY };
        case 'viewer':
        case 'developer':
        case 'operator':
        case 'admin':
        case 'auditor':
          return { token: keys.get(role), agentId: NOBODY };
        case 'joiner':
          return { token: system.joinToken, agentId: NOBODY };
        case 'agent':
          return { token: fresh.token, agentId: fresh.id };
        case 'relay':
          return { token: relayKey, agentId: NOBODY };
        case 'wrong':
          return { token: `hya_${NOBODY}_1_${'x'.repeat(43)}`, agentId: NOBODY };
        case 'none':
          return { token: undefined, agentId: NOBODY };
      }
    };
    const send = (role: Role | 'none' | 'wrong') => {
      const { token, agentId } = of(role);
      const request = route.replace('{agent_id}', agentId).replaceAll(/\{\w+\}/g, NOBODY);
      const streamed = request.startsWith('PUT /api/artifacts/');
      const bodied = /^(POST|PATCH|PUT)/.test(request) && !streamed;
      const headers: Record<string, string> =
        streamed && role === 'agent' ? { 'x-content-sha256': EMPTY_SHA256 } : {};
      return ask(system.url, request, { token, headers, ...(bodied && { json: {} }) });
    };
    if (row === 'everybody' || 'everybody' in row) {
      expect((await send('none')).status).toBe(row === 'everybody' ? 200 : row.everybody);
      return;
    }
    for (const role of ['none', 'wrong'] as const) {
      const answer = await send(role);
      expectProblem(answer, 401, role === 'none' ? 'unauthenticated' : 'agent_unknown');
      expect(answer.headers.get('www-authenticate')).toBe('Bearer');
    }
    for (const role of ROLES) {
      const answer = await send(role);
      const allowed = statusFor(row, role);
      if (allowed === undefined) expectProblem(answer, 403, 'forbidden');
      else expect({ role, status: answer.status }).toEqual({ role, status: allowed });
      if (answer.status >= 400) expectProblem(answer, answer.status);
    }
  });

  it.each(
    Object.entries(ROUTES).filter(
      ([route, row]) => route.includes('{agent_id}') && 'agent' in (row as object),
    ),
  )('%s is refused to another agent', async (route) => {
    const other = await newAgent();
    const request = route.replace('{agent_id}', other.id);
    const bodied = !request.startsWith('GET');
    expectProblem(await agent.ask(request, bodied ? { json: {} } : {}), 403, 'not_your_agent');
  });

  it('an agent claims from its own pool only, and for itself only', async () => {
    const fast = await system.handAgent('fast');
    credentials.push(fast.token);
    const { body: slow } = await system.admin('POST /api/queue/jobs', { json: jobOf('slow-work', 'slow') });
    const request = 'POST /api/queue/claim';
    expectProblem(
      await fast.ask(request, { json: { agent_id: fast.id, pool: 'slow' } }),
      404,
      'no_jobs_available',
    );
    expectProblem(await fast.ask(request, { json: { agent_id: agent.id } }), 403, 'not_your_agent');
    expect((await system.admin(`GET /api/queue/jobs/${slow['id'] as string}`)).body).toMatchObject({
      status: 'QUEUED',
    });
    const { body: own } = await system.admin('POST /api/queue/jobs', { json: jobOf('fast-work', 'fast') });
    expect(await fast.claim(10)).toMatchObject({ status: 200, body: { job: { id: own['id'] } } });
  });

  it.each(['Basic YWRtaW46YWRtaW4=', 'Bearer', 'Bearer  ', 'Bearer nonsense', `Bearer hya_${NOBODY}_short`])(
    'the header Authorization: %s is no pass',
    async (authorization) => {
      expectProblem(
        await ask(system.url, 'GET /api/runs', { headers: { authorization } }),
        401,
        'unauthenticated',
      );
    },
  );

  describe('refusals', () => {
    it('name unknown fields by their path, nested ones too', async () => {
      const job = jobOf('typo');
      const answer = await system.admin('POST /api/queue/jobs', {
        json: { ...job, nope: 1, spec: { ...job.spec, step: { ...job.spec.step, nope: 1 } } },
      });
      expectProblem(answer, 422, 'invalid_input');
      expect(answer.body['errors']).toEqual([
        { path: 'nope', message: 'there is no such field' },
        { path: 'spec.step.nope', message: 'there is no such field' },
      ]);
    });

    it('name wrong values in lists by their place', async () => {
      const job = jobOf('wrong');
      const answer = await system.admin('POST /api/queue/jobs', {
        json: { ...job, spec: { ...job.spec, artifacts_out: [{ key: 'a', path: 'a' }, { key: 'b' }] } },
      });
      expectProblem(answer, 422, 'invalid_input');
      expect((answer.body['errors'] as { path: string }[])[0]?.path).toBe('spec.artifacts_out.1.path');
    });

    it('cover what is nested deeper than anybody needs', async () => {
      const body = JSON.stringify(jobOf('deep')).replace('["true"]', '['.repeat(50_000) + ']'.repeat(50_000));
      const headers = { 'content-type': 'application/json' };
      expectProblem(await system.admin('POST /api/queue/jobs', { body, headers }), 422, 'invalid_input');
    });

    it('spare text that no database keeps, and lists show it as it is', async () => {
      for (const name of ['nul\u0000', 'half\ud800'])
        expect((await system.admin('POST /api/queue/jobs', { json: jobOf(name, 'odd') })).status).toBe(201);
      await system.admin('POST /api/queue/jobs', { json: jobOf('plain', 'odd') });
      await eventually(async () => {
        const { jobs } = (await system.admin<{ jobs: { name: string }[] }>('GET /api/queue/jobs?pool=odd'))
          .body;
        expect(jobs.map(({ name }) => name)).toEqual(['plain', 'half\ud800', 'nul\u0000']);
      });
    });

    it.each<[what: string, request: string, options: object, status: number, code: string]>([
      [
        'malformed JSON',
        'POST /api/queue/jobs',
        { body: '{"name":', headers: { 'content-type': 'application/json' } },
        400,
        'bad_request',
      ],
      [
        'an empty JSON body',
        'POST /api/queue/jobs',
        { body: '', headers: { 'content-type': 'application/json' } },
        400,
        'bad_request',
      ],
      [
        'a body of another type',
        'POST /api/queue/jobs',
        { body: 'x', headers: { 'content-type': 'application/xml' } },
        415,
        'unsupported_media_type',
      ],
      [
        'a body above the limit',
        'POST /api/pipelines',
        { json: { definition: 'x'.repeat(3 << 20) } },
        413,
        'payload_too_large',
      ],
      [
        'a body that no message can carry',
        'POST /api/queue/jobs',
        { json: jobOf('x', 'p', { name: 'x'.repeat(1_200_000) }) },
        422,
        'invalid_input',
      ],
      ['a NUL in the query', 'GET /api/queue/jobs?pool=%00', {}, 422, 'invalid_input'],
      ['a NUL in the path', 'GET /api/agents/%00', {}, 422, 'invalid_input'],
      ['a URL that can not be read', 'GET /api/runs/%zz', {}, 400, 'bad_request'],
      ['a name beyond all measure', `GET /api/runs/${'x'.repeat(3_000)}`, {}, 414, 'uri_too_long'],
      ['an unknown route', 'GET /api/nothing', {}, 404, 'not_found'],
      ['an unknown method', 'PUT /api/runs', { json: {} }, 404, 'not_found'],
      ['an unknown job', `GET /api/queue/jobs/${NOBODY}`, {}, 404, 'job_not_found'],
      ['the log of an unknown job', `GET /api/queue/jobs/${NOBODY}/logs`, {}, 404, 'job_not_found'],
      ['why an unknown job waits', `GET /api/queue/jobs/${NOBODY}/explain`, {}, 404, 'job_not_found'],
      ['a change of nothing', `PATCH /api/dashboard/jobs/${NOBODY}`, { json: {} }, 422, 'invalid_input'],
      ['figures of another window', 'GET /api/queue/stats?window=2h', {}, 422, 'invalid_input'],
      ['a batch that is no list', 'POST /api/queue/jobs/batch', { json: { jobs: {} } }, 422, 'invalid_input'],
      ['an unknown run', `GET /api/runs/${NOBODY}`, {}, 404, 'run_not_found'],
      ['an unknown agent', `GET /api/agents/${NOBODY}`, {}, 404, 'agent_not_found'],
      ['an unknown pipeline', 'GET /api/pipelines/nothing', {}, 404, 'pipeline_not_found'],
      [
        'a run of an unknown pipeline',
        'POST /api/pipelines/nothing/runs',
        { json: {} },
        404,
        'pipeline_not_found',
      ],
      ['an unknown artifact', 'GET /api/artifacts/nothing/here', {}, 404, 'artifact_not_found'],
      [
        'a definition with errors',
        'POST /api/pipelines',
        { json: { definition: 'name: x\nstepz: []' } },
        422,
        'invalid_pipeline',
      ],
    ])('%s', async (_, request, options, status, code) => {
      expectProblem(await system.admin(request, options), status, code);
    });

    it('a message too large for the transport is too large, not a passing trouble', async () => {
      const env = Object.fromEntries(Array.from({ length: 95 }, (__, n) => [`V${n}`, '€'.repeat(2_000)]));
      const job = jobOf('large');
      const spec = { ...job.spec, env, services: [{ name: 'more', image: 'more', env }] };
      expectProblem(
        await system.admin('POST /api/queue/jobs', { json: { ...job, spec } }),
        413,
        'message_too_large',
      );
    });
  });

  it('shows its health, its name and its document without a token', async () => {
    const get = (path: string) => ask(system.url, `GET ${path}`);
    expect((await get('/health')).body).toEqual({
      status: 'healthy',
      version: expect.any(String) as unknown,
    });
    expect((await get('/info')).body).toMatchObject({ name: 'hybrid', environment: 'production' });
    const docs = await get('/api/docs');
    expect(docs.headers.get('content-type')).toMatch(/text\/html/);
    expect(docs.body).toMatch(/swagger-ui/);
  });

  it('documents the body of each route that takes one', async () => {
    const { paths, components } = (await system.admin<OpenApi>('GET /api/openapi.json')).body;
    const bodied = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods)
        .filter(([, { requestBody }]) => requestBody)
        .map(([method, { requestBody }]) => [`${method.toUpperCase()} ${path}`, requestBody!] as const),
    );
    const names = bodied.map(([route]) => route).sort();
    expect(names).toEqual([
      'PATCH /api/agents/{agent_id}/status',
      'PATCH /api/dashboard/jobs/{job_id}',
      'PATCH /api/dashboard/jobs/{job_id}/complete',
      'PATCH /api/queue/jobs/{job_id}/complete',
      'PATCH /api/queue/jobs/{job_id}/priority',
      'PATCH /api/queue/jobs/{job_id}/progress',
      'PATCH /api/queue/jobs/{job_id}/start',
      'POST /api/agents/pools/{pool_name}/pause',
      'POST /api/agents/pools/{pool_name}/scale',
      'POST /api/agents/register',
      'POST /api/agents/token',
      'POST /api/agents/{agent_id}/heartbeat',
      'POST /api/artifacts/{execution_id}/{key}/metadata',
      'POST /api/connections/{connection}/pause',
      'POST /api/dashboard/jobs',
      'POST /api/invitations',
      'POST /api/join-tokens',
      'POST /api/keys',
      'POST /api/organisations',
      'POST /api/pipelines',
      'POST /api/pipelines/validate',
      'POST /api/pipelines/{pipeline_id}/runs',
      'POST /api/queue/claim',
      'POST /api/queue/jobs',
      'POST /api/queue/jobs/batch',
      'POST /api/queue/jobs/requeue',
      'POST /api/queue/jobs/{job_id}/close',
      'POST /api/queue/jobs/{job_id}/logs',
      'POST /api/queue/jobs/{job_id}/release',
      'POST /api/relays/heartbeat',
      'POST /api/relays/register',
      'POST /api/runs/{run_id}/gates/{gate}/approve',
      'POST /api/runs/{run_id}/gates/{gate}/reject',
      'POST /api/runs/{run_id}/retry',
      'POST /api/trust-rules',
      'POST /auth/device/answer',
      'POST /auth/device/token',
      'POST /auth/invitation',
      'POST /auth/session',
      'POST /auth/validate',
      'PUT /api/agents/pools/{pool_name}',
      'PUT /api/artifacts/{execution_id}/{key}',
      'PUT /api/connections/{connection}',
      'PUT /api/pipelines/{pipeline_id}',
      'PUT /api/users/{user_id}/roles',
    ]);
    for (const [route, { content }] of bodied) {
      const reference = content['application/json']?.schema.$ref;
      if (!reference) {
        expect({ route, type: Object.values(content)[0]?.schema.type }).toEqual({ route, type: 'string' });
        continue;
      }
      const schema = components.schemas[reference.replace('#/components/schemas/', '')];
      expect(Object.keys(schema?.properties ?? {}).length).toBeGreaterThan(0);
    }
  });

  it('documents each header once, and none of its own making', async () => {
    const { paths } = (await system.admin<OpenApi>('GET /api/openapi.json')).body;
    const headersOf = (path: string, method: string) =>
      (paths[path]?.[method]?.parameters ?? []).filter((one) => one.in === 'header').map(({ name }) => name);
    expect(headersOf('/api/artifacts/{execution_id}/{key}', 'put')).toEqual(['x-content-sha256']);
    expect(headersOf('/api/queue/jobs/{job_id}/logs', 'post').sort()).toEqual(['x-attempt', 'x-lease-token']);
  });

  it('gives the trace back, whatever the answer', async () => {
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    for (const path of ['/health', '/api/runs', '/nothing'])
      expect(
        (await ask(system.url, `GET ${path}`, { headers: { traceparent } })).headers.get('traceparent'),
      ).toBe(traceparent);
  });

  it('writes no secret into any log', async () => {
    const directory = system.platform.directory;
    const logs = (await readdir(directory)).filter((name) => /\.log(\.1)?$/.test(name));
    const text = (await Promise.all(logs.map((name) => readFile(join(directory, name), 'utf8')))).join('\n');
    expect(text).toContain('"ready":true');
    const keys = credentials.flatMap((one) => (one.startsWith('hya_') ? [one.slice(-43)] : []));
    for (const secret of [system.adminToken, system.joinToken, ...credentials, ...keys])
      expect(text).not.toContain(secret);
  });
});

function statusFor(
  { people, gets, ...machines }: Extract<Row, { people: string }>,
  role: Role,
): number | undefined {
  if (role === 'joiner' || role === 'agent' || role === 'relay') return machines[role];
  const letter = role === 'auditor' ? 'u' : role[0]!;
  return role === 'installation' || people === '*' || people.includes(letter) ? gets : undefined;
}

interface OpenApi {
  paths: Record<
    string,
    Record<
      string,
      {
        parameters?: { in: string; name: string }[];
        requestBody?: { content: Record<string, { schema: { $ref?: string; type?: string } }> };
      }
    >
  >;
  components: { schemas: Record<string, { properties?: object }> };
}

function expectProblem(answer: Answer<unknown>, status: number, code?: string): void {
  expect(answer.body).toMatchObject({
    type: 'about:blank',
    title: expect.any(String) as unknown,
    status,
    code: code ?? (expect.stringMatching(/^[a-z_]+$/) as unknown),
    detail: expect.any(String) as unknown,
    instance: expect.stringMatching(/^\//) as unknown,
  });
  expect(answer.body).not.toHaveProperty('kind');
  expect(answer.status).toBe(status);
  expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
}
