import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { jsonEvent } from '@eventstore/db-client';
import { queueRequests, type CallContext, type QueueCounts, type QueueStats } from '@hybrid/contracts';
import { Things } from '@hybrid/event-store';
import { Connections } from '@hybrid/service';
import { metricsText, startTelemetry } from '@hybrid/telemetry';
import { callBy, startPlatform, type Platform } from '@hybrid/test-platform';
import { awakeMs, eventually, seededRandom } from '@hybrid/testing';
import { Module } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import type { JobCommand } from '../jobs/job.commands.js';
import { jobDecider } from '../jobs/job.decider.js';
import type { JobEvent } from '../jobs/job.events.js';
import { decision } from '../jobs/job.fixtures.js';
import { JobIndex } from '../jobs/job-index.js';
import type { JobState } from '../jobs/job.state.js';
import { JobPools } from '../pools/job-pools.js';
import { PoolController } from '../pools/pool.controller.js';
import { QueueSettings } from '../queue.settings.js';
import { LiveFigures } from './live-figures.js';

@Module({
  controllers: [PoolController],
  providers: [QueueSettings, JobIndex, LiveFigures, JobPools],
})
class FiguresModule {}

const COUNTED: Record<NonNullable<JobState['status']>, Exclude<keyof QueueCounts, 'delayed'>> = {
  QUEUED: 'queued',
  CLAIMED: 'running',
  RUNNING: 'running',
  COMPLETED: 'completed',
  FAILED: 'failed',
  DEAD_LETTERED: 'dead_lettered',
  CANCELLED: 'cancelled',
};

