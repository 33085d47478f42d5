import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  CLAIM_PARTITIONS,
  partitionClaim,
  queueRequests,
  type ClaimedJob,
  type Request,
} from '@hybrid/contracts';
import { callBy, startPlatform, type Platform } from '@hybrid/test-platform';
import { awakeMs, breakableLine, eventually } from '@hybrid/testing';
import { startTelemetry, metricsText } from '@hybrid/telemetry';
import { randomUUID } from 'node:crypto';
import { startReplica, type Replica } from './replica.fixtures.js';

const spec = { step: { id: 'test', name: 'test', type: 'step.shell_exec', config: {} } };
const everyPartition = Array.from({ length: CLAIM_PARTITIONS }, (_, partition) => partition);

describe('replicas of the queue', () => {
  let platform: Platform;
  let stopTelemetry: () => Promise<void>;
  const running: Replica[] = [];
  const user = callBy('user', 'someone');

  beforeAll(async () => {
    stopTelemetry = await startTelemetry('spec', { metrics: true });
    platform = await startPlatform();
    for (let count = 0; count < 3; count++) running.push(await startReplica(platform.settings));
  });
  afterAll(async () => {
    for (const replica of running) await replica.stop();
    await platform.stop();
    await stopTelemetry();
  });

  const send = <I, O>(request: Request<I, O>, input: I, call = user) =>
    platform.connections.requests.send(request, input, call);
  const enqueue = (pool: string, more = {}) =>
    send(queueRequests.enqueue, { job_id: randomUUID(), pool, spec, ...more });
  /** As the gateway asks: the partition, or whoever answers. */
  const claim = async (pool: string, agent_id: string, wait_seconds = 5): Promise<ClaimedJob | undefined> => {
    const agent = callBy('agent', agent_id);
    const request = { agent_id, pool, wait_seconds };
    const ask = (of: typeof queueRequests.claim) => send(of, request, agent);
    const jobs = await ask(partitionClaim('default', pool)).catch(() => ask(queueRequests.claim));
    return jobs[0];
  };
  const sharedOut = () =>
    eventually(() => {
      const parts = running
        .map(({ replicas }) => replicas)
        .flatMap((one) => (one.well ? [one.partitions] : []));
      expect(parts.flat().sort((one, other) => one - other)).toEqual(everyPartition);
      for (const part of parts) expect(part.length).toBeGreaterThan(0);
    });
  const counted = async (name: string) =>
    Number(
      new RegExp(`^${name}(?:_total)?(?:\\{[^}]*\\})? (\\S+)`, 'm').exec((await metricsText()) ?? '')?.[1] ??
        0,
    );

  it('share out all partitions among themselves, and again when one comes or leaves', async () => {
    await sharedOut();
    running.push(await startReplica(platform.settings));
    await sharedOut();
    await running.pop()!.stop();
    // At once, as it said so.
    await sharedOut();
  });

  it('take over the partitions of one that was killed within some seconds, and serve its pools meanwhile', async () => {
    await sharedOut();
    const victim = running.pop()!;
    const pools = Array.from({ length: 12 }, (_, index) => `kill-${index}`);
    await victim.kill();
    const took = await awakeMs(async () => {
      const claims = pools.map(async (pool, index) => {
        const { id } = await enqueue(pool);
        const agent = `agent-${index}`;
        await eventually(async () => expect((await claim(pool, agent))?.id).toBe(id));
      });
      await Promise.all(claims);
      await sharedOut();
    });
    expect(took).toBeLessThan(20_000);
    running.push(await startReplica(platform.settings));
    await sharedOut();
  });

  it('hardly ever want the same job: three of them, 30 agents in 10 pools', async () => {
    await sharedOut();
    const JOBS = 300;
    const before = await counted('hybrid_queue_claim_conflicts');
    const claimedBefore = await counted('hybrid_queue_claims');
    const pools = Array.from({ length: 10 }, (_, index) => `busy-${index}`);
    const claimed: string[] = [];
    const agent = async (name: string, pool: string) => {
      while (claimed.length < JOBS) {
        const job = await claim(pool, name, 0.3);
        if (job) claimed.push(job.id);
      }
    };
    const agents = Array.from({ length: 30 }, (_, index) => agent(`agent-${index}`, pools[index % 10]!));
    for (let job = 0; job < JOBS; job += 20)
      await Promise.all(Array.from({ length: 20 }, (_, index) => enqueue(pools[index % 10]!)));
    await Promise.all(agents);
    expect(new Set(claimed).size).toBe(JOBS);
    expect((await counted('hybrid_queue_claims')) - claimedBefore).toBe(JOBS);
    const conflicts = (await counted('hybrid_queue_claim_conflicts')) - before;
    expect(conflicts / JOBS).toBeLessThan(0.01);
  });

  it('serve no claims while they are cut off from the event store, and heal by themselves', async () => {
    const line = await breakableLine(Number(new URL(platform.eventStore.url.replace('esdb:', 'http:')).port));
    const EVENTSTORE_URL = `esdb://127.0.0.1:${line.port}?tls=false`;
    const lonely = await startAmong({ ...platform.settings, EVENTSTORE_URL });
    try {
      await sharedOut();
      const waiting = claim('cut-off', 'waits', 5);
      line.freeze();
      await eventually(() => expect(lonely.replicas.well).toBe(false));
      expect(lonely.replicas.partitions).toEqual([]);
      // The others' partitions are shared out without it, and whatever is asked of any replica goes to the others.
      await sharedOut();
      const answers = await Promise.all(
        Array.from({ length: 20 }, async () => {
          let code = 'served';
          const ms = await awakeMs(() =>
            send(queueRequests.claim, { agent_id: 'a', pool: 'nothing' }).catch(
              (error: { problem: { code: string } }) => (code = error.problem.code),
            ),
          );
          return { code, ms };
        }),
      );
      expect(new Set(answers.map(({ code }) => code))).toEqual(new Set(['served']));
      for (const { ms } of answers) expect(ms).toBeLessThan(4_000);
      await waiting;
      line.cut();
      await eventually(() => expect(lonely.replicas.well).toBe(true));
      await sharedOut();
      const { id } = await enqueue('healed');
      await eventually(() => expect(lonely.index.get(id)).toBeDefined());
    } finally {
      running.pop();
      await lonely.stop();
      await line.close();
    }
  });

  /** Counted among the running ones. */
  async function startAmong(settings: Platform['settings']): Promise<Replica> {
    const replica = await startReplica(settings);
    running.push(replica);
    return replica;
  }
});
