import { LEASE_SECONDS, type ClaimedJob, type JobView } from '@hybrid/contracts';
import {
  breakableLine,
  bundleProgram,
  eventually,
  seededRandom,
  stalledMs,
  type BrokenLine,
  type BundledProgram,
} from '@hybrid/testing';
import { bundleOf } from '@hybrid/servers';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { expectWithin } from './expect-within.js';
import { ask, HandAgent, jobOf, type Answer, type Ask } from './http/client.js';
import { checkJobLog, readJobLog } from './job-log.js';
import { heartbeat, insist, startLoad, type Acknowledgements } from './queue-load.js';
import { expectSoundLog } from './sound-log.js';
import { startSystem, type System } from './system.js';

const HOUR_MS = 3_600_000;
const JOBS_OF_A_POOL = 5;
const DELAY_SECONDS = 3;
/** A waiting agent has a new job in milliseconds; the machine may be busy. */
const AT_ONCE_MS = 2_000;
/** Two looks of a second and the pauses between them, and what was under way. */
const NOTICING_MS = 8_000;
/** One lease and one sweep are 31 s. */
const CLAIMED_AGAIN_MS = 35_000;
/** Longer than a lease and a sweep. */
const KEPT_MS = 35_000;
/** What only the later version writes, and what the earlier one reads in its place. */
const DOWNCASTS = [
  ['JobArchived', 'JobCancelled'],
  ['JobReturned', 'JobRequeued'],
];
/** Pools are shared out among the replicas: of so many each replica has some. */
const POOLS = Array.from({ length: 12 }, (_, index) => `pool-${index}`);

