import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ProblemError, queueRequests, type ClaimedJob, type Request } from '@hybrid/contracts';
import { Things } from '@hybrid/event-store';
import { startProcess, type RunningProcess } from '@hybrid/servers';
import { callBy, startPlatform, type Platform } from '@hybrid/test-platform';
import { bundleProgram, eventually, seededRandom, type BundledProgram } from '@hybrid/testing';
import { Connections } from '@hybrid/service';
import { randomUUID } from 'node:crypto';
import { QueueSettings } from '../queue.settings.js';
import { startReplica, type Replica } from '../replicas/replica.fixtures.js';
import { JobIndex } from './job-index.js';
import { jobDecider, type JobCommand } from './job.decider.js';
import type { JobEvent } from './job.events.js';
import type { JobState } from './job.state.js';

const JOBS = 120;
const AGENTS = 8;
const spec = { step: { id: 'test', name: 'test', type: 'step.shell_exec', config: {} } };

describe('beside a replica of a later version, whose events end jobs, make them wait again and delay them', () => {
  let platform: Platform;
  let program: BundledProgram;
  let newer: RunningProcess;
  let older: Replica | undefined;
  let things: Things<JobState, JobCommand, JobEvent>;
  const user = callBy('user', 'someone');

  beforeAll(async () => {
    [platform, program] = await Promise.all([
      startPlatform(),
      bundleProgram('apps/queue/test/newer-version.ts'),
    ]);
    things = new Things(platform.connections.eventStore, 'job', jobDecider);
    newer = await startProcess({
      name: 'queue',
      command: process.execPath,
      args: [program.path],
      env: { PATH: process.env['PATH'], ...platform.settings },
    });
    await newer.ready;
  });
  afterAll(async () => {
    await older?.stop();
    await newer?.stop();
    await platform?.stop();
    await program?.remove();
  });

  const send = <I, O>(request: Request<I, O>, input: I, call = user) =>
    platform.connections.requests.send(request, input, call);
  const enqueue = (pool: string, more: object = {}) =>
    send(queueRequests.enqueue, { job_id: randomUUID(), pool, backoff_seconds: 0, spec, ...more });
  const claim = (pool: string, agent_id: string, wait_seconds = 5) =>
    send(queueRequests.claim, { agent_id, pool, wait_seconds }, callBy('agent', agent_id));
  const leaseOf = ({ id: job_id, attempt, lease_token }: ClaimedJob, agent_id: string) => ({
    job_id,
    attempt,
    lease_token,
    agent_id,
  });
  /** What stands in the log, whoever knows it. */
  const typesIn = async (jobs: { id: string }[]) => {
    const types: string[] = [];
    for (const { id } of jobs)
      for await (const { event } of platform.connections.eventStore.readStream(`job-${id}`))
        types.push(event!.type);
    return types;
  };

  it('the waiting list is right, and commands are decided by what the events say of themselves', async () => {
    const pool = 'told';
    const connections = await Connections.open(platform.settings, 'queue');
    const index = new JobIndex(connections, new QueueSettings());
    await index.onModuleInit();

    const [cancelled, failed, plain] = [await enqueue(pool), await enqueue(pool), await enqueue(pool)];
    const postponed = await enqueue(pool, { name: 'postponed' });
    await send(queueRequests.cancel, { job_id: cancelled.id, reason: 'enough' });
    const [job] = await claim(pool, 'a');
    expect(job?.id).toBe(failed.id);
    await send(queueRequests.start, leaseOf(job!, 'a'));
    await send(queueRequests.release, { ...leaseOf(job!, 'a'), reason: 'enough' });
    const all = [cancelled, failed, plain, postponed];
    expect(await typesIn(all)).toEqual(
      expect.arrayContaining(['JobArchived', 'JobReturned', 'JobPostponed']),
    );

    const newest = (await things.load(failed.id, 'default')).revision;
    await eventually(() => expect(index.get(failed.id)?.thing.revision).toBe(newest));
    // One that began before, one that starts now.
    const late = new JobIndex(connections, new QueueSettings());
    await late.onModuleInit();
    for (const { schedule } of [index, late]) {
      const claimant = { org: 'default', pool, labels: {}, capabilities: [] };
      const at = index.now();
      expect(schedule.standing(cancelled.id, at)).toBeNull();
      const notBefore = Date.parse(postponed.available_at!);
      expect(schedule.standing(postponed.id, at)?.availableAt).toBe(notBefore);
      const next = (at: number) => schedule.take(claimant, at)?.jobId;
      expect([next(notBefore - 1), next(notBefore - 1), next(notBefore - 1), next(notBefore)]).toEqual([
        failed.id,
        plain.id,
        undefined,
        postponed.id,
      ]);
    }
    const command = (id: string, command: JobCommand) => things.handle(id, command, user);
    const now = new Date(index.now()).toISOString();
    await expect(command(cancelled.id, { type: 'RequeueJob', now })).rejects.toMatchObject({
      problem: { code: 'job_not_requeueable' },
    });
    expect((await command(failed.id, { type: 'CancelJob', reason: 'enough', now })).state).toMatchObject({
      status: 'CANCELLED',
      attempt: 1,
    });
    connections.beginStop();
    await connections.close();
  });

  it('no job is given out twice, and none is lost', async () => {
    const random = seededRandom();
    const replica = (older = await startReplica(platform.settings));
    const pool = 'shared';
    const jobs: { id: string }[] = [];
    const cancelled = new Set<string>();
    let over = 0;
    /** Null: the platform refused it, as it may. */
    const unlessRefused = async <T>(asked: Promise<T>): Promise<T | null> => {
      try {
        return await asked;
      } catch (error) {
        if (error instanceof ProblemError && error.problem.kind === 'conflict') return null;
        throw error;
      }
    };
    const agent = async (agent_id: string) => {
      while (over < JOBS)
        for (const job of await claim(pool, agent_id, 0.5)) {
          const lease = leaseOf(job, agent_id);
          if (!(await unlessRefused(send(queueRequests.start, lease)))) continue;
          const fate = random();
          if (fate < 0.2) await unlessRefused(send(queueRequests.release, { ...lease, reason: 'enough' }));
          else {
            const exit_code = fate < 0.3 && job.attempt === 1 ? 1 : 0;
            const ended = await unlessRefused(send(queueRequests.complete, { ...lease, exit_code }));
            if (ended?.status === 'COMPLETED') over++;
          }
        }
    };
    const agents = Array.from({ length: AGENTS }, (_, index) => agent(`agent-${index}`));
    while (jobs.length < JOBS) {
      const postponed = random() < 0.3;
      const job = await enqueue(pool, postponed ? { name: 'postponed' } : {});
      jobs.push(job);
      // Of the others an agent is mostly faster.
      if (!postponed || random() < 0.4) continue;
      if (!(await unlessRefused(send(queueRequests.cancel, { job_id: job.id, reason: 'enough' })))) continue;
      cancelled.add(job.id);
      over++;
    }
    await Promise.all(agents);

    const types = await typesIn(jobs);
    const count = (type: string) => types.filter((one) => one === type).length;
    // Each of the two took its part: of the same command one writes what the other does not know.
    for (const type of ['JobArchived', 'JobReturned', 'JobPostponed', 'JobCancelled', 'JobRequeued'])
      expect({ type, count: count(type) }).not.toEqual({ type, count: 0 });
    expect(count('JobCompleted')).toBe(JOBS - cancelled.size);
    for (const { id } of jobs) {
      const history = await things.history(id);
      const { status } = (await things.load(id, 'default')).state;
      expect({ id, status }).toEqual({ id, status: cancelled.has(id) ? 'CANCELLED' : 'COMPLETED' });
      const attempts = history.flatMap(({ event }) =>
        event.type === 'JobClaimed' ? event.data.attempt : [],
      );
      expect(attempts).toEqual(attempts.map((_, index) => index + 1));
    }
    await eventually(() =>
      expect([...replica.index.all()].filter(({ id }) => jobs.some((job) => job.id === id))).toEqual([]),
    );
    // Whichever of the two is asked.
    for (let asked = 0; asked < 6; asked++) {
      const { divergences } = await send(queueRequests.verify, { id: randomUUID() });
      expect(divergences).toEqual([]);
    }
  });
});
