import { jsonEvent } from '@eventstore/db-client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Things } from '@hybrid/event-store';
import { Connections } from '@hybrid/service';
import { callBy, startPlatform, type Platform } from '@hybrid/test-platform';
import { eventually, seededRandom } from '@hybrid/testing';
import { randomUUID } from 'node:crypto';
import { jobPoolDecider } from '../pools/job-pool.decider.js';
import { QueueSettings } from '../queue.settings.js';
import { JobIndex, type JobIndexChange } from './job-index.js';
import { jobDecider, type JobCommand } from './job.decider.js';
import type { JobEvent } from './job.events.js';
import { decision } from './job.fixtures.js';
import { noJob, type JobState } from './job.state.js';

const LIVE = new Set<JobState['status']>(['QUEUED', 'CLAIMED', 'RUNNING']);
const NOW = '2026-01-01T00:00:00.000Z';

describe('the index of live jobs', () => {
  let platform: Platform;
  let things: Things<JobState, JobCommand, JobEvent>;
  /** Every job that was ever written. */
  const ids: string[] = [];
  const open: Connections[] = [];
  const user = callBy('user', 'someone');

  beforeAll(async () => {
    platform = await startPlatform();
    things = new Things(platform.connections.eventStore, 'job', jobDecider);
  });
  const stop = async (connections: Connections) => {
    open.splice(open.indexOf(connections), 1);
    connections.beginStop();
    await connections.close();
  };
  afterEach(async () => {
    for (const connections of [...open]) await stop(connections);
  });
  afterAll(() => platform.stop());

  /** A replica's index, which projects too while nobody else does. */
  const start = async () => {
    const connections = await Connections.open(platform.settings, 'queue');
    open.push(connections);
    const index = new JobIndex(connections, new QueueSettings());
    const changes: JobIndexChange[] = [];
    index.listen((change) => changes.push(change));
    await index.onModuleInit();
    return { index, changes, stop: () => stop(connections) };
  };
  /** The live jobs as the whole log has them. */
  const folded = async () => {
    const jobs = await Promise.all(ids.map(async (id) => [id, await things.load(id, 'default')] as const));
    return new Map(jobs.filter(([, { state }]) => LIVE.has(state.status)));
  };
  const sameAsLog = async (...indices: JobIndex[]) => {
    const expected = await folded();
    for (const index of indices)
      await eventually(() => {
        const seen = new Map([...index.all()].map(({ id, thing }) => [id, thing]));
        expect(seen).toEqual(expected);
        for (const [id, { state }] of expected) {
          expect(index.leases.renew(id, state.attempt, state.agent_id ?? '')).toBe(state.status !== 'QUEUED');
          expect(index.schedule.standing(id, Date.now()) !== null).toBe(state.status === 'QUEUED');
        }
      });
    const places = indices.map((index) => new Map([...index.all()].map(({ id, arrived }) => [id, arrived])));
    for (const other of places) expect(other).toEqual(places[0]);
  };
  /** One step of a job's life, by chance; refusals are as good as anything. */
  const live = async (id: string, chance: () => number) => {
    const { state } = await things.load(id, 'default');
    const { attempt, lease_token, agent_id } = state;
    const held = { attempt, lease_token: lease_token ?? '', agent_id: agent_id ?? '', now: NOW };
    const lease = { agent_id: 'a', lease_token: randomUUID(), lease_expires_at: NOW, now: NOW, slot: null };
    const commands: JobCommand[] = [
      { type: 'ClaimJob', ...lease, decision },
      { type: 'ClaimJob', ...lease, decision },
      { type: 'StartJob', ...held },
      { type: 'CompleteJob', exit_code: 0, chance: 0, ...held },
      { type: 'CompleteJob', exit_code: 1, chance: 0, ...held },
      { type: 'ExpireLease', attempt, now: NOW },
      { type: 'RequeueJob', now: NOW },
    ];
    if (chance() < 0.05) commands.splice(0, 7, { type: 'CancelJob', reason: 'enough', now: NOW });
    const command = commands[Math.floor(chance() * commands.length)]!;
    await things.handle(id, command, user).catch((error: { problem?: object }) => {
      if (!error.problem) throw error;
    });
  };
  const enqueue = async (text = 'plain') => {
    const id = randomUUID();
    const spec = { step: { id: 'test', name: 'test', type: 'step.shell_exec', config: { text } } };
    const request = { job_id: id, backoff_seconds: 0, max_attempts: 1 + (ids.length % 2), spec };
    await things.handle(id, { type: 'EnqueueJob', request, digest: 'd', now: NOW }, user);
    ids.push(id);
    return id;
  };
  /** What a newer version of the queue writes. */
  const writeUnknown = async (id: string) => {
    const metadata = { org: 'default', actor: user.actor, $correlationId: 'c', version: 1 };
    const event = jsonEvent({ type: 'JobPolished', data: { shine: 3 }, metadata } as never);
    await platform.connections.eventStore.appendToStream(`job-${id}`, event);
  };

  it('is what the whole log says, whenever it was started and whatever was written', async () => {
    const chance = seededRandom();
    const first = await start();
    const replicas = [await start()];
    for (let step = 0; step < 700; step++) {
      const id = ids[Math.floor(chance() * ids.length)];
      const dice = chance();
      if (!id || dice < 0.15) await enqueue(dice < 0.03 ? 'a\u0000b' : 'plain');
      else if (dice < 0.2) await writeUnknown(id);
      else if (dice < 0.22) {
        await replicas.shift()?.stop();
        replicas.push(await start());
      } else await live(id, chance);
    }
    const visited = new Set<JobState['status']>();
    for (const id of ids) {
      let state = noJob;
      for (const { event } of await things.history(id)) {
        state = jobDecider.evolve(state, event);
        visited.add(state.status);
      }
    }
    expect([...visited].sort()).toEqual(
      expect.arrayContaining(['CANCELLED', 'CLAIMED', 'COMPLETED', 'DEAD_LETTERED', 'QUEUED', 'RUNNING']),
    );
    await sameAsLog(first.index, ...replicas.map(({ index }) => index), (await start()).index);
  });

  it('tells of every event behind its seed, once and in order, with the job before and after it', async () => {
    const { index, changes } = await start();
    const from = index.startedFrom;
    const id = await enqueue();
    const claim = { agent_id: 'a', lease_token: 't', lease_expires_at: NOW, decision, slot: null, now: NOW };
    const commands: JobCommand[] = [
      { type: 'ClaimJob', ...claim },
      { type: 'CancelJob', reason: 'enough', now: NOW },
    ];
    for (const command of commands) await things.handle(id, command, user);
    // Forgotten by now: told of as it was, all the same.
    const dead = await enqueue();
    await things.handle(dead, { type: 'CloseJob', exit_code: 1, now: NOW }, user);
    await things.handle(dead, { type: 'RequeueJob', now: NOW }, user);
    await eventually(() => expect(changes.filter(({ jobId }) => jobId === dead)).toHaveLength(3));
    for (const job of [id, dead]) {
      const told = changes.filter(({ jobId }) => jobId === job);
      const history = await things.history(job);
      expect(told.map(({ stored }) => stored.id)).toEqual(history.map((stored) => stored.id));
      let state: JobState | null = null;
      for (const { before, after, stored } of told) {
        expect(before).toEqual(state);
        state = jobDecider.evolve(state ?? noJob, stored.event);
        expect(after).toEqual(state);
        expect(stored.position!.commit).toBeGreaterThan(from ?? -1n);
      }
    }
    expect(index.seen).toBeGreaterThanOrEqual(changes.at(-1)!.stored.position!.commit);
  });

  it('knows pauses and turns, from the log and from its seed', async () => {
    const pools = new Things(platform.connections.eventStore, 'jobPool', jobPoolDecider);
    const first = await start();
    const [paused, open] = [randomUUID(), randomUUID()];
    const pause = (pool: string) =>
      pools.handle(pool, { type: 'PausePool', pool, reason: 'moving', by: 'user a', now: NOW }, user);
    await pause(paused);
    await pause(open);
    await pools.handle(open, { type: 'ResumePool', pool: open, now: NOW }, user);
    const id = await enqueue();
    const claim = { agent_id: 'a', lease_token: 't', lease_expires_at: NOW, slot: null, now: NOW };
    const served = { ...decision, pool: 'turns', pipeline_id: 'p' };
    await things.handle(id, { type: 'ClaimJob', ...claim, decision: served }, user);
    await eventually(async () =>
      expect(
        (await platform.connections.pool.query(`select pipeline_id from queue.turns where pool = 'turns'`))
          .rows,
      ).toEqual([{ pipeline_id: 'p' }]),
    );
    for (const index of [first.index, (await start()).index])
      expect([...index.pausesOf('default')]).toEqual([[paused, { reason: 'moving', by: 'user a', at: NOW }]]);
  });

  it('holds no job that a newer version enqueued in its own way', async () => {
    const id = randomUUID();
    await writeUnknown(id);
    const metadata = { org: 'default', actor: user.actor, $correlationId: 'c', version: 1 };
    const data = { reason: 'requested', available_at: NOW, at: NOW, run_id: null };
    const requeued = jsonEvent({ type: 'JobRequeued', data, metadata } as never);
    const { index } = await start();
    await platform.connections.eventStore.appendToStream(`job-${id}`, requeued);
    await enqueue();
    await sameAsLog(index);
  });

  it('does not start from a read model of another version, nor needs one', async () => {
    const { pool } = platform.connections;
    // It keeps the lock, so that nobody makes the read model anew.
    const projecting = await start();
    await enqueue();
    await sameAsLog(projecting.index);
    await pool.query(`update queue.projections set version = 1 where name = 'jobs'`);
    await pool.query(`update queue.jobs set state = state || '{"attempt": 77}'`);
    await sameAsLog((await start()).index);
    for (const connections of [...open]) await stop(connections);
    await pool.query('drop table queue.jobs');
    await sameAsLog((await start()).index);
  });
});