/** A process whose wall clock is wrong; its monotonic clock is not. */
function clockOffBy(ms: number): NodeJS.ProcessEnv {
  const shift = `
    const Real = Date;
    globalThis.Date = class Date extends Real {
      constructor(...given) { if (given.length) super(...given); else super(Real.now() + ${ms}); }
      static now() { return Real.now() + ${ms}; }
    };`;
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(shift)}` };
}

describe('replicas of the queue, one with a clock an hour ahead, one an hour behind', () => {
  let system: System;
  const acknowledged: Acknowledgements = { enqueued: [], completed: [], cancelled: [] };

  beforeAll(async () => {
    system = await startSystem({
      separate: true,
      replicas: { queue: 3 },
      partEnv: { 'queue-1': clockOffBy(HOUR_MS), 'queue-2': clockOffBy(-HOUR_MS) },
    });
  });
  afterAll(() => system?.stop());

  const agentOf = (pool: string) => HandAgent.register(system.url, system.joinToken, pool);
  /** The next job of the pool, however long it takes. */
  const claimOne = async (agent: HandAgent): Promise<ClaimedJob> => {
    for (;;) {
      const { status, body } = await agent.claim(20);
      if (status === 200) return body.job;
      expect(status).toBe(404);
    }
  };

  it('a job can be had at once, whichever replica took it in and whichever gives it out', () =>
    expectWithin(AT_ONCE_MS, async () => {
      const waits = await Promise.all(
        POOLS.map(async (pool) => {
          const agent = await agentOf(pool);
          const waits: number[] = [];
          for (let n = 0; n < JOBS_OF_A_POOL; n++) {
            acknowledged.enqueued.push(await enqueue(system, pool));
            const since = performance.now();
            const { status, body } = await agent.claim(20);
            expect({ pool, n, status }).toEqual({ pool, n, status: 200 });
            waits.push(performance.now() - since);
            expect((await agent.finish(body.job)).status).toBe(200);
            acknowledged.completed.push({ id: body.job.id, attempt: 1 });
          }
          return Math.max(...waits);
        }),
      );
      return Math.max(...waits);
    }));

  it('a job that is to wait waits so long and no longer, though nothing else happens', () =>
    expectWithin(DELAY_SECONDS * 1000 + AT_ONCE_MS, async () => {
      const waits = await Promise.all(
        POOLS.map(async (pool) => {
          const agent = await agentOf(pool);
          const before = performance.now();
          acknowledged.enqueued.push(await enqueue(system, pool, { delay_seconds: DELAY_SECONDS }));
          const job = await claimOne(agent);
          const wait = performance.now() - before;
          expect((await agent.finish(job)).status).toBe(200);
          acknowledged.completed.push({ id: job.id, attempt: 1 });
          return wait;
        }),
      );
      // What is left of the second is for the way of an event to a replica, by which its clock is late at most.
      expect(Math.min(...waits)).toBeGreaterThan(DELAY_SECONDS * 1000 - 1_000);
      return Math.max(...waits);
    }));

  it('a silent agent keeps its job for the lease and no longer; one that is heard of keeps it', async () => {
    let took: number[] = [];
    const stalled = await stalledMs(async () => {
      took = await Promise.all(
        POOLS.map(async (pool, index) => {
          const [holder, next] = await Promise.all([agentOf(pool), agentOf(pool)]);
          acknowledged.enqueued.push(await enqueue(system, pool));
          const before = performance.now();
          const first = await claimOne(holder);
          const after = performance.now();
          if (index % 2 === 0) {
            const second = await claimOne(next);
            const now = performance.now();
            expect([second.id, second.attempt]).toEqual([first.id, 2]);
            expect(now - before).toBeGreaterThan(LEASE_SECONDS * 1000);
            expect((await holder.finish(first)).status).toBe(409);
            expect((await next.finish(second)).status).toBe(200);
            acknowledged.completed.push({ id: first.id, attempt: 2 });
            return now - after;
          }
          await eventually(async () => {
            expect(await heartbeat(holder, [first])).toEqual([]);
            expect(performance.now() - after).toBeGreaterThan(KEPT_MS);
          }, 2 * KEPT_MS);
          expect((await holder.finish(first)).status).toBe(200);
          acknowledged.completed.push({ id: first.id, attempt: 1 });
          return 0;
        }),
      );
    });
    const longest = Math.max(...took);
    process.stderr.write(`with wrong clocks, claimed again after ${Math.round(longest)} ms at most\n`);
    expect(longest).toBeLessThan(CLAIMED_AGAIN_MS + stalled);
  });

  it('the log agrees', async () => {
    expect((await expectSoundLog(system, acknowledged)).live).toEqual([]);
  });
});

describe('a replica of the queue that is cut off from the event store', () => {
  let system: System;
  let line: BrokenLine;
  const agents = new Map<string, HandAgent>();
  const taken: ClaimedJob[] = [];

  beforeAll(async () => {
    system = await startSystem({
      separate: true,
      replicas: { queue: 3 },
      partEnv: async (platform) => {
        line = await breakableLine(platform.eventStore.port);
        const url = platform.settings.EVENTSTORE_URL.replace(/:\d+\?/, `:${line.port}?`);
        return { 'queue-1': { EVENTSTORE_URL: url } };
      },
    });
    for (const pool of POOLS) agents.set(pool, await HandAgent.register(system.url, system.joinToken, pool));
  });
  afterAll(async () => {
    await system?.stop();
    await line?.close();
  });

  /** A job for every pool, each with its agent waiting; answers how long after the enqueue the last one had its job. */
  async function giveEveryPoolAJob(): Promise<number> {
    const claiming = [...agents].map(async ([pool, agent]) => {
      const { status, body } = await agent.claim(50);
      const at = performance.now();
      expect({ pool, status }).toEqual({ pool, status: 200 });
      return { agent, job: body.job, at };
    });
    const headers = { 'idempotency-key': randomUUID() };
    const json = { jobs: POOLS.map((pool) => jobOf('job', pool)) };
    const admin = { token: system.adminToken, headers, json };
    // The replica that is cut off may be the one to be asked, and refuses all: then again.
    const since = await eventually(async () => {
      const before = performance.now();
      const batch = 'POST /api/queue/jobs/batch';
      const { body } = await insist<{ accepted: number }>(system.url, batch, admin, [200]);
      expect(body.accepted).toBe(POOLS.length);
      return before;
    });
    const claimed = await Promise.all(claiming);
    for (const { agent, job } of claimed) {
      taken.push(job);
      await eventually(async () => expect((await agent.finish(job)).status).toBe(200));
    }
    return Math.max(...claimed.map(({ at }) => at - since));
  }

  it('leaves commands, lists and the events for others to the other replicas, which have them done at once', async () => {
    // The one that is left takes the locks of the read models and the relay.
    await Promise.all(['queue-2', 'queue-3'].map((name) => system.part(name).killAndRestart()));
    const told = new Set<string>();
    system.platform.connections.nats.subscribe('evt.*.queue.job.cancelled.*', {
      callback: (_, { subject }) => void told.add(subject.split('.').at(-1)!),
    });
    line.freeze();
    await eventually(async () =>
      expect(await system.part('queue-1').said()).toMatch(/does not reach the event store/),
    );
    // It says so when it leaves; until NATS knows, one request in three still comes to it, and is refused.
    await eventually(async () => {
      for (let request = 0; request < 20; request++) await enqueue(system, 'unattended');
    });
    const agent = agents.get(POOLS[0]!)!;
    let slowest = 0;
    const timed = async <T>(status: number, asking: Promise<Answer<T>>): Promise<Answer<T>> => {
      const before = performance.now();
      const answer = await asking;
      slowest = Math.max(slowest, performance.now() - before);
      // With the body, which says why.
      expect({ status: answer.status, body: answer.body }).toEqual({ status, body: answer.body });
      return answer;
    };
    const admin = (request: string, more: Ask = {}) =>
      ask<JobView>(system.url, request, { token: system.adminToken, ...more });
    const enqueueOne = () => {
      const headers = { 'idempotency-key': randomUUID() };
      return timed(201, admin('POST /api/queue/jobs', { headers, json: jobOf('job', agent.pool) }));
    };
    const round = async () => {
      slowest = 0;
      await enqueueOne();
      const { job } = (await timed(200, agent.claim(10))).body;
      taken.push(job);
      await timed(200, agent.finish(job));
      const { id } = (await enqueueOne()).body;
      await timed(200, admin(`GET /api/queue/jobs/${id}`));
      const { headers } = await timed(200, admin(`DELETE /api/queue/jobs/${id}`));
      const asNew = { 'x-event-position': headers.get('x-event-position')! };
      await timed(200, admin('GET /api/queue/jobs', { headers: asNew }));
      await eventually(() => expect(told).toContain(id));
      return slowest;
    };
    for (let n = 0; n < 10; n++) await expectWithin(AT_ONCE_MS, round);
    line.cut();
  });

  it('serves no claims, so that agents have their jobs from the others; it heals by itself', async () => {
    await expectWithin(NOTICING_MS, async () => {
      line.cut();
      await giveEveryPoolAJob();
      line.freeze();
      const noticing = await giveEveryPoolAJob();
      process.stderr.write(`cut off: jobs had within ${Math.round(noticing)} ms\n`);
      return noticing;
    });
    await expectWithin(AT_ONCE_MS, giveEveryPoolAJob);
    // Where nobody else is there, it does not say that it gave what it cannot give.
    await Promise.all(['queue-2', 'queue-3'].map((name) => system.part(name).process.kill()));
    const refused = await Promise.all([...agents.values()].map((agent) => agent.claim()));
    expect(new Set(refused.map(({ status }) => status))).toEqual(new Set([503]));
    line.cut();
    await giveEveryPoolAJob();
    const acknowledged = {
      enqueued: taken.map(({ id }) => id),
      completed: taken.map(({ id, attempt }) => ({ id, attempt })),
    };
    expect((await expectSoundLog(system, acknowledged)).claims).toBe(taken.length);
  });
});

describe('a rolling restart of the queue, with an earlier and a later version among its replicas', () => {
  let system: System;
  let older: BundledProgram;
  let newer: BundledProgram;

  beforeAll(async () => {
    [older, newer] = await Promise.all([
      bundleProgram('apps/queue/test/older-version.ts'),
      bundleProgram('apps/queue/test/newer-version.ts'),
    ]);
    const programs = { 'queue-3': older.path };
    system = await startSystem({ separate: true, replicas: { queue: 3 }, programs });
  });
  afterAll(async () => {
    await system?.stop();
    await Promise.all([older?.remove(), newer?.remove()]);
  });

  it('reads old and new events alike, and no job is lost, stuck or run twice', async () => {
    const random = seededRandom();
    const load = await startLoad(system, { enqueuers: 3, agents: 6, pools: POOLS.slice(0, 6), random });
    const { acknowledged } = load;
    const goOn = async () => {
      const before = acknowledged.completed.length;
      await eventually(() => expect(acknowledged.completed.length).toBeGreaterThan(before + 40));
    };
    const said = (name: string) => system.part(name).said();
    await goOn();
    await system.part('queue-1').restart(newer.path);
    await goOn();
    await eventually(async () => {
      for (const type of ['JobAdmired', 'JobReleased'])
        expect(await said('queue-3')).toMatch(
          new RegExp(`${type}.* is of a type that this version does not know`),
        );
    });
    await system.part('queue-2').restart(newer.path);
    await goOn();
    await eventually(async () => {
      for (const [type, older] of DOWNCASTS)
        expect(await said('queue-3')).toMatch(new RegExp(`${type}.* read as ${older}, as the version`));
    });
    await system.part('queue-3').restart(bundleOf('queue'));
    await goOn();
    await system.part('queue-1').restart(bundleOf('queue'));
    await goOn();
    await load.stopEnqueuing();
    const { eventStore } = system.platform.connections;
    const log = await eventually(async () => {
      const log = await readJobLog(eventStore);
      expect(checkJobLog(log).live).toEqual([]);
      return log;
    }, 120_000);
    await load.stop();
    const count = (type: string) => log.filter((event) => event.type === type).length;
    process.stderr.write(
      `${acknowledged.enqueued.length} jobs, ${count('JobAdmired')} events of a later version, ${count('JobLeaseExpired')} leases expired\n`,
    );
    expect(count('JobAdmired')).toBeGreaterThan(0);
    // Each replica stopped in order: nobody was given a job that he was not told of.
    expect(count('JobLeaseExpired')).toBe(0);
    await expectSoundLog(system, acknowledged);
  });
});

async function enqueue(system: System, pool: string, more: object = {}): Promise<string> {
  const options = {
    token: system.adminToken,
    headers: { 'idempotency-key': randomUUID() },
    json: jobOf('job', pool, more),
  };
  return (await insist<JobView>(system.url, 'POST /api/queue/jobs', options, [201])).body.id;
}
