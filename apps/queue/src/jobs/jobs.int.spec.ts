import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  LOGS_STREAM,
  queueRequests,
  type ClaimedJob,
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
  const enqueue = (pool: string, more = {}) =>
    send(queueRequests.enqueue, { job_id: randomUUID(), pool, backoff_seconds: 0, spec, ...more });
  const claim = (pool: string, agent_id: string, wait_seconds = 10) =>
    send(queueRequests.claim, { agent_id, pool, wait_seconds }, callBy('agent', agent_id));
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
      expect(await send(queueRequests.list, { pool: 'life' })).toMatchObject({
        total: 1,
        items: [{ id, status: 'COMPLETED' }],
      }),
    );
  });

  it('gives a waiting agent a new job at once', async () => {
    const waiting = claim('poll', 'a', 20);
    await eventually(async () => expect((await send(queueRequests.stats, {})).queued).toBe(0));
    const { id } = await enqueue('poll');
    expect((await waiting)?.id).toBe(id);
  });

  it('answers null when nothing comes within the wait', async () => {
    expect(await claim('empty', 'a', 0)).toBeNull();
  });

  it('gives each of 20 jobs to exactly one of 40 agents at two replicas', async () => {
    const jobs = await Promise.all(Array.from({ length: 20 }, () => enqueue('race')));
    const claims = await Promise.all(
      Array.from({ length: 40 }, (_, agent) => claim('race', `agent-${agent}`, 2)),
    );
    const won = claims.filter((job) => job !== null).map(({ id }) => id);
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

  it('shows nothing of one organisation to another', async () => {
    const { id } = await enqueue('org');
    const stranger = callBy('user', 'stranger', 'other');
    const refused = { problem: { code: 'job_not_found' } };
    await expect(send(queueRequests.get, { job_id: id }, stranger)).rejects.toMatchObject(refused);
    await expect(send(queueRequests.cancel, { job_id: id, reason: 'x' }, stranger)).rejects.toMatchObject(
      refused,
    );
    expect((await send(queueRequests.list, { pool: 'org' }, stranger)).total).toBe(0);
    expect(await send(queueRequests.claim, { agent_id: 's', pool: 'org' }, stranger)).toBeNull();
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
    await eventually(async () => expect((await send(queueRequests.list, { pool: 'restart' })).total).toBe(1));
    await stopFirst();
    await platform.serve(QueueModule);
    expect((await claim('restart', 'a'))?.id).toBe(id);
  });
});
