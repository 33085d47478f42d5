/** Who decides gates, over HTTP: people with their sessions, not keys, and nobody of their own run. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { RunView } from '@hybrid/contracts';
import { startSystem, type System } from '../system.js';
import { ask, type Answer } from './client.js';

const gated = (name: string, config: string) =>
  `name: ${name}\nsteps:\n  - { name: ask, type: step.gate, config: { type: manual, ${config} } }\n`;

describe('a gate, asked for over HTTP', () => {
  let system: System;
  let ada: string;
  let bob: string;
  let bobId: string;

  beforeAll(async () => {
    system = await startSystem();
    ada = await signIn('Ada', 'developer');
    bob = await signIn('Bob', 'developer');
    bobId = (await as(bob, 'GET /api/users/me')).body['id'] as string;
    await put('open', '');
    await put('two', 'required: 2');
    await put('named', `approvers: [${bobId.toUpperCase()}]`);
  });
  afterAll(() => system?.stop());

  const as = <T = Record<string, unknown>>(
    token: string,
    request: string,
    json?: object,
  ): Promise<Answer<T>> => ask<T>(system.url, request, { token, ...(json && { json }) });
  const put = (name: string, config: string) =>
    as(system.adminToken, `PUT /api/pipelines/${name}`, { definition: gated(name, config) });
  const start = async (token: string, pipeline: string) =>
    (await as<RunView>(token, `POST /api/pipelines/${pipeline}/runs`, {})).body.id;
  const approve = (token: string, run: string, reason?: string) =>
    as<RunView>(token, `POST /api/runs/${run}/gates/ask/approve`, { ...(reason && { reason }) });
  const refused = {
    own: { code: 'own_run' },
    other: { code: 'not_an_approver' },
    key: { code: 'gate_needs_person' },
  };

  it('is passed by somebody else, with a reason that is kept', async () => {
    const run = await start(ada, 'open');
    expect(await approve(ada, run)).toMatchObject({ status: 403, body: refused.own });
    expect(await approve(bob, run, 'looks good')).toMatchObject({
      status: 200,
      body: {
        status: 'SUCCEEDED',
        steps: [{ gate: { decisions: [{ by: bobId, decision: 'approved', reason: 'looks good' }] } }],
      },
    });
    expect(await approve(bob, run)).toMatchObject({ status: 200 });
  });

  it('is decided by those whom it names', async () => {
    const run = await start(system.adminToken, 'named');
    expect(await approve(ada, run)).toMatchObject({ status: 403, body: refused.other });
    expect(await approve(system.adminToken, run)).toMatchObject({ status: 403, body: refused.other });
    const rejected = await as<RunView>(bob, `POST /api/runs/${run}/gates/ask/reject`, { reason: 'too late' });
    expect(rejected).toMatchObject({ status: 200, body: { status: 'FAILED' } });
  });

  it('is not approved by way of a key, a retry or both', async () => {
    const { body } = await as<{ key: string }>(ada, 'POST /api/keys', {
      name: 'mine',
      roles: [{ role: 'developer' }],
    });
    const byKey = await start(body.key, 'open');
    expect(await approve(body.key, byKey)).toMatchObject({ status: 403, body: refused.key });
    expect(await approve(ada, byKey)).toMatchObject({ status: 403, body: refused.own });
    await as(bob, `POST /api/runs/${byKey}/gates/ask/reject`, {});
    const retry = await as<RunView>(bob, `POST /api/runs/${byKey}/retry`, { from: 'failed' });
    expect(retry).toMatchObject({ status: 201, body: { retry_of: byKey, status: 'RUNNING' } });
    for (const person of [ada, bob])
      expect(await approve(person, retry.body.id)).toMatchObject({ status: 403, body: refused.own });
    expect(await approve(system.adminToken, retry.body.id)).toMatchObject({ status: 200 });
  });

  it("is the administrator's own to pass only where nobody else could be meant", async () => {
    expect(await approve(system.adminToken, await start(system.adminToken, 'open'))).toMatchObject({
      status: 200,
      body: { status: 'SUCCEEDED' },
    });
    const two = await start(system.adminToken, 'two');
    expect(await approve(system.adminToken, two)).toMatchObject({ status: 403, body: refused.own });
    const { body } = await as<{ key: string }>(system.adminToken, 'POST /api/keys', {
      name: 'ci',
      roles: [{ role: 'developer' }],
    });
    const byKey = await start(body.key, 'two');
    expect(await approve(system.adminToken, byKey)).toMatchObject({ status: 403, body: refused.own });
  });

  it('is not there for another, and nothing else is a gate', async () => {
    const run = await start(ada, 'open');
    expect(await as(bob, `POST /api/runs/${run}/gates/asc/approve`, {})).toMatchObject({
      status: 404,
      body: { code: 'gate_not_found' },
    });
    const viewer = await signIn('Vic', 'viewer');
    expect(await approve(viewer, run)).toMatchObject({ status: 403, body: { code: 'forbidden' } });
    expect(await as(bob, `POST /api/runs/${run}/retry`, { from: 'failed' })).toMatchObject({
      status: 409,
      body: { code: 'run_not_over' },
    });
  });

  /** By a link for one use, as a browser follows it; answers the session's secret. */
  async function signIn(name: string, role: string): Promise<string> {
    const invited = await as(system.adminToken, 'POST /api/invitations', { name, roles: [{ role }] });
    const origin = { origin: system.url };
    const opened = await ask(system.url, 'POST /auth/invitation', {
      json: { token: invited.body['token'] },
      headers: origin,
    });
    const accepted = await fetch(`${system.url}/auth/invitation/accept`, {
      method: 'POST',
      headers: { ...origin, cookie: cookieOf(opened.headers, '__Host-hybrid-invitation') },
      redirect: 'manual',
    });
    return cookieOf(accepted.headers, '__Host-hybrid-session').split('=')[1]!;
  }

  function cookieOf(headers: Headers, name: string): string {
    const [found] = new RegExp(`${name}=[^;]+`).exec(headers.getSetCookie().join()) ?? [];
    if (!found) throw new Error(`no cookie ${name}`);
    return found;
  }
});