describe('the figures of a replica', () => {
  let platform: Platform;
  let things: Things<JobState, JobCommand, JobEvent>;
  const open: Connections[] = [];
  const user = (org: string, more: Partial<CallContext> = {}) => ({
    ...callBy('user', 'someone', org),
    ...more,
  });
  const now = () => new Date().toISOString();

  beforeAll(async () => {
    platform = await startPlatform();
    things = new Things(platform.connections.eventStore, 'job', jobDecider);
  });
  afterEach(async () => {
    for (const connections of open.splice(0)) await stop(connections);
  });
  afterAll(() => platform.stop());

  const stop = async (connections: Connections) => {
    connections.beginStop();
    await connections.close();
  };
  /** A replica without its commands, which projects too while nobody else does. */
  const start = async () => {
    const connections = await Connections.open(platform.settings, 'queue');
    open.push(connections);
    const index = new JobIndex(connections, new QueueSettings());
    const figures = new LiveFigures(index, connections);
    await index.onModuleInit();
    figures.onApplicationBootstrap();
    return figures;
  };
  const enqueue = async (org: string, wants: object = {}) => {
    const job_id = randomUUID();
    const spec = { step: { id: 'test', name: 'test', type: 'step.shell_exec', config: {} } };
    const request = { job_id, backoff_seconds: 0, spec, ...wants };
    await things.handle(job_id, { type: 'EnqueueJob', request, digest: 'd', now: now() }, user(org));
    return job_id;
  };
  /** Carries the command out on the job as it is; answers the commit position. */
  const command = async (id: string, org: string, make: (held: Held) => JobCommand) => {
    const { state } = await things.load(id, org);
    const { attempt, lease_token, agent_id } = state;
    let position = 0n;
    const held = { attempt, lease_token: lease_token ?? '', agent_id: agent_id ?? '', now: now() };
    await things.handle(id, make(held), user(org, { wrote: (at) => void (position = at) }));
    return position;
  };
  type Held = { attempt: number; lease_token: string; agent_id: string; now: string };
  const claim = (id: string, org: string) =>
    command(id, org, () => ({
      type: 'ClaimJob',
      agent_id: 'a',
      lease_token: randomUUID(),
      lease_expires_at: now(),
      decision,
      slot: null,
      now: now(),
    }));
  const begin = (id: string, org: string) => command(id, org, (held) => ({ type: 'StartJob', ...held }));
  const complete = (id: string, org: string, exit_code: number) =>
    command(id, org, (held) => ({ type: 'CompleteJob', exit_code, chance: 0, ...held }));

  it('are what the log says, whenever it was started', async () => {
    const chance = seededRandom();
    const org = 'whole';
    const ids: string[] = [];
    let last = 0n;
    let ended = 0;
    const first = await start();
    const replicas = [first];
    for (let step = 0; step < 300; step++) {
      const dice = chance();
      const id = ids[Math.floor(chance() * ids.length)];
      if (!id || dice < 0.2) {
        const pool = ['linux', 'mac'][ids.length % 2]!;
        const delay_seconds = ids.length % 5 ? 0 : 3600;
        ids.push(await enqueue(org, { pool, max_attempts: 1 + (ids.length % 3), delay_seconds }));
        continue;
      }
      if (step % 75 === 74) replicas.push(await start());
      const { status } = (await things.load(id, org)).state;
      const exit = Math.floor(chance() * 2);
      const next = {
        QUEUED: () => claim(id, org),
        CLAIMED: () => begin(id, org),
        RUNNING: () => {
          ended++;
          return complete(id, org, exit);
        },
        COMPLETED: undefined,
        CANCELLED: undefined,
        FAILED: () => command(id, org, (held) => ({ type: 'RequeueJob', now: held.now })),
        DEAD_LETTERED: () => command(id, org, (held) => ({ type: 'RequeueJob', now: held.now })),
      }[status!];
      const cancel = () =>
        command(id, org, (held) => ({ type: 'CancelJob', reason: 'enough', now: held.now }));
      // A delayed job cannot be claimed.
      last = (await (dice > 0.97 ? cancel : next)?.().catch(() => undefined)) || last;
    }
    replicas.push(await start());
    const counts = {
      queued: 0,
      delayed: 0,
      running: 0,
      completed: 0,
      failed: 0,
      dead_lettered: 0,
      cancelled: 0,
    };
    let finished = 0;
    for (const id of ids) {
      const { status, available_at } = (await things.load(id, org)).state;
      counts[COUNTED[status!]]++;
      if (status === 'QUEUED' && available_at! > now()) counts.delayed++;
      if (status === 'COMPLETED' || status === 'DEAD_LETTERED') finished++;
    }
    for (const figures of replicas) {
      const stats = await figures.stats({ window: '5m' }, user(org, { atLeast: last }));
      expect(stats).toMatchObject(counts);
      expect(sum(stats.pools)).toEqual(counts);
      expect(sum(stats.priorities)).toEqual(counts);
      // Those that were followed by another attempt, the seed does not know.
      expect(stats.ended).toBeGreaterThanOrEqual(finished);
      expect(stats.ended).toBeLessThanOrEqual(ended);
    }
    expect((await first.stats({}, user(org))).ended).toBe(ended);
    expect(finished).toBeGreaterThan(10);
  });

  it('tell waits, executions and failures of one who saw them as of one who was started later', async () => {
    const org = 'times';
    const first = await start();
    for (let job = 0; job < 10; job++) {
      const id = await enqueue(org, { max_attempts: 1, on_exhausted: 'fail' });
      await claim(id, org);
      await begin(id, org);
      await complete(id, org, job < 3 ? 1 : 0);
    }
    // Ended without ever being started: it has a wait and no execution.
    const skipped = await enqueue(org);
    await claim(skipped, org);
    const last = await complete(skipped, org, 0);
    const fresh = user(org, { atLeast: last });
    const seen = await first.stats({ window: '1h' }, fresh);
    expect(seen).toMatchObject({ ended: 11, completed: 8, failed: 3 });
    expect(seen.failure_rate).toBeCloseTo(3 / 11);
    expect(seen.avg_execution_seconds).toBeGreaterThan(0);
    await eventually(() => allEnded(org, 11));
    // Times in the read model are those of the events, the same to the millisecond.
    expect(await (await start()).stats({ window: '1h' }, fresh)).toEqual(seen);
  });

  /** The read model knows that so many jobs ended. */
  const allEnded = async (org: string, count: number) => {
    const { rows } = await platform.connections.pool.query(
      'select id from queue.jobs where org = $1 and completed_at is not null',
      [org],
    );
    expect(rows).toHaveLength(count);
  };

  it('are as new as the call asks for, also of what the queue does not follow', async () => {
    const figures = await start();
    for (let job = 1; job <= 20; job++) {
      const atLeast = await claim(await enqueue('fresh'), 'fresh');
      expect(await figures.stats({}, user('fresh', { atLeast }))).toMatchObject({
        queued: 0,
        running: job,
      });
    }
    const foreign = await platform.connections.eventStore.appendToStream(
      `thing-${randomUUID()}`,
      jsonEvent({ type: 'ThingHappened', data: {}, metadata: { org: 'fresh' } }),
    );
    const took = await awakeMs(() => figures.stats({}, user('fresh', { atLeast: foreign.position!.commit })));
    // To wait in vain would take five seconds.
    expect(took).toBeLessThan(4_500);
  });

  it('refuse, rather than answer what is too old', async () => {
    const figures = await start();
    const cut = open.at(-1)!;
    await figures.stats({}, user('late'));
    // It follows nothing any more.
    cut.beginStop();
    const id = await enqueue('late');
    const atLeast = await claim(id, 'late');
    await expect(figures.stats({}, user('late', { atLeast }))).rejects.toMatchObject({
      problem: { kind: 'unavailable', code: 'read_model_behind' },
    });
  });

  it('are measured by priority, without a name of an organisation or a pool', async () => {
    const stopMetrics = await startTelemetry('queue', { metrics: true });
    const figures = await start();
    const wants = { priority: 'CRITICAL', pool: 'hidden' };
    const ids = [
      await enqueue('hidden', wants),
      await enqueue('hidden', wants),
      await enqueue('hidden', wants),
    ];
    const atLeast = await claim(ids[0]!, 'hidden');
    await figures.reach(user('hidden', { atLeast }));
    const text = (await metricsText())!;
    expect(text).toMatch(/^hybrid_queue_waiting_jobs\{[^}]*priority="CRITICAL"[^}]*\} 2/m);
    expect(text).toMatch(/^hybrid_queue_running_jobs\{[^}]*priority="CRITICAL"[^}]*\} 1/m);
    expect(text).not.toContain('hidden');
    figures.onApplicationShutdown();
    await stopMetrics();
  });

  it('show pools over NATS: what waits in them, for how long, and who paused them and why', async () => {
    const done = await platform.serve(FiguresModule);
    const { requests } = platform.connections;
    const call = user('pools');
    await enqueue('pools', { pool: 'linux', priority: 'HIGH' });
    await enqueue('pools', { pool: 'linux', delay_seconds: 3600 });
    const linux = await eventually(async () => {
      const pool = await requests.send(queueRequests.pool, { pool: 'linux' }, call);
      expect(pool.queued).toBe(2);
      return pool;
    });
    expect(linux).toMatchObject({ pool: 'linux', delayed: 1, running: 0, paused: null });
    expect(linux.oldest_wait_seconds).toBeLessThan(60);
    const paused = await requests.send(queueRequests.pausePool, { pool: 'mac', reason: 'moving' }, call);
    expect(paused).toMatchObject({
      pool: 'mac',
      queued: 0,
      oldest_wait_seconds: null,
      paused: { reason: 'moving', by: 'user someone' },
    });
    expect(await requests.send(queueRequests.pool, { pool: 'mac' }, call)).toEqual(paused);
    await eventually(async () => {
      const { pools } = await requests.send(queueRequests.pools, {}, call);
      expect(pools.map(({ pool, paused }) => [pool, paused?.reason])).toEqual([
        ['linux', undefined],
        ['mac', 'moving'],
      ]);
    });
    expect((await requests.send(queueRequests.resumePool, { pool: 'mac' }, call)).paused).toBeNull();
    await eventually(async () =>
      expect((await requests.send(queueRequests.pools, {}, call)).pools).toHaveLength(1),
    );
    const stranger = user('others');
    expect(await requests.send(queueRequests.pools, {}, stranger)).toEqual({ pools: [] });
    expect(await requests.send(queueRequests.pool, { pool: 'linux' }, stranger)).toMatchObject({ queued: 0 });
    expect(await requests.send(queueRequests.stats, { window: '1h' }, stranger)).toMatchObject({
      queued: 0,
      window: '1h',
      pools: {},
      priorities: { HIGH: { queued: 0 } },
    });
    await done();
  });
});

function sum(parts: QueueStats['pools']): QueueCounts {
  const total = {
    queued: 0,
    delayed: 0,
    running: 0,
    completed: 0,
    failed: 0,
    dead_lettered: 0,
    cancelled: 0,
  };
  for (const part of Object.values(parts))
    for (const name of Object.keys(total) as (keyof QueueCounts)[]) total[name] += part[name];
  return total;
}
