import type { RegisteredAgent } from '@hybrid/contracts';
import { readAgentCredential } from '@hybrid/signatures';
import type { EventMetadata } from '@hybrid/event-store';
import { START } from '@eventstore/db-client';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ask, jobOf, type Answer, type Ask } from './http/client.js';
import { startSystem, type System } from './system.js';

const ORG = 'acme';
const ADMINISTRATOR = 'user:administrator';
const NOBODY_YET = 'service:gateway';
/** Looks like a secret, and stands in an event for all to read: the search must find it. */
const PLANTED = randomBytes(32).toString('base64url');

interface Recorded {
  type: string;
  actor: string;
  org: string;
  address: string | undefined;
  data: Record<string, unknown>;
}

interface Person {
  id: string;
  session: string;
}

/** What people do over HTTP, and what the event log says of it afterwards. */
describe('the audit', () => {
  let system: System;
  let log: Recorded[];
  /** As JSON, with streams and metadata. */
  let text = '';
  const secrets: string[] = [];
  const seen: Record<string, string> = {};

  const as = async <T = Record<string, string>>(
    token: string,
    request: string,
    status: number,
    options: Ask = {},
  ): Promise<Answer<T>> => {
    const answer = await ask<T>(system.url, request, { token, ...options });
    expect({ request, status: answer.status, body: answer.body }).toMatchObject({ request, status });
    return answer;
  };
  const secret = (value: string): string => {
    secrets.push(value);
    return value;
  };

  async function invite(token: string, name: string, role: string, options: Ask = {}) {
    const { body } = await as(token, 'POST /api/invitations', 201, {
      json: { name, roles: [{ role }] },
      ...options,
    });
    return { id: body['invitation_id']!, token: secret(body['token']!) };
  }

  /** As a browser goes through the pages of an invitation. */
  async function comeIn(invitation: string): Promise<Person> {
    const headers = { origin: system.url, accept: 'text/html' };
    const opened = await ask(system.url, 'POST /auth/invitation', { json: { token: invitation }, headers });
    const accepted = await fetch(`${system.url}/auth/invitation/accept`, {
      method: 'POST',
      headers: { ...headers, cookie: cookieOf(opened.headers, '__Host-hybrid-invitation') },
      redirect: 'manual',
    });
    expect({ opened: opened.status, accepted: accepted.status }).toEqual({ opened: 200, accepted: 303 });
    const session = secret(cookieOf(accepted.headers, '__Host-hybrid-session').split('=')[1]!);
    const { body } = await as(session, 'GET /api/users/me', 200);
    return { id: body['id']!, session };
  }

  beforeAll(async () => {
    system = await startSystem();
    secrets.push(system.adminToken, system.joinToken);
    const inOrg = { headers: { 'x-organisation': ORG } };
    await as(system.adminToken, 'POST /api/organisations', 201, { json: { organisation: ORG } });
    const first = await invite(system.adminToken, 'ada', 'admin', inOrg);
    const ada = await comeIn(first.token);
    const second = await invite(ada.session, 'bob', 'developer');
    const bob = await comeIn(second.token);
    const third = await invite(ada.session, 'cleo', 'viewer');
    const cleo = await comeIn(third.token);

    const revoked = await invite(ada.session, 'dan', 'viewer');
    await as(ada.session, `DELETE /api/invitations/${revoked.id}`, 200);
    await ask(system.url, 'POST /auth/invitation', { json: { token: revoked.token } });
    await ask(system.url, 'POST /auth/validate', { json: { session_id: secret('a-session-that-i-guess') } });

    await as(bob.session, 'GET /api/users', 403);
    await as(ada.session, `PUT /api/users/${bob.id}/roles`, 200, { json: { roles: [{ role: 'operator' }] } });
    await as(bob.session, 'POST /auth/logout', 200);
    await as(ada.session, `DELETE /api/users/${cleo.id}/sessions`, 200);
    await as(ada.session, `DELETE /api/users/${cleo.id}`, 200);

    const keyBody = { name: PLANTED, roles: [{ role: 'viewer' }] };
    const { body: key } = await as(ada.session, 'POST /api/keys', 201, { json: keyBody });
    await as(secret(key['key']!), 'GET /api/runs', 200);
    await as(key['key']!, 'GET /api/users', 403);
    await as(ada.session, `DELETE /api/keys/${key['key_id']}`, 200);
    await as(key['key']!, 'GET /api/runs', 401);

    const { body: joining } = await as(ada.session, 'POST /api/join-tokens', 201, {
      json: { name: 'agents' },
    });
    const { body: agent } = await as<RegisteredAgent>(
      secret(joining['token']!),
      'POST /api/agents/register',
      201,
      { json: { name: 'by-hand', pool: 'default' } },
    );
    await as(ada.session, 'POST /api/queue/jobs', 201, { json: jobOf('audited') });
    const claim = {
      agent_id: agent.agent_id,
      pool: 'default',
      labels: {},
      capabilities: [],
      wait_seconds: 30,
    };
    await as(agent.credential, 'POST /api/queue/claim', 200, { json: claim });
    await as(ada.session, `POST /api/agents/${agent.agent_id}/rotate`, 200);
    const { body: next } = await as<RegisteredAgent>(
      agent.credential,
      `POST /api/agents/${agent.agent_id}/credential`,
      200,
    );
    for (const { credential } of [agent, next])
      secrets.push(credential, readAgentCredential(credential)!.key.toString('hex'));
    await as(ada.session, `POST /api/agents/${agent.agent_id}/deregister`, 200);
    await as(ada.session, `DELETE /api/join-tokens/${joining['token_id']}`, 200);

    const trust = {
      name: 'ci',
      pool: 'default',
      issuer: 'https://issuer.example',
      audience: 'a',
      subject: 's',
    };
    const { body: rule } = await as(ada.session, 'POST /api/trust-rules', 201, { json: trust });
    await as(ada.session, `DELETE /api/trust-rules/${rule['rule_id']}`, 200);

    Object.assign(seen, {
      ...{ ada: `user:${ada.id}`, bob: `user:${bob.id}`, cleo: `user:${cleo.id}` },
      ...{ key: `key:${key['key_id']}`, joiner: `joiner:${joining['token_id']}` },
      agent: `agent:${agent.agent_id}`,
    });
    // Who was refused is told once a minute, and at the stop.
    await system.part('standalone').restart();
    log = await readLog();
  });
  afterAll(() => system?.stop());

  async function readLog(): Promise<Recorded[]> {
    const found: Recorded[] = [];
    for await (const { event } of system.platform.connections.eventStore.readAll({ fromPosition: START })) {
      if (!event) continue;
      const { streamId, type, data, metadata } = event;
      text += JSON.stringify([streamId, type, data, metadata]);
      const { actor, org, address } = (metadata ?? {}) as Partial<EventMetadata>;
      if (!actor || org === undefined) continue;
      found.push({
        type: type.replace(/\.v\d+$/, ''),
        actor: `${actor.type}:${actor.id}`,
        org,
        address,
        data: data as Recorded['data'],
      });
    }
    return found;
  }

  it.each<[what: string, type: string, actor: string, data?: object, org?: string]>([
    ['an organisation was created', 'OrganisationCreated', ADMINISTRATOR, { organisation: ORG }],
    ['the administrator invited', 'InvitationCreated', ADMINISTRATOR, { name: 'ada' }],
    ['a member invited', 'InvitationCreated', 'ada', { name: 'bob' }],
    ['an invitation was accepted', 'InvitationAccepted', 'bob'],
    ['somebody joined', 'MemberJoined', 'bob'],
    ['an invitation was revoked', 'InvitationRevoked', 'ada'],
    ['somebody signed in', 'SessionStarted', 'bob', { provider: 'local' }],
    ['somebody logged out', 'SessionEnded', 'bob', { reason: 'signed-out' }],
    ['somebody was logged out by force', 'SessionEnded', 'ada', { reason: 'forced' }],
    [
      'a sign-in failed',
      'AccessRefused',
      NOBODY_YET,
      { what: 'sign-in', code: 'invitation_invalid', where: 'POST /auth/invitation', count: 1 },
      'default',
    ],
    [
      'a session was guessed',
      'AccessRefused',
      NOBODY_YET,
      { what: 'sign-in', code: 'unauthenticated', where: 'POST /auth/validate', count: 1 },
      'default',
    ],
    [
      'a credential was wrong',
      'AccessRefused',
      NOBODY_YET,
      { what: 'credential', code: 'key_unknown', where: 'GET /api/runs', count: 1 },
      'default',
    ],
    [
      'a person was forbidden something',
      'AccessRefused',
      'bob',
      { what: 'permission', code: 'forbidden', where: 'GET /api/users', count: 1 },
    ],
    [
      'a key was forbidden something',
      'AccessRefused',
      'key',
      { what: 'permission', where: 'GET /api/users' },
    ],
    ['roles were changed', 'MemberRolesChanged', 'ada', { roles: [{ role: 'operator' }] }],
    ['somebody was removed', 'MemberRemoved', 'ada'],
    ['an API key was created', 'ApiKeyCreated', 'ada', { name: PLANTED }],
    ['an API key was revoked', 'ApiKeyRevoked', 'ada'],
    ['a join token was created', 'JoinTokenCreated', 'ada'],
    ['a join token was revoked', 'JoinTokenRevoked', 'ada'],
    ['a trust rule was created', 'TrustRuleCreated', 'ada'],
    ['a trust rule was removed', 'TrustRuleRemoved', 'ada'],
    ['an agent was registered', 'AgentRegistered', 'joiner'],
    ["an agent's key was asked to be rotated", 'AgentKeyRotationAsked', 'ada'],
    ["an agent's key was rotated", 'AgentKeyRotated', 'agent'],
    ['an agent was deregistered', 'AgentDeregistered', 'ada'],
  ])('says that %s, who did it, where and from which address', (_, type, who, data = {}, org = ORG) => {
    const actor = seen[who] ?? who;
    const ofType = log.filter((one) => one.type === type);
    const expected = {
      type,
      actor,
      org,
      address: '127.0.0.1',
      data: expect.objectContaining(data) as unknown,
    };
    expect(ofType).toContainEqual(expected);
  });

  it('says of every event that anybody outside caused from which address', () => {
    const outside = log.filter(({ actor }) => !actor.startsWith('service:'));
    expect(outside.length).toBeGreaterThan(20);
    expect(outside.filter(({ address }) => address !== '127.0.0.1')).toEqual([]);
  });

  it('holds no secret, nor what was presented in place of one, in any event or byte on disk', async () => {
    const files = await bytesOf(join(system.platform.directory, 'event-store'));
    const found = (hay: { includes(needle: string): boolean }, needles: string[]) =>
      needles.filter((one) => hay.includes(one));
    expect(secrets.length).toBeGreaterThan(12);
    expect(found(text, [PLANTED])).toEqual([PLANTED]);
    expect(found(text, secrets.flatMap(partsOf))).toEqual([]);
    expect(found(files, [PLANTED])).toEqual([PLANTED]);
    expect(found(files, secrets.flatMap(partsOf))).toEqual([]);
  });
});

/** Of a token, also its random part alone: whoever has it makes the rest. */
function partsOf(secret: string): string[] {
  const random = /[A-Za-z0-9_-]{43}/.exec(secret.replace(/^hy[a-z]_/, ''))?.[0];
  return random === undefined ? [secret] : [secret, random];
}

async function bytesOf(directory: string): Promise<Buffer> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return Buffer.concat(
    await Promise.all(files.map(({ parentPath, name }) => readFile(join(parentPath, name)))),
  );
}

/** `name=value` of what the answer sets. */
function cookieOf(headers: Headers, name: string): string {
  const cookie = headers.getSetCookie().find((one) => one.startsWith(`${name}=hy`));
  if (!cookie) throw new Error(`the answer sets no ${name}`);
  return cookie.split(';')[0]!;
}
