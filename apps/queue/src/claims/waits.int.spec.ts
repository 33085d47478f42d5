import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  CLAIM_ABANDONED_SUBJECT,
  queueRequests,
  type ClaimedJob,
  type CompleteJob,
  type JobView,
  type Request,
} from '@hybrid/contracts';
import { callHeaders } from '@hybrid/messaging';
import { callBy, startPlatform, type Platform } from '@hybrid/test-platform';
import { awakeMs, eventually } from '@hybrid/testing';
import { randomUUID } from 'node:crypto';
import { startReplica, type Replica } from '../replicas/replica.fixtures.js';

const spec = { step: { id: 'test', name: 'test', type: 'step.shell_exec', config: {} } };
/** The machine may be busy with other things: the best of so many tells what the queue itself takes. */
const ROUNDS = 5;
const RACES = 200;

describe('an agent that waits', () => {
  let platform: Platform;
  let replica: Replica;
  const user = callBy('user', 'someone');

  beforeAll(async () => {
    platform = await startPlatform();
    replica = await startReplica(platform.settings);
  });
  afterAll(async () => {
    await replica.stop();
    await platform.stop();
  });

  const send = <I, O>(request: Request<I, O>, input: I, call = user) =>
    platform.connections.requests.send(request, input, call);
  const enqueue = (pool: string, more = {}) =>
    send(queueRequests.enqueue, { job_id: randomUUID(), pool, backoff_seconds: 0, spec, ...more });
  /** One that must be there comes, however slow the machine is. */
  const claimed = (pool: string, agent_id: string): Promise<ClaimedJob> =>
    eventually(async () => {
      const job = await claim(pool, agent_id);
      expect(job).toBeDefined();
      return job!;
    });
  const claim = async (pool: string, agent_id: string, more = {}): Promise<ClaimedJob | undefined> => {
    const request = { agent_id, pool, wait_seconds: 5, ...more };
    return (await send(queueRequests.claim, request, callBy('agent', agent_id)))[0];
  };
  /** Once it is there, a claim that did not wait would have been answered. */
  const settled = () => send(queueRequests.claim, { agent_id: 'nobody', pool: 'nothing' });

  it('gets a new job within milliseconds', async () => {
    const took: number[] = [];
    for (let round = 0; round < 4 * ROUNDS; round++) {
      const waiting = claimed('poll', 'a').then((job) => ({ job, at: performance.now() }));
      await settled();
      const begun = performance.now();
      const { id } = await enqueue('poll');
      const { job, at } = await waiting;
      expect(job?.id).toBe(id);
      took.push(at - begun);
    }
    // Found by looking each second, half of them would take longer than half of one, on the quietest machine.
    expect(took.sort((a, b) => a - b)[2 * ROUNDS]).toBeLessThan(250);
  });

  it('gets a delayed job at its time, not before and hardly after', async () => {
    const late: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const run_at = new Date(Date.now() + 300).toISOString();
      const { id } = await enqueue('delayed', { run_at });
      // Late on a machine that stands still, as the time below tells; else there is none yet.
      const early = await claim('delayed', 'early', { wait_seconds: 0 });
      expect((early ?? (await claimed('delayed', 'a'))).id).toBe(id);
      late.push(Date.now() - Date.parse(run_at));
    }
    expect(Math.min(...late)).toBeLessThan(250);
    for (const ms of late) expect(ms).toBeGreaterThanOrEqual(0);
  });

  it('is not kept from other jobs by one that is due in a year', async () => {
    await enqueue('some-day', { delay_seconds: 31_536_000 });
    const waiting = claimed('some-day', 'a');
    await settled();
    const { id } = await enqueue('some-day');
    expect((await waiting).id).toBe(id);
  });

  it('gets nothing from a paused pool, and the job that waits there as soon as it goes on', async () => {
    await send(queueRequests.pausePool, { pool: 'paused', reason: 'moving' });
    await eventually(() => expect(replica.index.pausesOf('default').has('paused')).toBe(true));
    const { id } = await enqueue('paused');
    expect(await claim('paused', 'a', { wait_seconds: 0.2 })).toBeUndefined();
    const waiting = claimed('paused', 'a');
    await settled();
    const took = await awakeMs(async () => {
      await send(queueRequests.resumePool, { pool: 'paused' });
      expect((await waiting).id).toBe(id);
    });
    expect(took).toBeLessThan(10_000);
  });

  it('gets no job once it has hung up: the next one does', async () => {
    const claim_id = randomUUID();
    const gone = claim('hang-up', 'gone', { claim_id });
    const next = claimed('hang-up', 'next');
    await settled();
    const headers = callHeaders(user);
    platform.connections.nats.publish(CLAIM_ABANDONED_SUBJECT, JSON.stringify({ claim_id }), { headers });
    expect(await gone).toBeUndefined();
    const { id } = await enqueue('hang-up');
    expect((await next).id).toBe(id);
  });

  it('gets each of 100 jobs once, whatever comes, goes and hangs up meanwhile', async () => {
    const JOBS = 100;
    const got: string[] = [];
    const agent = async (name: string) => {
      while (got.length < JOBS) {
        const job = await claim('storm', name, { wait_seconds: 0.05 });
        if (job) got.push(job.id);
      }
    };
    const agents = Array.from({ length: 10 }, (_, index) => agent(`agent-${index}`));
    const ids = [];
    for (let job = 0; job < JOBS; job++) ids.push((await enqueue('storm')).id);
    await Promise.all(agents);
    expect(got.sort()).toEqual(ids.sort());
  });

  it(`may be cancelled in the moment that it completes: one end, ${RACES} times`, async () => {
    const ends = { COMPLETED: 0, CANCELLED: 0 };
    const race = async () => {
      const { id } = await enqueue('race');
      const job = await claimed('race', 'a');
      const attempt = { agent_id: 'a', attempt: job.attempt, lease_token: job.lease_token };
      const complete: CompleteJob & { job_id: string; agent_id: string } = {
        ...attempt,
        job_id: job.id,
        exit_code: 0,
      };
      const asked = [
        () => send(queueRequests.complete, complete),
        () => send(queueRequests.cancel, { job_id: job.id, reason: 'enough' }),
      ];
      if (Number.parseInt(id[0]!, 16) % 2) asked.reverse();
      const [one, other] = await Promise.allSettled(asked.map((ask) => ask()));
      const told = [one!, other!].filter((outcome) => outcome.status === 'fulfilled');
      expect(told).toHaveLength(1);
      const { status } = (told[0] as PromiseFulfilledResult<JobView>).value;
      const types: string[] = [];
      for await (const { event } of platform.connections.eventStore.readStream(`job-${job.id}`))
        types.push(event!.type);
      const terminal = types.filter((type) => type === 'JobCompleted' || type === 'JobCancelled');
      expect(terminal).toEqual([status === 'COMPLETED' ? 'JobCompleted' : 'JobCancelled']);
      ends[status as keyof typeof ends]++;
    };
    for (let races = 0; races < RACES; races += 10)
      await Promise.all(Array.from({ length: 10 }, () => race()));
    expect(ends.COMPLETED + ends.CANCELLED).toBe(RACES);
    // Neither always wins, or it was no race.
    expect(Math.min(ends.COMPLETED, ends.CANCELLED)).toBeGreaterThan(0);
  });
});
