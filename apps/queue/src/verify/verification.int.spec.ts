import { jsonEvent } from '@eventstore/db-client';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  partitionClaim,
  PRIORITIES,
  queueRequests,
  verificationSubject,
  type ClaimedJob,
  type EnqueueJob,
  type Request,
  type VerificationProgress,
} from '@hybrid/contracts';
import { callBy, startPlatform, type Platform } from '@hybrid/test-platform';
import { eventually, seededRandom } from '@hybrid/testing';
import { randomUUID } from 'node:crypto';
import { startReplica, type Replica } from '../replicas/replica.fixtures.js';

const spec = { step: { id: 'test', name: 'test', type: 'step.shell_exec', config: {} } };
const JOBS = 200;
const AGENTS = 12;
/** Events of a group, which nobody but a verification reads. */
const LONG = { appends: 10, each: 2_000 };

describe('a verification', () => {
  let platform: Platform;
  const replicas: Replica[] = [];
  const user = callBy('user', 'someone');
  const random = seededRandom();

  beforeAll(async () => {
    platform = await startPlatform();
    for (let count = 0; count < 2; count++) replicas.push(await startReplica(platform.settings));
  });
  afterAll(async () => {
    for (const replica of replicas) await replica.stop();
    await platform.stop();
  });

  const send = <I, O>(request: Request<I, O>, input: I, call = user) =>
    platform.connections.requests.send(request, input, call);
  const enqueue = (more: Partial<EnqueueJob> & { pipeline_id?: string }) =>
    send(queueRequests.enqueue, { job_id: randomUUID(), backoff_seconds: 0, spec, ...more });
  const verify = () => send(queueRequests.verify, { id: randomUUID() });
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!;

  it('finds nothing wrong with what real replicas did, while agents came and went and one replica was replaced', async () => {
    const pools = ['one', 'two'];
    let done = 0;
    const agent = async (agent_id: string) => {
      const pool = pick(pools);
      const labels: Record<string, string> = random() < 0.5 ? { os: 'linux' } : {};
      while (done < JOBS) {
        // By the pool's partition, or by whichever replica: then they want the same jobs.
        const request = random() < 0.5 ? queueRequests.claim : partitionClaim('default', pool);
        const wanted = { agent_id, pool, labels, wait_seconds: 0.2, count: pick([1, 1, 3]) };
        const claimed = await send(request, wanted, callBy('agent', agent_id)).catch((): ClaimedJob[] => []);
        for (const { id, attempt, lease_token } of claimed) {
          const exit_code = random() < 0.2 ? 1 : 0;
          const result = { job_id: id, agent_id, attempt, lease_token, exit_code };
          const { status } = await send(queueRequests.complete, result);
          if (status !== 'QUEUED') done++;
        }
      }
    };
    const agents = Array.from({ length: AGENTS }, (_, index) => agent(`agent-${index}`));
    // Whoever comes last can have all jobs.
    agents.push(...pools.map((pool) => drain(pool)));
    async function drain(pool: string) {
      while (done < JOBS) {
        const wanted = { agent_id: `all-${pool}`, pool, labels: { os: 'linux' }, wait_seconds: 0.2 };
        for (const { id, attempt, lease_token } of await send(queueRequests.claim, wanted)) {
          const result = { job_id: id, agent_id: `all-${pool}`, attempt, lease_token, exit_code: 0 };
          await send(queueRequests.complete, result);
          done++;
        }
      }
    }
    for (let job = 0; job < JOBS; job++) {
      await enqueue({
        pool: pick(pools),
        priority: pick(PRIORITIES),
        pipeline_id: pick([undefined, 'p1', 'p2', 'p3']),
        labels: pick<Record<string, string>>([{}, {}, { os: 'linux' }]),
        ...(random() < 0.2 && { concurrency: { group: pick(['deploy', 'release']), limit: pick([1, 2]) } }),
      });
      if (job === JOBS / 2) {
        // In order, as a claim whose reply is lost would hold its job for a lease.
        await replicas[0]!.stop();
        replicas[0] = await startReplica(platform.settings);
      }
    }
    await Promise.all(agents);

    const id = randomUUID();
    const told: VerificationProgress[] = [];
    const progress = platform.connections.nats.subscribe(verificationSubject(id), {
      callback: (_, message) => void told.push(message.json()),
    });
    const result = await send(queueRequests.verify, { id });
    expect(result).toMatchObject({
      jobs: JOBS,
      unexplained_claims: 0,
      divergences: [],
      divergences_total: 0,
    });
    expect(result.claims).toBeGreaterThanOrEqual(JOBS);
    const { events, claims } = result;
    await eventually(() => expect(told.at(-1)).toEqual({ events, claims, divergences: 0 }));
    progress.unsubscribe();
  });

  it('does not keep agents from their jobs, however long the log is', async () => {
    const data = { group: 'long', job_id: 'j', attempt: 1, revoked: 0, limit: 1, released: [], at: '' };
    const metadata = { org: 'default', actor: user.actor, $correlationId: 'c', version: 1 };
    const stream = `jobGroup-${randomUUID()}`;
    for (let count = 0; count < LONG.appends; count++)
      await platform.connections.eventStore.appendToStream(
        stream,
        Array.from({ length: LONG.each }, () => jsonEvent({ type: 'SlotTaken', data, metadata } as never)),
      );
    let over = false;
    let lives = 0;
    const agent = async (agent_id: string) => {
      const pool = `beside-${agent_id}`;
      while (!over) {
        await enqueue({ pool });
        // Refused where the replica is cut off, which fails the test.
        const wanted = { agent_id, pool, wait_seconds: 5 };
        const [claimed] = await send(partitionClaim('default', pool), wanted, callBy('agent', agent_id));
        // On a machine that stood still the wait may have passed; the next one finds it.
        if (!claimed) continue;
        const { id: job_id, attempt, lease_token } = claimed;
        await send(queueRequests.complete, { job_id, agent_id, attempt, lease_token, exit_code: 0 });
        lives++;
      }
    };
    const agents = Array.from({ length: 4 }, (_, index) => agent(`agent-${index}`));
    const result = await verify().finally(() => (over = true));
    await Promise.all(agents);
    expect(result.events).toBeGreaterThan(LONG.appends * LONG.each);
    expect(result.divergences).toEqual([]);
    expect(lives).toBeGreaterThanOrEqual(agents.length);
  });

  it('finds a claim that jumps the queue, and nothing else', async () => {
    await enqueue({ pool: 'jumped' });
    const first = await enqueue({ pool: 'jumped', priority: 'HIGH' });
    const jumps = await enqueue({ pool: 'jumped' });
    const { index } = replicas[1]!;
    await eventually(() => expect(index.get(jumps.id)).toBeDefined());
    const at = new Date().toISOString();
    const decision = {
      pool: 'jumped',
      pipeline_id: null,
      labels: {},
      capabilities: [],
      seen: index.seen.toString(),
      replica: randomUUID(),
      turn: 1,
      ageing_seconds: 600,
    };
    const lease = { lease_token: randomUUID(), lease_expires_at: at };
    const data = { attempt: 1, agent_id: 'pushy', ...lease, decision, at, run_id: null };
    const metadata = { org: 'default', actor: user.actor, $correlationId: 'c', version: 1 };
    await platform.connections.eventStore.appendToStream(
      `job-${jumps.id}`,
      jsonEvent({ type: 'JobClaimed', data, metadata } as never),
    );
    const { divergences, divergences_total } = await verify();
    expect(divergences_total).toBe(1);
    expect(divergences[0]).toMatchObject({ job_id: jumps.id, code: 'wrong_choice' });
    expect(divergences[0]!.detail).toContain(`should have been one of job ${first.id}: higher priority`);
  });

  it('is refused an id that is no token of a subject', async () => {
    await expect(send(queueRequests.verify, { id: 'a.>' })).rejects.toMatchObject({
      problem: { code: 'verification_id_invalid' },
    });
  });
});
