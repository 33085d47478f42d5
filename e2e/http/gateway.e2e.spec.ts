import {
  agentsRequests,
  CLAIM_ABANDONED_SUBJECT,
  partitionClaim,
  problem,
  queueRequests,
  verificationSubject,
  type AgentAccess,
  type ClaimedJob,
  type ClaimJobCommand,
  type EnqueueJobCommand,
  type JobView,
  type QueueVerification,
  type ReleaseJob,
} from '@hybrid/contracts';
import { Handle, MessageController } from '@hybrid/messaging';
import { bundleOf, startProcess, type RunningProcess } from '@hybrid/servers';
import { agentCredential } from '@hybrid/signatures';
import { startPlatform, type Platform } from '@hybrid/test-platform';
import { eventually } from '@hybrid/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Module } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { hkdfSync } from 'node:crypto';
import { request } from 'node:http';
import { ask, jobOf, nextMessage, type Ask } from './client.js';
import { openEvents, readUntil, type ServerEvent } from './event-stream.js';

const ADMIN = 'a'.repeat(40);
const AGENT = '00000000-0000-4000-8000-000000000001';
const KEYS = `k1:${'A'.repeat(43)}`;
const CREDENTIAL = agentCredential({
  agentId: AGENT,
  version: 1,
  key: Buffer.from(hkdfSync('sha256', Buffer.alloc(32), '', `agent/default/${AGENT}/1`, 32)),
});
const POOL = 'fast';
const VERIFICATION = '/api/queue/verification';
const RESULT: QueueVerification = {
  ...{
    events: 9,
    jobs: 2,
    claims: 3,
    unexplained_claims: 0,
    undecided_claims: 0,
    divergences: [],
    divergences_total: 0,
    seconds: 1,
  },
};

