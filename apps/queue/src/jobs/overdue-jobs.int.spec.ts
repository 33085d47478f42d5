import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Things } from '@hybrid/event-store';
import { Connections } from '@hybrid/service';
import { callBy, startPlatform, type Platform } from '@hybrid/test-platform';
import { awakeMs, eventually } from '@hybrid/testing';
import { randomUUID } from 'node:crypto';
import { QueueSettings } from '../queue.settings.js';
import type { JobCommand } from './job.commands.js';
import { jobDecider } from './job.decider.js';
import type { JobEvent } from './job.events.js';
import { decision } from './job.fixtures.js';
import { JobIndex } from './job-index.js';
import type { JobState } from './job.state.js';
import { OverdueJobs } from './overdue-jobs.process.js';

const user = callBy('user', 'someone');
/** More than the time that the agent is given to be first, in milliseconds. */
const GRACE_MS = 31_000;
/** Nobody waits for it: the sweeps are told the time. */
const TIMEOUT_MS = 600_000;
/** More than a busy machine takes from the start of an attempt to the sweep. */
const EARLY_MS = 120_000;

describe('overdue jobs', () => {
  let platform: Platform;
  let things: Things<JobState, JobCommand, JobEvent>;
  const stops: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    platform = await startPlatform();
    things = new Things(platform.connections.eventStore, 'job', jobDecider);
  });
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop();
  });
  afterAll(() => platform.stop());

  /** A replica that knows the jobs; ticks once a second. */
  const start = async () => {
    const connections = await Connections.open(platform.settings, 'queue');
    const index = new JobIndex(connections, new QueueSettings());
    const overdue = new OverdueJobs(connections, index);
    await index.onModuleInit();
    overdue.onApplicationBootstrap();
    stops.push(async () => {
      overdue.onApplicationShutdown();
      connections.beginStop();
      await connections.close();
    });
    const knows = (id: string, status: JobState['status']) =>
      eventually(() => expect(index.get(id)?.thing.state.status).toBe(status));
    return { overdue, knows };
  };
  const now = () => new Date().toISOString();
  const enqueue = async (wants: object) => {
    const job_id = randomUUID();
    const spec = { step: { id: 'test', name: 'test', type: 'step.shell_exec', config: {} } };
    const request = { job_id, spec, ...wants };
    await things.handle(job_id, { type: 'EnqueueJob', request, digest: 'd', now: now() }, user);
    return job_id;
  };
  /** Claimed and started by an agent. */
  const run = async (id: string) => {
    const attempt = (await things.load(id, 'default')).state.attempt + 1;
    const held = { agent_id: 'a', lease_token: randomUUID(), now: now() };
    const lease = { ...held, lease_expires_at: now(), decision, slot: null };
    await things.handle(id, { type: 'ClaimJob', ...lease }, user);
    await things.handle(id, { type: 'StartJob', attempt, ...held }, user);
    return { attempt, ...held };
  };
  const typesOf = async (id: string) => (await things.history(id)).map(({ event }) => event.type);

  it('end an attempt that its agent did not stop, once, though every replica sees it', async () => {
    const replicas = [await start(), await start()];
    const id = await enqueue({ timeout_seconds: TIMEOUT_MS / 1000, backoff_seconds: 0 });
    await run(id);
    for (const { knows } of replicas) await knows(id, 'RUNNING');
    const early = performance.now() + TIMEOUT_MS + GRACE_MS - EARLY_MS;
    expect(await Promise.all(replicas.map(({ overdue }) => overdue.sweep(early)))).toEqual([0, 0]);
    const due = performance.now() + TIMEOUT_MS + GRACE_MS;
    const ended = await Promise.all(replicas.map(({ overdue }) => overdue.sweep(due)));
    expect(ended.sort()).toEqual([0, 1]);
    expect(await typesOf(id)).toEqual([
      'JobEnqueued',
      'JobClaimed',
      'JobStarted',
      'JobTimedOut',
      'JobRequeued',
    ]);
  });

  it('leave an attempt alone whose agent was first, and end one that only tells of its progress', async () => {
    const { overdue, knows } = await start();
    const [done, busy] = [
      await enqueue({ timeout_seconds: TIMEOUT_MS / 1000 }),
      await enqueue({ timeout_seconds: TIMEOUT_MS / 1000 }),
    ];
    const held = await run(done);
    await things.handle(done, { type: 'CompleteJob', exit_code: 0, chance: 0, ...held }, user);
    await things.handle(busy, { type: 'ReportProgress', percent: 1, ...(await run(busy)) }, user);
    await knows(busy, 'RUNNING');
    expect(await overdue.sweep(performance.now() + TIMEOUT_MS + GRACE_MS)).toBe(1);
    expect((await typesOf(done)).at(-1)).toBe('JobCompleted');
    expect(await typesOf(busy)).toContain('JobTimedOut');
  });

  it('give an attempt its full time again after a restart', async () => {
    const id = await enqueue({ timeout_seconds: TIMEOUT_MS / 1000 });
    await run(id);
    const { overdue, knows } = await start();
    await knows(id, 'RUNNING');
    expect(await overdue.sweep(performance.now() + TIMEOUT_MS + GRACE_MS - EARLY_MS)).toBe(0);
    expect(await overdue.sweep(performance.now() + TIMEOUT_MS + GRACE_MS)).toBe(1);
  });

  it('fail a job that no agent took, by themselves, in time, and no other', async () => {
    const before = await enqueue({ queue_timeout_seconds: 2 });
    await start();
    const [short, long, delayed] = [
      await enqueue({ queue_timeout_seconds: 2 }),
      await enqueue({ queue_timeout_seconds: 3_600 }),
      await enqueue({ queue_timeout_seconds: 1, delay_seconds: 3_600 }),
    ];
    // A machine that stands still may take one too late.
    const taken = await eventually(async () => {
      const id = await enqueue({ queue_timeout_seconds: 2 });
      await run(id);
      return id;
    });
    const took = await awakeMs(async () => {
      for (const id of [before, short])
        await eventually(async () => expect((await typesOf(id)).at(-1)).toBe('JobQueueTimedOut'));
    });
    expect(took).toBeLessThan(20_000);
    const { created, event } = (await things.history(short))[1]!;
    expect(created.getTime() - Date.parse(event.data.at)).toBeLessThan(30_000);
    expect(await typesOf(long)).toEqual(['JobEnqueued']);
    expect(await typesOf(delayed)).toEqual(['JobEnqueued']);
    expect(await typesOf(taken)).toEqual(['JobEnqueued', 'JobClaimed', 'JobStarted']);
    expect((await things.load(short, 'default')).state).toMatchObject({ status: 'FAILED', final: true });
  });
});
