/** How an agent proves who it is, at two gateways: what is replayed or altered is refused (fault 19), keys are rotated. */
import { partitionClaim, type AgentView } from '@hybrid/contracts';
import { agentCredential, contentDigest, readAgentCredential } from '@hybrid/signatures';
import { eventually } from '@hybrid/testing';
import { DiscardPolicy, jetstreamManager, StorageType } from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { startSystem, type System } from '../system.js';
import { ask, jobOf, nextMessage, signed, type Answer, type HandAgent } from './client.js';

const MINUTES_MS = 60_000;
/** Below the 10 s for which gateways remember. */
const AT_ONCE_MS = 8_000;

describe('agents, by their signatures', () => {
  let system: System;
  let agent: HandAgent;
  /** Of the two gateways. */
  let urls: string[];

  beforeAll(async () => {
    system = await startSystem({
      separate: true,
      replicas: { gateway: 2, queue: 1 },
      // As if gateways had run for an hour: what was signed some minutes ago is not older than their memory.
      partEnv: async ({ connections }) => {
        await (
          await jetstreamManager(connections.nats)
        ).streams.add({
          name: 'NONCES',
          subjects: [`nonce.${Date.now() - 60 * MINUTES_MS}`],
          storage: StorageType.Memory,
          discard: DiscardPolicy.Old,
          max_msgs: 1,
          duplicate_window: nanos(11 * MINUTES_MS),
        });
        return {};
      },
    });
    urls = ['gateway-1', 'gateway-2'].map(
      (name) => `http://127.0.0.1:${String(system.part(name).ready['port'])}`,
    );
    agent = await system.handAgent('signed');
  });
  afterAll(() => system?.stop());

  const now = () => Math.floor(Date.now() / 1000);
  const own = (what = '') => `/api/agents/${agent.id}${what}`;
  const json = { 'content-type': 'application/json' };
  /** As it is given, to one gateway. */
  const send = (gateway: number, request: string, headers: Record<string, string>, body?: string) =>
    ask(urls[gateway]!, request, { headers: { ...json, ...headers }, ...(body !== undefined && { body }) });
  const code = ({ status, body }: Answer<unknown>) => [status, (body as { code?: string }).code];

  describe('a request that is sent again', () => {
    it('is refused at the same gateway, and at another one', async () => {
      const body = '{"status":"HEALTHY"}';
      const request = `PATCH ${own('/status')}`;
      const headers = { ...signed(request, agent.token, body) };
      expect((await send(0, request, headers, body)).status).toBe(200);
      expect(code(await send(0, request, headers, body))).toEqual([401, 'replayed']);
      expect(code(await send(1, request, headers, body))).toEqual([401, 'replayed']);
    });

    it('is taken once where it comes to both at the same moment', async () => {
      const request = `GET ${own()}`;
      const headers = { ...signed(request, agent.token) };
      const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => send(n % 2, request, headers)));
      expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array<number>(19).fill(401)]);
    });
  });

  describe('a request that was altered is refused:', () => {
    const body = '{"status":"HEALTHY"}';
    const request = () => `PATCH ${own('/status')}`;
    const fine = () => ({ ...signed(request(), agent.token, body) });
    type Sent = [request: string, headers: Record<string, string>, body?: string];
    const input = (change: (text: string) => string) => {
      const headers = fine();
      return { ...headers, 'signature-input': change(headers['signature-input']) };
    };

    it.each<[what: string, sent: () => Sent, code: string]>([
      [
        'method',
        () => [`POST ${own('/drain')}`, { ...signed(`PUT ${own('/drain')}`, agent.token, '{}') }, '{}'],
        'signature_wrong',
      ],
      [
        'path',
        () => [`POST ${own('/drain')}`, { ...signed(`POST ${own('/resume')}`, agent.token, '{}') }, '{}'],
        'signature_wrong',
      ],
      [
        'encoding of the path',
        () => [request().replace('/status', '/%73tatus'), fine(), body],
        'signature_wrong',
      ],
      ['query', () => [`${request()}?a=1`, fine(), body], 'signature_wrong'],
      ['body', () => [request(), fine(), '{"status":"OFFLINE"}'], 'digest_wrong'],
      ['body, left out', () => [request(), fine(), '{}'], 'digest_wrong'],
      [
        'body and digest',
        () => [request(), { ...fine(), 'content-digest': contentDigest('{}') }, '{}'],
        'signature_wrong',
      ],
      [
        'type of the body',
        () => [request(), { ...fine(), 'content-type': 'text/plain' }, body],
        'digest_wrong',
      ],
      [
        'type of the body, as bytes',
        () => [request(), { ...fine(), 'content-type': 'application/octet-stream' }, body],
        'digest_wrong',
      ],
      [
        'created',
        () => [request(), input((text) => text.replace(/created=\d+/, `created=${now() + 1}`)), body],
        'signature_wrong',
      ],
      [
        'nonce',
        () => [
          request(),
          input((text) => text.replace(/nonce="(.)/, (_, first) => `nonce="${first === 'A' ? 'B' : 'A'}`)),
          body,
        ],
        'signature_wrong',
      ],
      [
        'version of the key',
        () => [request(), input((text) => text.replace('.1"', '.2"')), body],
        'agent_unknown',
      ],
      [
        'label, a second one',
        () => [request(), input((text) => `${text}, sig2=("@method")`), body],
        'signature_malformed',
      ],
      [
        'components, one too few',
        () => [request(), input((text) => text.replace(' "@query"', '')), body],
        'signature_malformed',
      ],
      [
        'components, one too many',
        () => [request(), input((text) => text.replace('"@query"', '"@query" "host"')), body],
        'signature_malformed',
      ],
      ['algorithm', () => [request(), input((text) => `${text};alg="none"`), body], 'signature_malformed'],
    ])('%s', async (_, sent, expected) => {
      for (const gateway of [0, 1]) {
        const [altered, headers, bytes] = sent();
        expect(code(await send(gateway, altered, headers, bytes))).toEqual([401, expected]);
      }
    });

    it('the same headers twice', async () => {
      const path = own();
      const headers = signed(`GET ${path}`, agent.token);
      for (const name of Object.keys(headers) as (keyof typeof headers)[]) {
        const twice = { ...headers, [name]: [headers[name], headers[name]] };
        const status = await new Promise((resolve, reject) => {
          httpRequest(urls[0] + path, { headers: twice }, (response) => resolve(response.resume().statusCode))
            .on('error', reject)
            .end();
        });
        expect(status).toBe(401);
      }
    });

    it('a path with dots in it, which nobody resolves', async () => {
      const { port } = new URL(urls[0]!);
      const headers = { ...signed(`GET ${own()}`, agent.token) };
      const path = `/api/agents/%2e%2e/agents/${agent.id}`;
      const status = await new Promise((resolve, reject) => {
        httpRequest({ host: '127.0.0.1', port, path, headers }, (response) =>
          resolve(response.resume().statusCode),
        )
          .on('error', reject)
          .end();
      });
      expect(status).toBe(404);
    });

    it('an upload that is not what it says', async () => {
      const request = `PUT /api/artifacts/e/k`;
      const sha256 = createHash('sha256').update('other').digest('hex');
      const headers = { ...signed(request, agent.token, 'bytes'), 'x-content-sha256': sha256 };
      expect(code(await send(0, request, headers, 'bytes'))).toEqual([401, 'digest_wrong']);
    });
  });

  it.each([-270, -120, 0, 120, 290])('is taken when it was signed %i s from now', async (off) => {
    const request = `GET ${own()}`;
    const headers = { ...signed(request, agent.token, undefined, {}, { created: now() + off }) };
    expect((await send(0, request, headers)).status).toBe(200);
  });

  it.each([-310, 330, -86_400])(
    'is refused when it was signed %i s from now, and told the time',
    async (off) => {
      const request = `GET ${own()}`;
      const headers = { ...signed(request, agent.token, undefined, {}, { created: now() + off }) };
      const answer = await send(0, request, headers);
      expect(code(answer)).toEqual([401, 'clock_skew']);
      const [, here] = /and it is (\S+) here/.exec(answer.body['detail'] as string) ?? [];
      expect(Math.abs(Date.parse(here!) - Date.now())).toBeLessThan(MINUTES_MS);
    },
  );

  it('an agent speaks for itself with its own key alone', async () => {
    const other = await system.handAgent('signed');
    const request = `GET ${own()}`;
    expect(code(await other.ask(request))).toEqual([403, 'not_your_agent']);
    const { key } = readAgentCredential(other.token)!;
    const posing = agentCredential({ agentId: agent.id, version: 1, key });
    expect(code(await ask(urls[0]!, request, { token: posing }))).toEqual([401, 'signature_wrong']);
  });

  it('is another one at every gateway at once when it was deregistered', async () => {
    const gone = await system.handAgent('signed');
    const request = `GET /api/agents/${gone.id}`;
    for (const url of urls) expect((await ask(url, request, { token: gone.token })).status).toBe(200);
    await system.admin(`POST /api/agents/${gone.id}/deregister`, { json: {} });
    for (const url of urls)
      await eventually(async () => {
        expect(code(await ask(url, request, { token: gone.token }))).toEqual([401, 'agent_unknown']);
      }, AT_ONCE_MS);
  });

  it('gets no job by a claim that waited when it was deregistered', async () => {
    const gone = await system.handAgent('revoked');
    const { seen } = await nextMessage(system.platform, partitionClaim('default', 'revoked').subject);
    const claim = gone.claim(50);
    await seen;
    const since = performance.now();
    await system.admin(`POST /api/agents/${gone.id}/deregister`, { json: {} });
    expect(code(await claim)).toEqual([404, 'no_jobs_available']);
    expect(performance.now() - since).toBeLessThan(30_000);
    expect(code(await gone.claim(50))).toEqual([401, 'agent_unknown']);
  });

  it('gets the next credential; the one before goes on, the one before that does not', async () => {
    const one = await system.handAgent('signed');
    const read = `GET /api/agents/${one.id}`;
    const next = async (token: string) => {
      const request = `POST /api/agents/${one.id}/credential`;
      return (await ask<{ credential: string }>(urls[0]!, request, { token, json: {} })).body.credential;
    };
    const second = await next(one.token);
    expect(readAgentCredential(second)).toMatchObject({ agentId: one.id, version: 2 });
    expect(await next(one.token)).toBe(second);
    for (const url of urls)
      for (const token of [one.token, second])
        await eventually(async () => expect((await ask(url, read, { token })).status).toBe(200), AT_ONCE_MS);
    const third = await next(second);
    for (const url of urls) {
      await eventually(
        async () => expect((await ask(url, read, { token: third })).status).toBe(200),
        AT_ONCE_MS,
      );
      await eventually(async () => {
        expect(code(await ask(url, read, { token: one.token }))).toEqual([401, 'agent_unknown']);
      }, AT_ONCE_MS);
      expect((await ask(url, read, { token: second })).status).toBe(200);
    }
  });

  it("the installation's key is rotated beside running jobs: agents follow by themselves, and nothing is lost", async () => {
    const name = 'agent-of-two-keys';
    const part = await system.startAgent(name, { capacity: 2, args: ['--pool', 'rotation'] });
    const work = ['for i in $(seq 1 60); do echo line-$i; sleep 0.2; done'];
    const spec = { step: { id: 's', name: 's', type: 'step.shell_exec', config: { commands: work } } };
    const jobs = await Promise.all(
      [1, 2].map(async (n) => {
        const json = { name: `rotation-${n}`, pool: 'rotation', spec };
        return (await system.admin<{ id: string }>('POST /api/queue/jobs', { json })).body.id;
      }),
    );
    const statusOf = async (id: string) => (await system.admin(`GET /api/queue/jobs/${id}`)).body;
    for (const id of jobs)
      await eventually(async () => expect(await statusOf(id)).toMatchObject({ status: 'RUNNING' }));

    const file = join(system.platform.directory, 'keys');
    await writeFile(file, `k2:${randomBytes(32).toString('base64url')}\n${await readFile(file, 'utf8')}`);
    for (const gateway of ['gateway-1', 'gateway-2']) await system.part(gateway).restart();

    for (const id of jobs) {
      await eventually(
        async () =>
          expect(await statusOf(id)).toMatchObject({ status: 'COMPLETED', attempt: 1, exit_code: 0 }),
        120_000,
      );
      const { lines } = (await system.admin<{ lines: { text: string }[] }>(`GET /api/queue/jobs/${id}/logs`))
        .body;
      const texts = lines.map(({ text }) => text).filter((text) => text.startsWith('line-'));
      expect(texts).toEqual(Array.from({ length: 60 }, (_, n) => `line-${n + 1}`));
    }
    const kept = async () =>
      JSON.parse(await readFile(join(system.platform.directory, name, 'credential.json'), 'utf8')) as {
        agent_id: string;
        credential: string;
      };
    await eventually(async () => expect(readAgentCredential((await kept()).credential)?.version).toBe(2));
    expect((await kept()).agent_id).toBe(part.ready['agent_id']);
    const { body } = await system.admin<{ agents: AgentView[] }>('GET /api/agents?pool=rotation');
    expect(body.agents).toHaveLength(1);
    await part.process.stop();
  });

  it('gets another credential by itself when an operator asks for it', async () => {
    const name = 'agent-that-is-asked';
    const part = await system.startAgent(name, { args: ['--pool', 'asked'] });
    await system.admin(`POST /api/agents/${part.ready['agent_id'] as string}/rotate`, { json: {} });
    await eventually(async () => {
      const kept = await readFile(join(system.platform.directory, name, 'credential.json'), 'utf8');
      expect(readAgentCredential((JSON.parse(kept) as { credential: string }).credential)?.version).toBe(2);
    });
    await system.admin('POST /api/queue/jobs', { json: jobOf('afterwards', 'asked') });
    await eventually(async () =>
      expect((await system.admin('GET /api/queue/jobs?pool=asked&status=COMPLETED')).body['total']).toBe(1),
    );
    await part.process.stop();
  });
});
