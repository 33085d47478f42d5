import type { DoctorReport } from '@hybrid/contracts';
import { eventually } from '@hybrid/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ask } from './client.js';
import { ADMIN, CREDENTIAL, EdgeGateway, tokenOf, WRONG } from './edge-gateway.js';

/** A session that is not open any more. */
const ENDED = tokenOf('hys', 's'.repeat(43));
const EXCHANGE = {
  grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
  subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
};

/** What the gateway does before, and beside, what it is asked for. */
describe("the gateway's edges", () => {
  let gateway: EdgeGateway;

  beforeAll(async () => {
    gateway = await EdgeGateway.open();
  });
  afterAll(() => gateway?.close());
  afterEach(() => gateway.stop());

  const limited = (headers: Headers) =>
    ['limit', 'remaining', 'reset'].map((name) => Number(headers.get(`ratelimit-${name}`)));

  describe('rate limits', () => {
    it('of an address come before all else, and are told with every answer', async () => {
      await gateway.start({ HYBRID_RATE_LIMIT_ADDRESS: '4' });
      for (const remaining of [3, 2, 1, 0]) {
        const { status, headers } = await gateway.get('/api/roles');
        expect(status).toBe(401);
        expect(limited(headers).slice(0, 2)).toEqual([4, remaining]);
      }
      const refused = await gateway.get('/api/nothing');
      expect(refused).toMatchObject({
        status: 429,
        body: { title: 'Too Many Requests', status: 429, code: 'rate_limited', instance: '/api/nothing' },
      });
      expect(refused.body['detail']).toMatch(/^too many requests of this address: 4 a minute are allowed/);
      expect(refused.headers.get('content-type')).toMatch(/^application\/problem\+json/);
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(limited(refused.headers).slice(0, 2)).toEqual([4, 0]);
      for (let n = 0; n < 6; n++) expect((await gateway.get('/health')).status).toBe(200);
      expect((await gateway.get('/health/live')).headers.has('ratelimit-limit')).toBe(false);
    });

    it('of a caller and of its organisation are told where they are tighter', async () => {
      await gateway.start({ HYBRID_RATE_LIMIT_CALLER: '2', HYBRID_RATE_LIMIT_ORGANISATION: '3' });
      const first = await gateway.get('/api/roles', { token: ADMIN });
      expect(limited(first.headers).slice(0, 2)).toEqual([2, 1]);
      await gateway.get('/api/roles', { token: ADMIN });
      const refused = await gateway.get('/api/roles', { token: ADMIN });
      expect(refused).toMatchObject({ status: 429, body: { code: 'rate_limited' } });
      expect(refused.body['detail']).toMatch(/requests of this caller: 2 a minute/);
      // Another caller has a limit of its own; the organisation's is for both, and what was refused did not count.
      expect((await gateway.get('/api/roles', { token: CREDENTIAL })).status).toBe(403);
      const other = await gateway.get('/api/roles', { token: CREDENTIAL });
      expect(other).toMatchObject({ status: 429 });
      expect(other.body['detail']).toMatch(/requests of this organisation: 3 a minute/);
      expect(JSON.stringify(other.body)).not.toContain('default');
    });

    it('are off with 0, and then nothing is told', async () => {
      await gateway.start({
        HYBRID_RATE_LIMIT_ADDRESS: '0',
        HYBRID_RATE_LIMIT_CALLER: '0',
        HYBRID_RATE_LIMIT_ORGANISATION: '0',
      });
      const { status, headers } = await gateway.get('/api/roles', { token: ADMIN });
      expect({ status, told: headers.has('ratelimit-limit') }).toEqual({ status: 200, told: false });
    });

    it('of failures refuse before a credential is gateway.looked at; a success makes up for none', async () => {
      await gateway.start({ HYBRID_RATE_LIMIT_FAILURES: '3' });
      for (let n = 0; n < 3; n++) {
        expect((await gateway.get('/api/roles', { token: WRONG })).status).toBe(401);
        expect((await gateway.get('/api/roles', { token: ADMIN })).status).toBe(n < 2 ? 200 : 429);
        // Who presents nothing guesses nothing.
        expect((await gateway.get('/api/roles')).status).toBe(401);
      }
      expect(gateway.looked).toBe(3);
      const refused = await gateway.get('/api/roles', { token: WRONG });
      expect(refused).toMatchObject({ status: 429, body: { code: 'rate_limited' } });
      expect(refused.body['detail']).toMatch(/failures to authenticate from this address: 3 a minute/);
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(gateway.looked).toBe(3);
    });

    it('of failures hold for every way in, whatever is presented there', async () => {
      await gateway.start({ HYBRID_RATE_LIMIT_FAILURES: '3' });
      const { body } = await ask<{ routes: Record<string, unknown> }>(gateway.url, 'GET /api/roles', {
        token: ADMIN,
      });
      const failures: [request: string, json: object, status: number][] = [
        ['POST /auth/invitation', { token: 'wrong' }, 403],
        ['POST /auth/validate', { session_id: 'wrong' }, 200],
        ['POST /api/agents/token', { ...EXCHANGE, subject_token: 'wrong' }, 401],
      ];
      for (const [request, json, status] of failures)
        expect({ request, ...(await ask(gateway.url, request, { json })) }).toMatchObject({
          request,
          status,
        });
      const waysIn = Object.entries(body.routes)
        .filter(([route, access]) => access === 'everybody' && / \/(auth|api)\//.test(route))
        // Nothing is presented there: it is a document.
        .flatMap(([route]) => (route === 'GET /api/pipelines/schema' ? [] : [route]));
      expect(waysIn.length).toBeGreaterThan(12);
      for (const route of waysIn) {
        const { status } = await ask(gateway.url, route.replace(/\{\w+\}/, 'x'), {
          ...(route.startsWith('POST') && { json: {} }),
        });
        expect({ route, status }).toEqual({ route, status: 429 });
      }
      expect((await gateway.get('/api/roles', { token: ADMIN })).status).toBe(429);
      expect((await gateway.get('/health')).status).toBe(200);
    });

    it('of failures do not count what is no guess', async () => {
      await gateway.start({ HYBRID_RATE_LIMIT_FAILURES: '1' });
      const post = async (path: string, json: object, headers: Record<string, string> = {}) =>
        (await ask(gateway.url, `POST ${path}`, { json, headers })).status;
      const get = async (path: string, headers: Record<string, string>) =>
        (await gateway.get(path, { headers })).status;
      const elsewhere = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' };
      for (let n = 0; n < 2; n++) {
        // Sessions that have ended, in tabs that ask on; and cookies of others.
        expect(await get('/api/roles', { cookie: `__Host-hybrid-session=${ENDED}` })).toBe(401);
        expect(await get('/api/roles', { authorization: `Bearer ${ENDED}` })).toBe(401);
        expect(await get('/api/roles', { cookie: 'theme=dark' })).toBe(401);
        expect(await post('/auth/validate', { session_id: ENDED })).toBe(200);
        // What pages of other sites have a browser send.
        expect(await get('/auth/callback/x?state=x', elsewhere)).toBe(404);
        expect(await post('/auth/invitation', { token: 'wrong' }, elsewhere)).toBe(403);
        expect(await post('/api/agents/token', { ...EXCHANGE, subject_token: 'wrong' }, elsewhere)).toBe(403);
      }
      expect(await get('/api/roles', { cookie: '__Host-hybrid-session=wrong' })).toBe(401);
      expect(await get('/api/roles', { authorization: `Bearer ${ADMIN}` })).toBe(429);
    });

    it('of sign-ins that are begun are counted on their own, and not by pages of other sites', async () => {
      await gateway.start({ HYBRID_RATE_LIMIT_SIGN_INS: '2' });
      const begin = async (request: string, headers: Record<string, string> = {}) =>
        (await ask(gateway.url, request, { headers })).status;
      for (let n = 0; n < 3; n++) {
        expect(await begin('POST /auth/device', { origin: 'https://evil.example' })).toBe(403);
        expect(await begin('GET /auth/login/x', { 'sec-fetch-dest': 'image' })).toBe(403);
      }
      expect(await begin('POST /auth/device')).toBe(200);
      // There is no such provider; who asks is counted all the same.
      expect(await begin('GET /auth/login/x', { 'sec-fetch-dest': 'document' })).toBe(404);
      for (const route of ['POST /auth/device', 'GET /auth/login/x', 'POST /auth/invitation'])
        expect({ route, status: await begin(route) }).toEqual({ route, status: 429 });
      expect((await gateway.get('/api/roles', { token: ADMIN })).status).toBe(200);
      expect((await gateway.get('/auth/sign-in')).status).toBe(200);
    });

    it('go by X-Forwarded-For only from a proxy that is trusted', async () => {
      const from = (address: string) =>
        gateway.get('/api/roles', { headers: { 'x-forwarded-for': address } });
      await gateway.start({ HYBRID_RATE_LIMIT_ADDRESS: '2' });
      const ignored = [await from('192.0.2.1'), await from('192.0.2.2'), await from('192.0.2.3')];
      expect(ignored.map(({ status }) => status)).toEqual([401, 401, 429]);
      await gateway.stop();
      await gateway.start({
        HYBRID_RATE_LIMIT_ADDRESS: '2',
        HYBRID_TRUSTED_PROXIES: '127.0.0.0/8,198.51.100.0/24',
      });
      const believed = [
        await from('192.0.2.1'),
        await from('203.0.113.9, 192.0.2.1'),
        // The last one that is no proxy of ours, whatever the client wrote before it.
        await from('203.0.113.8, 192.0.2.1, 198.51.100.7'),
        await from('192.0.2.2'),
        await from('2001:db8::1'),
        await from('2001:db8::2'),
        await from('2001:db8::3'),
      ];
      expect(believed.map(({ status }) => status)).toEqual([401, 401, 429, 401, 401, 401, 429]);
    });
  });

  it('a flood of refusals becomes a few events, told at the stop, with nothing that was presented', async () => {
    await gateway.start({ HYBRID_RATE_LIMIT_FAILURES: '0' });
    await Promise.all(Array.from({ length: 40 }, () => gateway.get('/api/roles', { token: WRONG })));
    await Promise.all(Array.from({ length: 7 }, () => gateway.get('/api/users', { token: CREDENTIAL })));
    await gateway.get('/api/users');
    await gateway.stop();
    const known = { since: expect.any(String) as unknown };
    // Sent before it stopped, and read here when this process comes to it.
    await eventually(() => expect(gateway.refusals).toHaveLength(3));
    expect(gateway.refusals).toEqual(
      expect.arrayContaining([
        { ...known, what: 'credential', code: 'key_unknown', where: 'GET /api/roles', count: 40 },
        { ...known, what: 'permission', code: 'forbidden', where: 'GET /api/users', count: 7 },
        { ...known, what: 'credential', code: 'unauthenticated', where: 'GET /api/users', count: 1 },
      ]),
    );
  });

  it('whoever fails to sign in is told to audit, by provider or route, with nothing that was presented', async () => {
    const providers = join(gateway.directory, 'providers.yaml');
    const settings = "issuer: 'https://issuer.invalid', client_id: a, client_secret_env: ACME_SECRET";
    await writeFile(providers, `acme: { title: Acme, ${settings} }\n`);
    await gateway.start({ HYBRID_PROVIDERS_FILE: providers, ACME_SECRET: 'wrong' });
    const failures: [request: string, json: object | undefined][] = [
      ['GET /auth/callback/acme?state=wrong', undefined],
      ['POST /auth/invitation', { token: 'wrong' }],
      ['POST /auth/invitation/accept', undefined],
      ['POST /auth/validate', { session_id: ENDED }],
      ['POST /auth/device/token', { device_code: 'wrong' }],
      ['POST /auth/device/answer', { user_code: 'wrong', answer: 'approve' }],
      ['POST /api/agents/token', { ...EXCHANGE, subject_token: 'wrong' }],
    ];
    for (const [request, json] of failures)
      await ask(gateway.url, request, { json, headers: { origin: gateway.url } });
    await ask(gateway.url, 'POST /auth/logout', { headers: { origin: 'https://evil.example' } });
    // Nobody was refused.
    await ask(gateway.url, 'POST /auth/session', { json: {} });
    await gateway.get('/auth/sign-in');
    await gateway.stop();
    const told = () => gateway.refusals.map(({ what, code, where }) => `${what} ${code} ${where}`).sort();
    const expected = [
      'credential workload_token_malformed POST /api/agents/token',
      'sign-in cross_site_request POST /auth/logout',
      'sign-in expired_token POST /auth/device/token',
      'sign-in invitation_invalid POST /auth/invitation',
      'sign-in login_not_begun acme',
      'sign-in provider_required POST /auth/invitation/accept',
      'sign-in session_over POST /auth/validate',
      'sign-in unauthenticated POST /auth/device/answer',
    ];
    await eventually(() => expect(told()).toEqual(expected));
    for (const secret of ['wrong', ENDED]) expect(JSON.stringify(gateway.refusals)).not.toContain(secret);
  });

  describe('headers', () => {
    const SAFE = {
      'content-security-policy':
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'permissions-policy': expect.stringContaining('camera=()') as unknown,
      'cache-control': 'no-store',
    };

    it('of every answer tell browsers to do nothing with it, and nobody what serves it', async () => {
      await gateway.start();
      for (const [path, status] of [
        ['/api/roles', 200],
        ['/api/organisations', 503],
        ['/api/nothing', 404],
        ['/api/runs/%zz', 400],
        ['/health', 200],
      ] as const) {
        const answer = await gateway.get(path, { token: ADMIN });
        const headers = Object.fromEntries(answer.headers);
        expect({ path, status: answer.status }).toEqual({ path, status });
        expect(headers).toMatchObject(SAFE);
        for (const name of [
          'server',
          'x-powered-by',
          'strict-transport-security',
          'access-control-allow-origin',
        ])
          expect(headers).not.toHaveProperty([name]);
      }
    });

    it('let the page of the document use its own scripts, and no others', async () => {
      await gateway.start();
      const page = await ask<string>(gateway.url, 'GET /api/docs');
      const policy = page.headers.get('content-security-policy');
      expect(policy).toMatch(/default-src 'none'; script-src 'self';/);
      expect(page.body).not.toMatch(/<script(?![^>]* src=)/);
      const scripts = [...page.body.matchAll(/<script[^>]* src=['"]([^'"]+)/g)].map(([, source]) => source!);
      expect(scripts.length).toBeGreaterThan(1);
      for (const source of scripts) {
        const script = await fetch(new URL(source, `${gateway.url}/api/docs`));
        expect({ source, status: script.status }).toEqual({ source, status: 200 });
        expect(script.headers.get('content-type')).toMatch(/javascript/);
        await script.text();
      }
    });

    it('tell of TLS where a proxy does it', async () => {
      await gateway.start({ HYBRID_PUBLIC_URL: 'https://ci.example.com' });
      expect((await gateway.get('/health')).headers.get('strict-transport-security')).toBe(
        'max-age=31536000',
      );
    });
  });

  describe('other origins', () => {
    const origin = 'https://ci.example.com';
    const preflight = (from: string) =>
      ask(gateway.url, 'OPTIONS /api/runs', {
        headers: {
          origin: from,
          'access-control-request-method': 'GET',
          'access-control-request-headers': 'authorization',
        },
      });
    const cors = (headers: Headers) =>
      [...headers.keys()].filter((name) => name.startsWith('access-control'));

    it('may read nothing unless they are named', async () => {
      await gateway.start();
      const asked = await preflight(origin);
      expect(asked.status).toBe(404);
      expect(cors(asked.headers)).toEqual([]);
      expect(cors((await gateway.get('/api/roles', { token: ADMIN, headers: { origin } })).headers)).toEqual(
        [],
      );
    });

    it('may, those that are named alone, and without cookies', async () => {
      await gateway.start({ HYBRID_CORS_ORIGINS: `${origin},http://127.0.0.1:3000` });
      const asked = await preflight(origin);
      expect(asked.status).toBe(204);
      expect(asked.headers.get('access-control-allow-origin')).toBe(origin);
      expect(asked.headers.get('access-control-allow-headers')).toMatch(/Authorization/);
      expect(asked.headers.has('access-control-allow-credentials')).toBe(false);
      const answer = await gateway.get('/api/roles', { token: ADMIN, headers: { origin } });
      expect(answer.status).toBe(200);
      expect(answer.headers.get('access-control-allow-origin')).toBe(origin);
      expect(answer.headers.get('vary')).toMatch(/origin/i);
      for (const wrong of ['https://ci.example.com.evil.example', 'http://ci.example.com', 'null'])
        expect((await preflight(wrong)).headers.get('access-control-allow-origin')).not.toBe(wrong);
    });
  });

  describe('requests that mean harm:', () => {
    it('bodies that would change a prototype are refused, and headers beyond 16 KiB', async () => {
      await gateway.start();
      const headers = { 'content-type': 'application/json' };
      for (const body of [
        '{"name":"x","__proto__":{"admin":true}}',
        '{"spec":{"step":{"__proto__":{"admin":true}}}}',
        '{"\\u005f_proto__":{"admin":true}}',
        '{"constructor":{"prototype":{"admin":true}}}',
      ])
        expect(await ask(gateway.url, 'POST /api/queue/jobs', { token: ADMIN, body, headers })).toMatchObject(
          {
            status: 400,
            body: { code: 'bad_request' },
          },
        );
      expect((await gateway.get('/health', { headers: { 'x-long': 'x'.repeat(20_000) } })).status).toBe(431);
    });
  });

  it('the doctor tells what is unsafe, and who does not answer', async () => {
    await gateway.start({ HYBRID_RATE_LIMIT_CALLER: '0' });
    const { status, body } = await ask<DoctorReport>(gateway.url, 'GET /api/operations/doctor', {
      token: ADMIN,
    });
    expect(status).toBe(200);
    expect(body.findings.map(({ setting }) => setting)).toEqual([
      'HYBRID_RATE_LIMIT_CALLER',
      'HYBRID_ADMIN_TOKEN',
      'HYBRID_JOIN_TOKEN',
      'HYBRID_KEYS',
    ]);
    expect(JSON.stringify(body)).not.toContain(ADMIN);
    expect(body.services).toContainEqual({
      service: 'queue',
      ...{ status: 'healthy', dependencies: {}, version: '9.9.9' },
      findings: [{ setting: 'NATS_URL', finding: 'it is open', remedy: 'close it' }],
    });
    expect(body.services).toContainEqual({
      service: 'registry',
      ...{ status: 'unreachable', dependencies: {}, version: null, findings: [] },
    });
  });
});
