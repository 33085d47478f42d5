import {
  ACCESS_CHANGED_SUBJECT,
  agentsRequests,
  identityRequests,
  TOKEN_EXCHANGE,
  TOKEN_TYPES,
  type ExchangedToken,
  type TrustRuleView,
} from '@hybrid/contracts';
import { Connections, ConnectionsModule } from '@hybrid/service';
import { startPlatform, type Platform } from '@hybrid/test-platform';
import { eventually, TokenIssuer } from '@hybrid/testing';
import type { Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { AddressInfo } from 'node:net';
import { GatewayModule } from '../app.module.js';
import { GatewaySettings } from '../gateway.settings.js';
import { RateLimits } from '../edge/rate-limits.js';
import { Tokens } from '../identity/identity.js';
import { InstallationKeys } from '../identity/installation-keys.js';
import { openSignIn } from '../sign-in/sign-in-parts.js';

const notFound = { kind: 'not_found', code: 'trust_rule_not_found', detail: 'there is no such trust rule' };

describe('workloads that join by a trust rule, at two gateways', () => {
  let platform: Platform;
  let issuer: TokenIssuer;
  const stops: (() => Promise<void>)[] = [];
  const urls: string[] = [];
  let rule: TrustRuleView;
  let removed = false;
  let asked = 0;
  let registered: Record<string, unknown>[] = [];

  const openGateway = async (keys: InstallationKeys, privateIssuers: 'yes' | 'no' = 'yes') => {
    const connections = await Connections.open(platform.settings, 'gateway');
    const settings = new GatewaySettings();
    settings.HYBRID_PRIVATE_ISSUERS = privateIssuers;
    const tokens = new Tokens('admin-token', 'join-token');
    const gateway = GatewayModule.with(
      settings,
      tokens,
      keys,
      new RateLimits(settings),
      await openSignIn(settings, connections.nats),
    );
    const root = {
      module: class Root {} as Type,
      imports: [ConnectionsModule.with(connections), gateway],
    };
    const app = await NestFactory.create<NestFastifyApplication>(root, new FastifyAdapter(), {
      logger: ['error'],
    });
    await app.listen(0, '127.0.0.1');
    stops.push(() => app.close());
    urls.push(`http://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}`);
  };
  /** In place of the services. */
  const answer = (subject: string, reply: (input: Record<string, string>, org: string) => unknown) =>
    platform.connections.nats.subscribe(subject, {
      callback: (_, message) => {
        const org = message.headers!.get('Hybrid-Org');
        message.respond(JSON.stringify(reply(message.json(), org)));
      },
    });

  beforeAll(async () => {
    issuer = await TokenIssuer.start();
    platform = await startPlatform();
    const keys = InstallationKeys.parse(InstallationKeys.generate());
    await openGateway(keys);
    await openGateway(keys);
    const { trustRulesOf, trustRule } = identityRequests;
    answer(trustRulesOf.subject, ({ issuer: named }, org) => ({
      rules: !removed && org === 'acme' && named === issuer.url ? [rule] : [],
    }));
    platform.connections.nats.subscribe(trustRule.subject, {
      callback: (_, message) => {
        asked++;
        if (!removed) return void message.respond(JSON.stringify(rule));
        const headers = message.headers!;
        headers.set('Hybrid-Problem', '1');
        message.respond(JSON.stringify(notFound), { headers });
      },
    });
    answer(agentsRequests.register.subject, (input) => {
      registered.push(input);
      const key = { kid: 'k1', version: 1, since: '2030-01-02T03:04:05.000Z', not_after: null };
      return { pool: input['pool'], key };
    });
    await platform.connections.nats.flush();
  });
  afterAll(async () => {
    for (const stop of stops) await stop();
    await platform?.stop();
    await issuer?.stop();
  });
  beforeEach(() => {
    removed = false;
    asked = 0;
    registered = [];
    rule = {
      rule_id: `r${Math.floor(performance.now() * 1000)}`,
      name: 'shop',
      for: 'agent',
      pool: 'gpu',
      issuer: issuer.url,
      audience: 'hybrid',
      subject: 'repo:acme/shop:ref:*',
      claims: {},
      created_by: 'user:u1',
      created_at: '2030-01-02T03:04:05.000Z',
      removed_at: null,
    };
  });

  const post = async <T = { code?: string }>(
    url: string,
    body: Record<string, unknown>,
    headers: Record<string, string> = {},
  ) => {
    const form = headers['content-type'] === 'application/x-www-form-urlencoded';
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: form ? new URLSearchParams(body as Record<string, string>).toString() : JSON.stringify(body),
    });
    return { status: response.status, headers: response.headers, body: (await response.json()) as T };
  };
  const subjectToken = () => issuer.sign({ sub: 'repo:acme/shop:ref:main', aud: 'hybrid' });
  const wanted = async (more: object = {}) => ({
    grant_type: TOKEN_EXCHANGE,
    subject_token: await subjectToken(),
    subject_token_type: TOKEN_TYPES.jwt,
    organisation: 'acme',
    ...more,
  });
  const exchange = async (more: object = {}, headers = {}) =>
    post<ExchangedToken & { code?: string }>(`${urls[0]}/api/agents/token`, await wanted(more), headers);
  const register = (token: string, url = urls[0], more: object = {}) =>
    post<{ pool: string; code?: string }>(
      `${url}/api/agents/register`,
      { name: 'runner', ...more },
      { authorization: `Bearer ${token}` },
    );

  it.each(['application/json', 'application/x-www-form-urlencoded'])(
    'get a token for theirs, as %s',
    async (type) => {
      const { status, body, headers } = await exchange({}, { 'content-type': type });
      expect({ status, body }).toEqual({
        status: 200,
        body: {
          access_token: expect.stringMatching(/^eyJ/) as unknown,
          issued_token_type: TOKEN_TYPES.access,
          token_type: 'Bearer',
          expires_in: 600,
          pool: 'gpu',
        },
      });
      expect(headers.get('cache-control')).toBe('no-store');
    },
  );

  it('register with it, at any gateway, into the pool of the rule and no other', async () => {
    const { access_token } = (await exchange()).body;
    for (const url of urls)
      expect(await register(access_token, url)).toMatchObject({ status: 201, body: { pool: 'gpu' } });
    const expected = {
      pool: 'gpu',
      joined_by: { kind: 'rule', id: rule.rule_id },
      credential_seconds: 3_600,
    };
    expect(registered).toMatchObject([expected, expected]);
    expect(await register(access_token, urls[0], { pool: 'other' })).toMatchObject({
      status: 403,
      body: { code: 'other_pool' },
    });
  });

  it('may do nothing else with it', async () => {
    const { access_token: token } = (await exchange()).body;
    for (const path of ['/api/queue/jobs', '/api/agents', '/api/keys', '/api/trust-rules']) {
      const response = await fetch(urls[0] + path, { headers: { authorization: `Bearer ${token}` } });
      expect(response.status).toBe(403);
    }
    expect(await exchange({ subject_token: token })).toMatchObject({
      status: 401,
      body: { code: 'workload_token_malformed' },
    });
  });

  it('of this machine or a private network are refused by a gateway that is not told otherwise', async () => {
    await openGateway(InstallationKeys.parse(InstallationKeys.generate()), 'no');
    const url = urls.pop()!;
    const before = { ...issuer.asked };
    expect(await post(`${url}/api/agents/token`, await wanted())).toMatchObject({
      status: 401,
      body: { code: 'workload_issuer_private' },
    });
    expect(issuer.asked).toEqual(before);
    for (const named of [issuer.url, 'https://169.254.169.254', 'https://[fd00::1]/x', 'https://0x7f.1']) {
      const { pool, audience, subject } = rule;
      const wish = { name: 'inside', pool, issuer: named, audience, subject };
      const answer = await post(`${url}/api/trust-rules`, wish, { authorization: 'Bearer admin-token' });
      expect(answer).toMatchObject({ status: 422, body: { code: 'trust_rule_issuer_private' } });
    }
  });

  it('do not register with the token of their platform itself', async () => {
    expect(await register(await subjectToken())).toMatchObject({ status: 401 });
  });

  it('are refused at every gateway once the rule is removed, whatever was remembered, and nobody is asked again', async () => {
    const { access_token } = (await exchange()).body;
    for (const url of urls) expect(await register(access_token, url)).toMatchObject({ status: 201 });
    expect(asked).toBe(2);
    removed = true;
    for (const url of urls) expect(await register(access_token, url)).toMatchObject({ status: 201 });
    platform.connections.nats.publish(
      ACCESS_CHANGED_SUBJECT,
      JSON.stringify({ subject: `rule:${rule.rule_id}` }),
    );
    for (const url of urls)
      await eventually(async () =>
        expect(await register(access_token, url)).toMatchObject({
          status: 401,
          body: { code: 'trust_rule_removed' },
        }),
      );
    const before = asked;
    for (const url of urls) expect(await register(access_token, url)).toMatchObject({ status: 401 });
    expect(asked).toBe(before);
    expect(await exchange()).toMatchObject({ status: 401, body: { code: 'workload_issuer_unknown' } });
  });

  it.each<[string, object, number, string]>([
    ['another grant', { grant_type: 'client_credentials' }, 422, 'invalid_input'],
    [
      'another type of token',
      { subject_token_type: 'urn:ietf:params:oauth:token-type:saml2' },
      422,
      'invalid_input',
    ],
    ['no token', { subject_token: undefined }, 422, 'invalid_input'],
    ['two tokens', { subject_token: ['a', 'b'] }, 422, 'invalid_input'],
    ['a huge token', { subject_token: 'x'.repeat(16_001) }, 422, 'invalid_input'],
    ['a field that there is not', { rule_id: 'r1' }, 422, 'invalid_input'],
    ['a strange organisation', { organisation: 'acme.>' }, 422, 'invalid_input'],
    ['another organisation', { organisation: 'other' }, 401, 'workload_issuer_unknown'],
    ['another pool', { pool: 'other' }, 401, 'workload_no_rule_fits'],
  ])('are refused with %s', async (_, more, status, code) => {
    expect(await exchange(more)).toMatchObject({ status, body: { code } });
  });
});
