import {
  agentsRequests,
  identityRequests,
  pipelinesRequests,
  queueRequests,
  registryRequests,
  type ClaimedJob,
  type JobView,
  type LogLine,
  type Request,
} from '@hybrid/contracts';
import { callBy } from '@hybrid/test-platform';
import { eventually } from '@hybrid/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { heartbeat } from '../queue-load.js';
import { startSystem, type System } from '../system.js';
import { ask, HandAgent, jobOf, leaseOf, line, type Answer, type Ask } from './client.js';
import { openEvents, readUntil } from './event-stream.js';
import { ROUTES } from './routes.js';

/** In every text of theirs, so that a single byte of it in an answer is noticed. */
const MARK = 'theirs-alone';
/** What each organisation may call its own. */
const NAME = 'same-name';

/** What the other organisation has, by the routes' parameters. */
type Ids = Record<
  | 'job_id'
  | 'run_id'
  | 'pipeline_id'
  | 'agent_id'
  | 'execution_id'
  | 'key'
  | 'key_id'
  | 'invitation_id'
  | 'token_id'
  | 'rule_id'
  | 'user_id',
  string
>;

describe('another organisation', () => {
  let system: System;
  /** Administrators' keys of the two. */
  let ours: string;
  let theirs: string;
  let theirAgent: HandAgent;
  let ourAgent: HandAgent;
  let claimed: ClaimedJob;
  let ids: Ids;

  const as = <T = Record<string, unknown>>(token: string, request: string, options: Ask = {}) =>
    ask<T>(system.url, request, { token, ...options });
  const made = async <T = Record<string, string>>(request: string, json: object): Promise<T> => {
    const { status, body } = await as<T>(theirs, request, { json });
    expect({ request, status, body }).toMatchObject({ request, status: 201 });
    return body;
  };
  const keyOf = async (organisation: string): Promise<string> => {
    const { status, body } = await system.admin<{ key: string }>('POST /api/keys', {
      json: { name: `${organisation}-admin`, roles: [{ role: 'admin' }] },
      headers: { 'x-organisation': organisation },
    });
    expect(status).toBe(201);
    return body.key;
  };
  const joinTokenOf = async (key: string): Promise<string> => {
    const json = { name: 'agents' };
    return (await as<{ token: string }>(key, 'POST /api/join-tokens', { json })).body.token;
  };

  beforeAll(async () => {
    system = await startSystem();
    const json = { organisation: 'other', name: `${MARK}-name` };
    expect((await system.admin('POST /api/organisations', { json })).status).toBe(201);
    ours = await keyOf('default');
    theirs = await keyOf('other');
    ourAgent = await HandAgent.register(system.url, await joinTokenOf(ours));
    theirAgent = await HandAgent.register(system.url, await joinTokenOf(theirs));
    const artifact = Buffer.from(MARK);
    const sha256 = createHash('sha256').update(artifact).digest('hex');
    const put = await as(theirs, `PUT /api/artifacts/${NAME}/report`, {
      body: artifact,
      headers: { 'x-content-sha256': sha256, 'content-type': 'text/plain' },
    });
    expect(put.status).toBe(200);
    const definition = `name: ${NAME}\nsteps:\n  - { name: ${MARK}, type: step.shell_exec, config: { commands: ['true'] } }\n`;
    await made('POST /api/pipelines', { definition });
    const run = await made<{ id: string }>(`POST /api/pipelines/${NAME}/runs`, {});
    await as(theirs, `POST /api/runs/${run.id}/cancel`, { json: {} });
    await made('POST /api/queue/jobs', jobOf(`${MARK}-job`));
    claimed = await theirAgent.take();
    await theirAgent.log(claimed, [line(0, MARK)]);
    const { body: key } = await system.admin<{ key_id: string }>('POST /api/keys', {
      json: { name: MARK, roles: [{ role: 'viewer' }] },
      headers: { 'x-organisation': 'other' },
    });
    const invitation = await made<{ invitation_id: string }>('POST /api/invitations', {
      name: MARK,
      roles: [{ role: 'viewer' }],
    });
    const token = await made<{ token_id: string }>('POST /api/join-tokens', { name: MARK });
    const rule = await made<{ rule_id: string }>('POST /api/trust-rules', {
      name: MARK,
      pool: MARK,
      issuer: 'https://issuer.example.com',
      audience: MARK,
      subject: MARK,
    });
    const user = await system.platform.connections.requests.send(
      identityRequests.signIn,
      {
        user: { provider: 'local', issuer: 'local', subject: MARK, name: MARK, email: null },
        invitation: await openInvitation(),
      },
      callBy('service', 'gateway', 'other'),
    );
    ids = {
      job_id: claimed.id,
      run_id: run.id,
      pipeline_id: NAME,
      agent_id: theirAgent.id,
      execution_id: NAME,
      key: 'report',
      key_id: key.key_id,
      invitation_id: invitation.invitation_id,
      token_id: token.token_id,
      rule_id: rule.rule_id,
      user_id: user.user_id,
    };
  });
  afterAll(() => system?.stop());

  /** As the gateway would hand it on, for somebody who holds its secret. */
  async function openInvitation() {
    const { token, invitation_id } = await made<{ token: string; invitation_id: string }>(
      'POST /api/invitations',
      { roles: [{ role: 'admin' }] },
    );
    return { invitation_id, sha256: createHash('sha256').update(token).digest('hex') };
  }

  /** Bodies with which the route would do its work, were the thing ours. */
  const bodies: Record<string, () => Ask> = {
    'PATCH /api/queue/jobs/{job_id}/priority': () => ({ json: { priority: 'HIGH' } }),
    'POST /api/queue/jobs/{job_id}/close': () => ({ json: { exit_code: 0 } }),
    'PATCH /api/dashboard/jobs/{job_id}': () => ({ json: { priority: 'HIGH' } }),
    'PATCH /api/dashboard/jobs/{job_id}/complete': () => ({ json: { exit_code: 0 } }),
    'POST /api/runs/{run_id}/retry': () => ({ json: { from: 'start' } }),
    'PATCH /api/agents/{agent_id}/status': () => ({ json: { status: 'DRAINING' } }),
    'PUT /api/pipelines/{pipeline_id}': () => ({
      json: { definition: `name: ${NAME}\nsteps:\n  - { name: ours, type: step.shell_exec }\n` },
    }),
    'PUT /api/users/{user_id}/roles': () => ({ json: { roles: [{ role: 'viewer' }] } }),
  };
  /** Names that each organisation has for itself: what comes is ours, and empty. */
  const OWN_NAMES = [
    'GET /api/artifacts/{execution_id}',
    'PUT /api/artifacts/{execution_id}/{key}',
    'GET /api/artifacts/{execution_id}/{key}/upload',
    'POST /api/artifacts/{execution_id}/{key}/metadata',
    'PUT /api/pipelines/{pipeline_id}',
  ];
  const routes = Object.entries(ROUTES)
    .filter(([route, row]) => typeof row === 'object' && 'people' in row && /\{\w+_id\}/.test(route))
    .map(([route, row]) => ({ route, people: typeof row === 'object' && 'gets' in row }));

  const theirThings = async () => {
    const paths = [
      `/api/queue/jobs/${ids.job_id}`,
      `/api/queue/jobs/${ids.job_id}/logs`,
      `/api/queue/jobs/${ids.job_id}/logs/download`,
      `/api/runs/${ids.run_id}`,
      `/api/pipelines/${NAME}`,
      `/api/agents/${ids.agent_id}`,
      `/api/artifacts/${NAME}/report`,
      `/api/users/${ids.user_id}`,
    ];
    const lists = ['keys', 'invitations', 'join-tokens', 'trust-rules'].map((name) => `/api/${name}`);
    const answers = await Promise.all([...paths, ...lists].map((path) => as(theirs, `GET ${path}`)));
    for (const [index, { status }] of answers.entries())
      expect({ path: [...paths, ...lists][index], status }).toMatchObject({ status: 200 });
    return JSON.stringify(answers.map(({ body }) => withoutMoments(body)));
  };

  it.each(routes)('$route does not find what is theirs', async ({ route, people }) => {
    // Else the agent, and with it the job, would be lost while the routes are tried.
    await heartbeat(theirAgent, [claimed]);
    await eventually(async () => {
      const { body } = await as(theirs, `GET /api/agents/${ids.agent_id}`);
      expect(body).toMatchObject({ status: 'HEALTHY', last_heartbeat: expect.any(String) as unknown });
      for (const name of ['keys', 'invitations', 'join-tokens', 'trust-rules'])
        expect(JSON.stringify((await as(theirs, `GET /api/${name}`)).body)).toContain(MARK);
    });
    const before = await theirThings();
    const request = route.replaceAll(
      /\{(\w+)\}/g,
      (_, name: string) => (ids as Record<string, string>)[name] ?? MARK,
    );
    const options = bodies[route]?.() ?? (/^(POST|PATCH)/.test(route) ? { json: {} } : {});
    for (const answer of await attempts(request, options, people)) expectNothing(route, answer);
    await as(ours, `DELETE /api/pipelines/${NAME}`);
    expect(await theirThings()).toBe(before);
  });

  /** Our administrator's, where people may; and our agent's, with the lease of their job. */
  async function attempts(request: string, options: Ask, people: boolean): Promise<Answer<unknown>[]> {
    const lease = { ...leaseOf(claimed), exit_code: 0, percent: 1, reason: 'x' };
    const fields: Record<string, string[]> = {
      start: ['attempt', 'lease_token'],
      complete: ['attempt', 'lease_token', 'exit_code'],
      progress: ['attempt', 'lease_token', 'percent'],
      release: ['attempt', 'lease_token', 'reason'],
    };
    const verb = request.split('/').at(-1)!;
    const json = fields[verb] && Object.fromEntries(fields[verb].map((name) => [name, lease[name as never]]));
    const held = {
      'x-job-id': claimed.id,
      'x-attempt': String(claimed.attempt),
      'x-lease-token': claimed.lease_token,
    };
    const asAgent =
      request.startsWith('POST') && request.endsWith('/logs')
        ? ourAgent.log(claimed, [line(1, 'ours')])
        : ourAgent.ask<unknown>(request, { headers: held, ...(json ? { json } : options) });
    return Promise.all([asAgent, ...(people ? [as<unknown>(ours, request, options)] : [])]);
  }

  function expectNothing(route: string, { status, body }: Answer<unknown>): void {
    const refused = [403, 404, 409].includes(status);
    if (!OWN_NAMES.includes(route)) expect({ route, status, body, refused }).toMatchObject({ refused: true });
    expect(JSON.stringify(withoutInstance(body))).not.toContain(MARK);
  }

  it.each(
    Object.entries(ROUTES).filter(
      ([route, row]) =>
        typeof row === 'object' && 'gets' in row && row.gets === 200 && /^GET [^{]*$/.test(route),
    ),
  )('%s lists nothing of theirs', async (route) => {
    const answer = await as(ours, route);
    expect(answer.status).toBe(200);
    // The installation's administrators see the names of all organisations, and no more.
    const text = JSON.stringify(answer.body).replaceAll(`${MARK}-name`, '');
    for (const one of [MARK, ...Object.values(ids).filter((id) => id.length > 10)])
      expect(text.includes(one) && one).toBe(false);
  });

  it('does not hear of what happens in the other, nor gets its jobs', async () => {
    const seen = await openEvents(`${system.url}/api/dashboard/events`, ours);
    const first = (await made<JobView>('POST /api/queue/jobs', jobOf(`${MARK}-live`, 'live'))).id;
    expect((await ourAgent.claim(0)).status).toBe(404);
    const { body } = await as<JobView>(ours, 'POST /api/queue/jobs', { json: jobOf('our-live', 'live') });
    const events = await readUntil(seen, (events) => JSON.stringify(events).includes(body.id));
    expect(JSON.stringify(events)).not.toContain(first);
    expect(JSON.stringify(events)).not.toContain(MARK);
  });

  it('is not reached by naming it: a key, an agent and a join token are of one organisation', async () => {
    const headers = { 'x-organisation': 'other' };
    expect(await as(ours, 'GET /api/queue/jobs', { headers })).toMatchObject({
      status: 403,
      body: { code: 'other_organisation' },
    });
    expect((await ourAgent.ask('GET /api/queue/jobs', { headers })).status).toBe(403);
    expect((await system.admin('GET /api/queue/jobs', { headers })).status).toBe(200);
    const nowhere = { 'x-organisation': 'nowhere' };
    expect(await system.admin('GET /api/queue/jobs', { headers: nowhere })).toMatchObject({
      status: 404,
      body: { code: 'organisation_not_found' },
    });
  });

  it('has admins who do not look after the installation, as those of the first organisation do', async () => {
    for (const route of ['GET /api/operations/projections', 'GET /api/organisations']) {
      expect((await as(theirs, route)).status).toBe(403);
      expect((await as(ours, route)).status).toBe(200);
    }
  });

  it('is not reached over NATS either', async () => {
    const us = callBy('user', 'administrator', 'default');
    const send = <I, O>(request: Request<I, O>, input: I) =>
      system.platform.connections.requests.send(request, input, us).then(
        (found: unknown) => ({ subject: request.subject, found }),
        ({ message }: Error) => ({ subject: request.subject, refused: message }),
      );
    const job = { job_id: claimed.id };
    const lease = { ...job, agent_id: theirAgent.id, ...leaseOf(claimed) };
    const address = { execution_id: NAME, key: 'report' };
    const before = await theirThings();
    const tried = await Promise.all([
      send(queueRequests.get, job),
      send(queueRequests.explain, job),
      send(queueRequests.cancel, { ...job, reason: 'x' }),
      send(queueRequests.close, { ...job, exit_code: 0 }),
      send(queueRequests.setPriority, { ...job, priority: 'HIGH' as const }),
      send(queueRequests.requeue, job),
      send(queueRequests.start, lease),
      send(queueRequests.complete, { ...lease, exit_code: 0 }),
      send(queueRequests.progress, { ...lease, percent: 1 }),
      send(queueRequests.release, { ...lease, reason: 'x' }),
      send(queueRequests.appendLogs, { ...lease, lines: [line(2, 'ours') as LogLine] }),
      send(agentsRequests.get, { agent_id: theirAgent.id }),
      send(agentsRequests.config, { agent_id: theirAgent.id }),
      send(agentsRequests.setStatus, { agent_id: theirAgent.id, status: 'DRAINING' as const }),
      send(agentsRequests.deregister, { agent_id: theirAgent.id }),
      send(pipelinesRequests.get, { pipeline_id: NAME }),
      send(pipelinesRequests.delete, { pipeline_id: NAME }),
      send(pipelinesRequests.startRun, { pipeline_id: NAME, run_id: 'x' }),
      send(pipelinesRequests.getRun, { run_id: ids.run_id }),
      send(pipelinesRequests.cancelRun, { run_id: ids.run_id, reason: 'x' }),
      send(registryRequests.get, address),
      send(registryRequests.readChunk, { ...address, offset: 0 }),
      send(registryRequests.delete, address),
      send(identityRequests.user, { user_id: ids.user_id }),
      send(identityRequests.userAccess, { user_id: ids.user_id }),
      send(identityRequests.setRoles, { user_id: ids.user_id, roles: [{ role: 'viewer' as const }] }),
      send(identityRequests.removeUser, { user_id: ids.user_id }),
      send(identityRequests.revokeKey, { key_id: ids.key_id }),
      send(identityRequests.revokeInvitation, { invitation_id: ids.invitation_id }),
      send(identityRequests.revokeJoinToken, { token_id: ids.token_id }),
      send(identityRequests.removeTrustRule, { rule_id: ids.rule_id }),
      send(identityRequests.trustRule, { rule_id: ids.rule_id }),
    ]);
    for (const answer of tried) {
      expect(answer).toMatchObject({ refused: expect.any(String) as unknown });
      expect(JSON.stringify(answer)).not.toContain(MARK);
    }
    expect(await theirThings()).toBe(before);
  });
});

/** Times at which something was last seen or used move by themselves. */
function withoutMoments(body: unknown): unknown {
  return JSON.parse(
    JSON.stringify(body, (name, value: unknown) => (/^last_|_percent$|uptime/.test(name) ? null : value)),
  );
}

/** The path that was asked for is repeated in a problem. */
function withoutInstance(body: unknown): unknown {
  return typeof body === 'object' && body !== null ? { ...body, instance: undefined } : body;
}