/** What the gateway does by itself, with services in place of the real ones that answer as a spec says. */
describe('the gateway', () => {
  let platform: Platform;
  let gateway: RunningProcess;
  let url: string;
  let verify: (id: string) => Promise<QueueVerification>;
  let claim: (request: ClaimJobCommand) => Promise<ClaimedJob[]>;
  const enqueued: EnqueueJobCommand[][] = [];
  const released: (ReleaseJob & { job_id: string; agent_id: string })[] = [];

  @MessageController()
  class Services {
    @Handle(agentsRequests.access)
    access(): AgentAccess {
      return {
        org: 'default',
        pool: POOL,
        labels: {},
        capabilities: [],
        keys: [{ kid: 'k1', version: 1, since: new Date().toISOString(), not_after: null }],
        rotation_asked: false,
        joined_by: { kind: 'installation', id: 'join-token' },
      };
    }

    @Handle(queueRequests.verify)
    verify(@Payload() { id }: { id: string }) {
      return verify(id);
    }

    @Handle(partitionClaim('default', POOL))
    claim(@Payload() request: ClaimJobCommand) {
      return claim(request);
    }

    @Handle(queueRequests.release)
    release(@Payload() request: (typeof released)[number]) {
      released.push(request);
      return {} as JobView;
    }

    @Handle(queueRequests.enqueueBatch)
    enqueue(@Payload() { jobs }: { jobs: EnqueueJobCommand[] }) {
      enqueued.push(jobs);
      return { results: jobs.map(({ job_id }, index) => ({ index, job: { id: job_id } as JobView })) };
    }
  }

  @Module({ controllers: [Services] })
  class ServicesModule {}

  beforeAll(async () => {
    platform = await startPlatform();
    await platform.serve(ServicesModule);
  });
  afterAll(() => platform?.stop());
  beforeEach(async () => {
    gateway = await startProcess({
      name: 'gateway',
      command: process.execPath,
      args: [bundleOf('gateway')],
      env: {
        ...process.env,
        ...platform.settings,
        HYBRID_HOST: '127.0.0.1',
        HYBRID_PORT: '0',
        HYBRID_ADMIN_TOKEN: ADMIN,
        HYBRID_JOIN_TOKEN: 'j'.repeat(40),
        HYBRID_KEYS: KEYS,
      },
    });
    url = `http://127.0.0.1:${Number((await gateway.ready)['port'])}`;
    enqueued.length = released.length = 0;
  });
  afterEach(() => gateway.stop());

  const admin = <T = Record<string, unknown>>(request: string, options: Ask = {}) =>
    ask<T>(url, request, { token: ADMIN, ...options });

  describe('verification', () => {
    const isLast = (events: ServerEvent[]) => ['result', 'failed'].includes(events.at(-1)?.event ?? '');
    const told = async () => {
      const events = await readUntil(await openEvents(url + VERIFICATION, ADMIN), isLast);
      return events.map(({ event, data }) => ({ event, data }));
    };

    it('tells its progress and at last the result', async () => {
      verify = async (id) => {
        for (const events of [3, 6]) {
          const progress = { events, claims: 1, divergences: 0 };
          platform.connections.nats.publish(verificationSubject(id), JSON.stringify(progress));
        }
        // The messages are on their way to the gateway before the answer is.
        await platform.connections.nats.flush();
        return RESULT;
      };
      expect(await told()).toEqual([
        { event: 'progress', data: { events: 3, claims: 1, divergences: 0 } },
        { event: 'progress', data: { events: 6, claims: 1, divergences: 0 } },
        { event: 'result', data: RESULT },
      ]);
      expect(await admin(`GET ${VERIFICATION}`)).toMatchObject({ status: 200, body: RESULT });
    });

    it('is not begun by a HEAD, whatever that accepts', async () => {
      let asked = 0;
      verify = async () => {
        asked++;
        return RESULT;
      };
      for (const accept of ['application/json', 'text/event-stream'])
        expect(await admin(`HEAD ${VERIFICATION}`, { headers: { accept } })).toMatchObject({ status: 200 });
      expect((await ask(url, `HEAD ${VERIFICATION}`)).status).toBe(401);
      expect(await admin(`GET ${VERIFICATION}`)).toMatchObject({ status: 200, body: RESULT });
      expect(asked).toBe(1);
    });

    it('that fails says why', async () => {
      verify = async () => {
        throw problem('unavailable', 'replica_cut_off', 'the event store does not answer');
      };
      const data = { code: 'replica_cut_off', detail: 'the event store does not answer' };
      expect(await told()).toEqual([{ event: 'failed', data }]);
      expect(await admin(`GET ${VERIFICATION}`)).toMatchObject({ status: 503, body: data });
    });

    it('ends with the gateway that stops', async () => {
      let asked = 0;
      let answer: () => void = () => undefined;
      const later = new Promise<QueueVerification>((resolve) => (answer = () => resolve(RESULT)));
      verify = () => {
        asked++;
        return later;
      };
      const events = await openEvents(url + VERIFICATION, ADMIN);
      const json = admin(`GET ${VERIFICATION}`);
      await eventually(() => expect(asked).toBe(2));
      // The promise is two seconds; the machine may be busy. What was asked is not answered before it has stopped.
      expect(await gateway.stop('SIGTERM', 25_000)).toEqual({ code: 0, signal: null });
      expect(await json).toMatchObject({ status: 503, body: { code: 'gateway_stopping' } });
      for await (const event of events) throw new Error(`unexpected: ${event.event}`);
      answer();
    });
  });

  describe('a claim', () => {
    const job = (id: string) => ({ id, attempt: 1, lease_token: `token-${id}` }) as ClaimedJob;
    const send = (more: object = {}, options: Ask = {}) =>
      ask(url, 'POST /api/queue/claim', {
        token: CREDENTIAL,
        json: { agent_id: AGENT, ...more },
        ...options,
      });

    it('of several jobs answers them all, the first one by itself too', async () => {
      claim = async ({ count = 1, pool }) =>
        ['one', 'two', 'three'].slice(0, count).map((id) => ({ ...job(id), name: pool! }));
      expect(await send({ count: 2, pool: 'another' })).toMatchObject({
        status: 200,
        body: { job: { id: 'one', name: POOL }, jobs: [{ id: 'one' }, { id: 'two' }] },
      });
    });

    it('hands back what came while its agent hung up', async () => {
      let answer: (jobs: ClaimedJob[]) => void = () => undefined;
      claim = () => new Promise((resolve) => (answer = resolve));
      const asked = await nextMessage(platform, partitionClaim('default', POOL).subject);
      const abandoned = await nextMessage(platform, CLAIM_ABANDONED_SUBJECT);
      const hangUp = new AbortController();
      const sent = send({ wait_seconds: 30 }, { signal: hangUp.signal }).catch(() => 'hung up');
      await asked.seen;
      hangUp.abort();
      expect(await sent).toBe('hung up');
      await abandoned.seen;
      answer([job('one'), job('two')]);
      await eventually(() =>
        expect(released).toEqual(
          ['one', 'two'].map((id) => ({
            ...{ job_id: id, agent_id: AGENT, attempt: 1, lease_token: `token-${id}` },
            reason: 'its agent hung up',
          })),
        ),
      );
    });
  });

  describe('a batch', () => {
    /** Status for a body of so many bytes, which is refused by its length: it need not be sent. */
    const announced = (bytes: number) =>
      new Promise<number | undefined>((resolve, reject) => {
        const headers = {
          ...{ authorization: `Bearer ${ADMIN}`, 'content-type': 'application/json' },
          'content-length': bytes,
        };
        const posting = request(`${url}/api/queue/jobs/batch`, { method: 'POST', headers }, (response) => {
          resolve(response.statusCode);
          posting.destroy();
        });
        posting.on('error', reject).flushHeaders();
      });

    it('may be larger than any other body, up to its own limit', async () => {
      const jobs = (count: number, bytes: number) =>
        Array.from({ length: count }, (_, n) => {
          const { spec, ...job } = jobOf(`job-${n}`);
          return { ...job, spec: { step: { ...spec.step, config: { filler: 'x'.repeat(bytes) } } } };
        });
      const batch = (body: object) => admin('POST /api/queue/jobs/batch', { json: body });
      const headers = { 'idempotency-key': 'once' };
      const large = { jobs: jobs(1_000, 12_000) };
      const { status, body } = await admin('POST /api/queue/jobs/batch', { json: large, headers });
      expect({ status, ...body, results: undefined }).toEqual({ status: 200, accepted: 1_000, refused: 0 });
      const ids = enqueued.flat().map(({ job_id }) => job_id);
      expect(new Set(ids).size).toBe(1_000);
      enqueued.length = 0;
      await admin('POST /api/queue/jobs/batch', { json: { jobs: large.jobs.slice(0, 3) }, headers });
      expect(new Set(ids)).toEqual(new Set([...ids, ...enqueued.flat().map(({ job_id }) => job_id)]));
      expect(await announced(16 * 1024 * 1024 + 1)).toBe(413);
      expect(await batch({ jobs: jobs(1_001, 1) })).toMatchObject({
        status: 422,
        body: { errors: [{ path: 'jobs' }] },
      });
      expect(await batch({ jobs: [] })).toMatchObject({ status: 422, body: { errors: [{ path: 'jobs' }] } });
      expect(await batch({ jobs: jobs(1, 1), nope: 1 })).toMatchObject({
        status: 422,
        body: { errors: [{ path: 'nope', message: 'there is no such field' }] },
      });
    });
  });
});
