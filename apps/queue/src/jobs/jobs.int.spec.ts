/** Above 400 lines, as all of it shares one platform with two replicas. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  LOGS_STREAM,
  queueRequests,
  readJson,
  type ClaimedJob,
  type JobStatus,
  type ListJobs,
  type PublicEvent,
  type Request,
} from '@hybrid/contracts';
import { callBy, startPlatform, type Platform } from '@hybrid/test-platform';
import { eventually } from '@hybrid/testing';
import { DeliverPolicy, jetstream } from '@nats-io/jetstream';
import { randomUUID } from 'node:crypto';
import { QueueModule } from '../app.module.js';

const spec = { step: { id: 'test', name: 'test', type: 'step.shell_exec', config: { commands: ['true'] } } };

describe('the queue, over NATS', () => {
  let platform: Platform;
  let stopFirst: () => Promise<void>;
  const user = callBy('user', 'someone');

  beforeAll(async () => {
    platform = await startPlatform();
    stopFirst = await platform.serve(QueueModule);
    await platform.serve(QueueModule);
  });
  afterAll(() => platform.stop());

  const send = <I, O>(request: Request<I, O>, input: I, call = user) =>
    platform.connections.requests.send(request, input, call);
  const list = async (query: ListJobs, call = user) => readJson(await send(queueRequests.list, query, call));
  const enqueue = (pool: string, more = {}) =>
    send(queueRequests.enqueue, { job_id: randomUUID(), pool, backoff_seconds: 0, spec, ...more });
  /** One that must be there comes, however slow the machine is; what may not come is waited for as long as is told. */
  const claim = async (pool: string, agent_id: string, wait_seconds?: number) => {
    if (wait_seconds !== undefined) return (await claimSome(pool, agent_id, { wait_seconds }))[0] ?? null;
    return eventually(async () => {
      const [job] = await claimSome(pool, agent_id, { wait_seconds: 5 });
      expect(job).toBeDefined();
      return job!;
    });
  };
  /** What is queued meanwhile is known to any replica that knows that the pool goes on. */
  const whilePaused = async (pool: string, work: () => Promise<void>) => {
    await send(queueRequests.pausePool, { pool, reason: 'all at once' });
    await work();
    await send(queueRequests.resumePool, { pool });
  };
  const claimSome = (pool: string, agent_id: string, more: { wait_seconds?: number; count?: number }) =>
    send(queueRequests.claim, { agent_id, pool, ...more }, callBy('agent', agent_id));
  const attemptOf = (job: ClaimedJob, agent_id: string) => ({
    job_id: job.id,
    agent_id,
    attempt: job.attempt,
    lease_token: job.lease_token,
  });
  const streamOf = async (id: string) => {
    const types: string[] = [];
    for await (const { event } of platform.connections.eventStore.readStream(`job-${id}`))
      types.push(event!.type);
    return types;
  };

  it('takes a job from enqueue to its end, event by event', async () => {
    const { id, status } = await enqueue('life');
    expect(status).toBe('QUEUED');
    const job = (await claim('life', 'a'))!;
    expect(job).toMatchObject({ id, status: 'CLAIMED', attempt: 1, spec });
    await send(queueRequests.start, attemptOf(job, 'a'));
    const done = await send(queueRequests.complete, {
      ...attemptOf(job, 'a'),
      exit_code: 0,
      outputs: { v: '1' },
    });
    expect(done).toMatchObject({ status: 'COMPLETED', exit_code: 0, outputs: { v: '1' }, agent_id: 'a' });
    expect(await streamOf(id)).toEqual(['JobEnqueued', 'JobClaimed', 'JobStarted', 'JobCompleted']);
    await eventually(async () =>
      expect(await list({ pool: 'life' })).toMatchObject({
        total: 1,
        jobs: [{ id, status: 'COMPLETED' }],
      }),
    );
  });

  it('answers nothing when nothing comes within the wait', async () => {
    expect(await claim('empty', 'a', 0)).toBeNull();
    const begun = performance.now();
    expect(await claim('empty', 'a', 0.2)).toBeNull();
    expect(performance.now() - begun).toBeGreaterThanOrEqual(199);
  });

  it('gives as many jobs at once as were asked for and are there', async () => {
    const ids: string[] = [];
    await whilePaused('several', async () => {
      for (let job = 0; job < 3; job++) ids.push((await enqueue('several')).id);
    });
    const jobs = await eventually(async () => {
      const some = await claimSome('several', 'a', { count: 2 });
      expect(some).toHaveLength(2);
      return some;
    });
    const rest = await claim('several', 'a');
    expect([...jobs, rest!].map(({ id }) => id)).toEqual(ids);
  });

  it('puts no more into one reply than a message can hold', async () => {
    const big = { step: { ...spec.step, config: { commands: ['x'.repeat(300_000)] } } };
    for (let job = 0; job < 4; job++) await enqueue('big', { spec: big });
    const held = await claimSome('big', 'a', { count: 10, wait_seconds: 5 });
    expect(held.length).toBeGreaterThan(0);
    expect(held.length).toBeLessThan(3);
    const left = [];
    while (held.length + left.length < 4)
      left.push(...(await claimSome('big', 'a', { count: 10, wait_seconds: 5 })));
    expect(new Set([...held, ...left].map(({ id }) => id)).size).toBe(4);
  });

  it('gives each of 20 jobs to exactly one of 40 agents at two replicas', async () => {
    const jobs = await Promise.all(Array.from({ length: 20 }, () => enqueue('race')));
    const won: string[] = [];
    const agent = async (name: string) => {
      do won.push(...(await claimSome('race', name, { wait_seconds: 0.5 })).map(({ id }) => id));
      while (won.length < jobs.length);
    };
    await Promise.all(Array.from({ length: 40 }, (_, index) => agent(`agent-${index}`)));
    expect(won.sort()).toEqual(jobs.map(({ id }) => id).sort());
    for (const { id } of jobs) expect(await streamOf(id)).toEqual(['JobEnqueued', 'JobClaimed']);
  });

  it('refuses a result from an attempt that is not the current one', async () => {
    await enqueue('fence');
    const job = (await claim('fence', 'a'))!;
    const forged = { ...attemptOf(job, 'a'), lease_token: randomUUID(), exit_code: 0 };
    await expect(send(queueRequests.complete, forged)).rejects.toMatchObject({
      problem: { code: 'lease_lost' },
    });
  });

  it('tries again after a failure and gives up at last', async () => {
    const { id } = await enqueue('retry', { max_attempts: 2 });
    for (const attempt of [1, 2]) {
      const job = (await claim('retry', 'a'))!;
      expect(job.attempt).toBe(attempt);
      await send(queueRequests.complete, { ...attemptOf(job, 'a'), exit_code: 3 });
    }
    expect(await send(queueRequests.get, { job_id: id })).toMatchObject({
      status: 'DEAD_LETTERED',
      exit_code: 3,
    });
    expect(await send(queueRequests.requeue, { job_id: id })).toMatchObject({ status: 'QUEUED' });
  });

  it('takes a batch, and tells of each job what became of it', async () => {
    const reused = await enqueue('batch');
    const jobs = Array.from({ length: 50 }, () => ({ job_id: `${randomUUID()}`, pool: 'batch', spec }));
    jobs[7] = { ...jobs[7]!, job_id: reused.id };
    const { results } = await send(queueRequests.enqueueBatch, { jobs });
    expect(results.map(({ index }) => index)).toEqual(jobs.map((_, index) => index));
    for (const [index, result] of results.entries())
      if (index === 7) expect(result).toMatchObject({ error: { code: 'idempotency_key_reused' } });
      else expect(result).toMatchObject({ job: { id: jobs[index]!.job_id, status: 'QUEUED' } });
    // The same again is no other batch.
    expect(await send(queueRequests.enqueueBatch, { jobs })).toEqual({ results });
  });

  it('gives the more urgent job first, also when it became so while it waited', async () => {
    const ids: string[] = [];
    await whilePaused('urgent', async () => {
      ids.push((await enqueue('urgent', { priority: 'LOW' })).id, (await enqueue('urgent')).id);
      await send(queueRequests.setPriority, { job_id: ids[0]!, priority: 'CRITICAL' });
    });
    for (const id of ids) expect((await claim('urgent', 'a'))?.id).toBe(id);
  });

  it('keeps progress and takes back what an agent hands back, at no cost to the job', async () => {
    const { id } = await enqueue('hand-back', { max_attempts: 1 });
    const job = (await claim('hand-back', 'a'))!;
    await send(queueRequests.start, attemptOf(job, 'a'));
    const report = { ...attemptOf(job, 'a'), percent: 40, message: 'compiling' };
    expect(await send(queueRequests.progress, report)).toMatchObject({ progress: { percent: 40 } });
    const released = await send(queueRequests.release, { ...attemptOf(job, 'a'), reason: 'spot notice' });
    expect(released).toMatchObject({ status: 'QUEUED' });
    const again = (await claim('hand-back', 'b'))!;
    expect(again).toMatchObject({ id, attempt: 2 });
    const late = { ...attemptOf(job, 'a'), exit_code: 0 };
    await expect(send(queueRequests.complete, late)).rejects.toMatchObject({
      problem: { code: 'lease_lost' },
    });
  });

  it('closes by hand what no agent will say the end of', async () => {
    await enqueue('by-hand');
    const job = (await claim('by-hand', 'a'))!;
    const closed = await send(queueRequests.close, { job_id: job.id, exit_code: 0 });
    expect(closed).toMatchObject({ status: 'COMPLETED' });
    await expect(send(queueRequests.start, attemptOf(job, 'a'))).rejects.toMatchObject({
      problem: { code: 'lease_lost' },
    });
  });

  it('queues dead letters again by filter, oldest first, and says how many are left', async () => {
    const ids: string[] = [];
    for (let index = 0; index < 3; index++) {
      ids.push((await enqueue('dead', { max_attempts: 1, pipeline_id: index < 2 ? 'p' : 'q' })).id);
      const job = (await claim('dead', 'a'))!;
      await send(queueRequests.complete, { ...attemptOf(job, 'a'), exit_code: 1 });
    }
    await eventually(async () =>
      expect((await list({ pool: 'dead', status: 'DEAD_LETTERED' })).total).toBe(3),
    );
    expect(await send(queueRequests.requeueMany, { pool: 'dead', pipeline_id: 'p', limit: 1 })).toEqual({
      requeued: 1,
      job_ids: [ids[0]],
      remaining: 1,
    });
    // Its place in the line is that of its first day, though the replicas had forgotten it.
    const { id: newer } = await enqueue('dead', { pipeline_id: 'p' });
    expect((await claim('dead', 'a'))?.id).toBe(ids[0]);
    expect((await claim('dead', 'a'))?.id).toBe(newer);
    const rest = await send(queueRequests.requeueMany, { pool: 'dead' });
    expect(rest).toEqual({ requeued: 2, job_ids: ids.slice(1), remaining: 0 });
  });

  it('gives the jobs of an agent that is lost for good to others at once', async () => {
    const ids = [(await enqueue('lost')).id, (await enqueue('lost')).id];
    for (const id of ids) expect((await claim('lost', 'gone'))?.id).toBe(id);
    const lose = (call = user) =>
      send(queueRequests.loseAgent, { agent_id: 'gone', reason: 'deregistered' }, call);
    expect(await lose(callBy('user', 'stranger', 'other'))).toEqual({ requeued: 0 });
    // Asked of a replica that has not yet heard of both, it is asked again.
    let requeued = 0;
    await eventually(async () => {
      requeued += (await lose()).requeued;
      expect(requeued).toBe(2);
    });
    expect(await send(queueRequests.get, { job_id: ids[0]! })).toMatchObject({ status: 'QUEUED' });
    const again = [await claim('lost', 'b'), await claim('lost', 'b')];
    expect(again.map((job) => job?.id).sort()).toEqual(ids.sort());
  });

  it('renews leases of the jobs that are the agent’s and names the others', async () => {
    const { id } = await enqueue('renew');
    await claim('renew', 'a');
    const other = randomUUID();
    const running = [
      { job_id: id, attempt: 1 },
      { job_id: id, attempt: 2 },
      { job_id: other, attempt: 1 },
    ];
    const { lost } = await send(queueRequests.renew, { agent_id: 'a', running: running.slice(0, 1) });
    expect(lost).toEqual([]);
    expect((await send(queueRequests.renew, { agent_id: 'a', running: running.slice(1) })).lost).toEqual([
      id,
      other,
    ]);
  });

  it('keeps the log lines of the current attempt only', async () => {
    const { id } = await enqueue('logs');
    const job = (await claim('logs', 'a'))!;
    const line = { seq: 0, time: new Date().toISOString(), stream: 'stdout' as const, text: 'hello' };
    await send(queueRequests.appendLogs, { ...attemptOf(job, 'a'), lines: [line] });
    const forged = { ...attemptOf(job, 'a'), lease_token: 'other', lines: [line] };
    await expect(send(queueRequests.appendLogs, forged)).rejects.toMatchObject({
      problem: { code: 'lease_lost' },
    });
    const stored = await (
      await jetstream(platform.connections.nats).jetstreamManager()
    ).streams.getMessage(LOGS_STREAM, {
      last_by_subj: `log.default.${id}.1`,
    });
    expect(JSON.parse(stored!.string())).toEqual(line);
  });

  it('admits log lines of the current attempt only', async () => {
    const { id } = await enqueue('admitted');
    const lease = attemptOf((await claim('admitted', 'a'))!, 'a');
    expect(await send(queueRequests.admitLog, { ...lease, size: 10 })).toEqual({});
    for (const forged of [{ lease_token: 'other' }, { attempt: 2 }, { agent_id: 'b' }])
      await expect(send(queueRequests.admitLog, { ...lease, ...forged, size: 10 })).rejects.toMatchObject({
        problem: { code: 'lease_lost' },
      });
    expect(await send(queueRequests.admitLog, { ...lease, size: 2 ** 30 + 1 })).toEqual({ cut: 2 ** 30 });
    expect(lease.job_id).toBe(id);
  });

  it('says whose artifacts an agent may touch, by the attempt that it is at now', async () => {
    const artifacts_in = [{ execution_id: 'another-run', key: 'k', dest: 'd' }];
    const step = { ...spec.step, config: { execution_id: 'the-run-before' } };
    await enqueue('lease', { spec: { step, execution_id: 'this-run', artifacts_in } });
    const job = (await claim('lease', 'a'))!;
    const lease = attemptOf(job, 'a');
    expect(await send(queueRequests.lease, lease)).toEqual({
      execution_id: 'this-run',
      fetches_from: ['another-run', 'the-run-before'],
    });
    for (const forged of [
      { agent_id: 'b' },
      { attempt: 2 },
      { lease_token: 'other' },
      { job_id: randomUUID() },
    ])
      await expect(send(queueRequests.lease, { ...lease, ...forged })).rejects.toMatchObject({
        problem: { kind: 'forbidden', code: 'not_your_job' },
      });
    await expect(send(queueRequests.lease, lease, callBy('agent', 'a', 'other-org'))).rejects.toMatchObject({
      problem: { code: 'not_your_job' },
    });
    await send(queueRequests.start, lease);
    expect(await send(queueRequests.lease, lease)).toMatchObject({ execution_id: 'this-run' });
    await send(queueRequests.complete, { ...lease, exit_code: 0 });
    await expect(send(queueRequests.lease, lease)).rejects.toMatchObject({
      problem: { code: 'not_your_job' },
    });
    const plain = await enqueue('lease');
    const own = attemptOf((await claim('lease', 'a'))!, 'a');
    expect(await send(queueRequests.lease, own)).toEqual({ execution_id: plain.id, fetches_from: [] });
  });

  it('lists a job of each status as it shows it alone, and counts each', async () => {
    const pool = 'views';
    const step = { ...spec.step, name: 'a "quoted" \\ name', type: 'step.shell_exec' };
    const source = { repository: '/srv/repository', ref: 'main' };
    const wants = {
      name: '£ \u2028 😀',
      labels: { zone: 'b', 'a-longer-label': '1' },
      capabilities: ['docker'],
      pipeline_id: 'p',
      run_id: 'r',
      spec: { ...spec, step, source },
      max_attempts: 1,
    };
    const claimed = async (more = {}) => {
      await enqueue(pool, { ...wants, ...more });
      const claim = { agent_id: 'a', pool, labels: wants.labels, capabilities: ['docker'], wait_seconds: 5 };
      const [job] = await send(queueRequests.claim, claim, callBy('agent', 'a'));
      return attemptOf(job!, 'a');
    };
    const running = async (more = {}) => {
      const attempt = await claimed(more);
      await send(queueRequests.start, attempt);
      return attempt;
    };
    const key = 'k';
    const artifacts = [{ key, sha256: 'a'.repeat(64), size: 7 }];
    const ended = { outputs: { b: '"', 'longer-than-b': '\n' }, artifacts };
    await send(queueRequests.complete, { ...(await running()), exit_code: 0, ...ended });
    await send(queueRequests.complete, { ...(await running()), exit_code: 3, error_message: 'no', ...ended });
    const failing = { ...(await running({ on_exhausted: 'fail' })), exit_code: 3 };
    await send(queueRequests.complete, failing);
    await claimed();
    await send(queueRequests.progress, { ...(await running()), percent: 12.5, message: 'half' });
    const { id } = await enqueue(pool, { ...wants, concurrency: { group: 'g', limit: 2 } });
    await send(queueRequests.cancel, { job_id: id, reason: 'enough' });
    await enqueue(pool, { ...wants, delay_seconds: 3600, queue_timeout_seconds: 7200 });
    const statuses: JobStatus[] = [
      'QUEUED',
      'CANCELLED',
      'RUNNING',
      'CLAIMED',
      'FAILED',
      'DEAD_LETTERED',
      'COMPLETED',
    ];
    const { jobs } = await eventually(async () => {
      const page = await list({ pool });
      expect(page.jobs.map(({ status }) => status)).toEqual(statuses);
      // Counted beside the page, a moment sooner perhaps.
      expect(page.total).toBe(statuses.length);
      expect(page.jobs[2]!.progress).not.toBeNull();
      return page;
    });
    for (const job of jobs) {
      const alone = await send(queueRequests.get, { job_id: job.id });
      expect(job).toEqual(alone);
      expect(Object.keys(job)).toEqual(Object.keys(alone));
      expect(await list({ pool, status: job.status })).toMatchObject({ total: 1, jobs: [{ id: job.id }] });
    }
  });

  it('shows nothing of one organisation to another', async () => {
    const { id } = await enqueue('org');
    const stranger = callBy('user', 'stranger', 'other');
    const refused = { problem: { code: 'job_not_found' } };
    await expect(send(queueRequests.get, { job_id: id }, stranger)).rejects.toMatchObject(refused);
    await expect(send(queueRequests.cancel, { job_id: id, reason: 'x' }, stranger)).rejects.toMatchObject(
      refused,
    );
    expect((await list({ pool: 'org' }, stranger)).total).toBe(0);
    expect(await send(queueRequests.claim, { agent_id: 's', pool: 'org' }, stranger)).toEqual([]);
  });

  it('tells the others of each change, in order', async () => {
    const { id } = await enqueue('events', { run_id: 'run-1' });
    await send(queueRequests.cancel, { job_id: id, reason: 'enough' });
    const consumer = await jetstream(platform.connections.nats).consumers.get('EVENTS', {
      filter_subjects: `evt.default.queue.job.*.${id}`,
      deliver_policy: DeliverPolicy.All,
    });
    const seen: PublicEvent[] = [];
    for await (const message of await consumer.consume()) if (seen.push(message.json()) === 2) break;
    expect(seen.map(({ data }) => data)).toMatchObject([
      { status: 'QUEUED', run_id: 'run-1', final: false },
      { status: 'CANCELLED', run_id: 'run-1', final: true, error_message: 'enough' },
    ]);
  });

  it('still knows what waits after one replica stopped and another started', async () => {
    const { id } = await enqueue('restart');
    await eventually(async () => expect((await list({ pool: 'restart' })).total).toBe(1));
    await stopFirst();
    await platform.serve(QueueModule);
    expect((await claim('restart', 'a'))?.id).toBe(id);
  });
});
