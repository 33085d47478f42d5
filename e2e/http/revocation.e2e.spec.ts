/** What is taken from somebody is taken at once, at another gateway than the one that was asked to. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '@hybrid/testing';
import { randomUUID } from 'node:crypto';
import { startSystem, type System } from '../system.js';
import { ask, type Ask } from './client.js';

/** Much longer than a word takes to go round, and less than the ten seconds for which a gateway remembers without one. */
const AT_ONCE_MS = 8_000;

describe('taking away, with two gateways', () => {
  let system: System;
  let urls: string[];
  let token: string;
  let userId: string;

  beforeAll(async () => {
    system = await startSystem({ separate: true, replicas: { gateway: 2, queue: 1 } });
    urls = ['gateway-1', 'gateway-2'].map(
      (name) => `http://127.0.0.1:${String(system.part(name).ready['port'])}`,
    );
  });
  afterAll(() => system?.stop());

  const at = <T = Record<string, unknown>>(gateway: number, request: string, options: Ask = {}) =>
    ask<T>(urls[gateway]!, request, options);
  const byAdmin = (request: string, json?: object) =>
    at(0, request, { token: system.adminToken, ...(json && { json }) });
  const cookieOf = (answer: { headers: Headers }, name: string): string => {
    const [, value] = new RegExp(`${name}=([^;]+)`).exec(answer.headers.getSetCookie().join()) ?? [];
    if (!value) throw new Error(`no cookie ${name} in ${answer.headers.getSetCookie().join()}`);
    return `${name}=${value}`;
  };
  /** Signs in by a link for one use, as a browser does; answers the session's secret. */
  const signIn = async (name: string, roles: object[]): Promise<string> => {
    const { body } = await byAdmin('POST /api/invitations', { name, roles });
    const origin = { origin: urls[0]! };
    const opened = await at(0, 'POST /auth/invitation', { json: { token: body['token'] }, headers: origin });
    const cookie = cookieOf(opened, '__Host-hybrid-invitation');
    const response = await fetch(`${urls[0]}/auth/invitation/accept`, {
      method: 'POST',
      headers: { ...origin, cookie },
      redirect: 'manual',
    });
    return cookieOf(response, '__Host-hybrid-session').split('=')[1]!;
  };
  const me = (gateway: number, secret: string) => at(gateway, 'GET /api/users/me', { token: secret });
  /** At the gateway that was not asked to; it knows the credential. */
  const isRefusedAtOnce = (secret: string, code: string) =>
    eventually(async () => expect((await me(1, secret)).body).toMatchObject({ code }), AT_ONCE_MS);
  const keyOf = async (roles: object[]): Promise<{ key: string; key_id: string }> => {
    const { status, body } = await at<{ key: string; key_id: string }>(0, 'POST /api/keys', {
      token,
      json: { name: 'mine', roles },
    });
    expect(status).toBe(201);
    expect((await me(1, body.key)).status).toBe(200);
    return body;
  };

  beforeEach(async () => {
    token = await signIn(`Ada ${randomUUID()}`, [{ role: 'developer' }, { role: 'operator', pool: 'gpu' }]);
    const { status, body } = await me(1, token);
    expect(status).toBe(200);
    userId = body['id'] as string;
  });

  it('a key that is revoked', async () => {
    const { key, key_id } = await keyOf([{ role: 'developer' }]);
    expect((await at(0, `DELETE /api/keys/${key_id}`, { token })).status).toBe(200);
    await isRefusedAtOnce(key, 'key_unknown');
  });

  it('the session and the keys of who is removed', async () => {
    const { key } = await keyOf([{ role: 'developer' }]);
    expect((await byAdmin(`DELETE /api/users/${userId}`)).status).toBe(200);
    await isRefusedAtOnce(key, 'key_unknown');
    await isRefusedAtOnce(token, 'not_a_member');
  });

  it('what keys may do that their maker may not any more, and no more than that', async () => {
    const { key } = await keyOf([{ role: 'developer' }, { role: 'operator', pool: 'gpu' }]);
    await byAdmin(`PUT /api/users/${userId}/roles`, { roles: [{ role: 'viewer' }, { role: 'developer' }] });
    const rolesAre = (roles: unknown) =>
      eventually(async () => expect((await me(1, key)).body['roles']).toEqual(roles), AT_ONCE_MS);
    await rolesAre([{ role: 'developer' }]);
    await byAdmin(`PUT /api/users/${userId}/roles`, { roles: [{ role: 'admin' }] });
    await rolesAre([expect.anything(), expect.anything()]);
  });

  it('a session by force', async () => {
    expect((await at(1, 'GET /auth/sessions', { token })).body['sessions']).toHaveLength(1);
    expect((await byAdmin(`DELETE /api/users/${userId}/sessions`)).status).toBeLessThan(300);
    await isRefusedAtOnce(token, 'session_over');
  });

  it('nobody gives what they have not, nor makes a key with a key', async () => {
    const more = { name: 'more', roles: [{ role: 'admin' }] };
    expect((await at(0, 'POST /api/keys', { token, json: more })).body).toMatchObject({
      code: 'more_than_own',
      errors: [{ path: 'roles.0' }],
    });
    const { key } = await keyOf([{ role: 'developer' }]);
    const another = { name: 'another', roles: [{ role: 'developer' }] };
    expect((await at(0, 'POST /api/keys', { token: key, json: another })).body).toMatchObject({
      code: 'key_makes_no_keys',
    });
  });
});
