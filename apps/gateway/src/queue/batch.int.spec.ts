import {
  problem,
  queueRequests,
  type CallContext,
  type EnqueueJobCommand,
  type JobView,
} from '@hybrid/contracts';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { validation } from '../edge/validation.js';
import { enqueueBatch } from './batch.js';
import { startMessaging, type Messaging } from './fake-queue.fixtures.js';

const call: CallContext = { org: 'default', actor: { type: 'user', id: 'u' }, correlationId: 'c' };
const jobOf = (name: string, commands = ['true']) => ({
  name,
  spec: { step: { id: 's', name: 's', type: 'step.shell_exec', config: { commands } } },
});

describe('a batch', () => {
  let messaging: Messaging;
  let messages: EnqueueJobCommand[][];

  beforeAll(async () => {
    messaging = await startMessaging();
  });
  afterAll(() => messaging?.stop());
  beforeEach(() => {
    messages = [];
  });
  afterEach(() => messaging.forget());

  /** Answers with the job's id and name; refuses a job named so. */
  const serve = (refused?: string) =>
    messaging.serve(queueRequests.enqueueBatch, async ({ jobs }) => {
      messages.push(jobs);
      const results = jobs.map((job, index) =>
        job.name === refused
          ? { index, error: problem('conflict', 'idempotency_key_reused', 'another job').problem }
          : { index, job: { id: job.job_id, name: job.name } as JobView },
      );
      // In whatever order they were done.
      return { results: results.reverse() };
    });
  const enqueue = (jobs: unknown[]) =>
    enqueueBatch(messaging.requests, validation(), jobs, (index) => `id-${index}`, call);

  it('of a thousand is answered in its order, each with its own id', async () => {
    await serve();
    const jobs = Array.from({ length: 1_000 }, (_, n) => jobOf(`job-${n}`));
    const { results, accepted, refused } = await enqueue(jobs);
    expect([accepted, refused]).toEqual([1_000, 0]);
    expect(results).toEqual(
      jobs.map(({ name }, index) => ({ index, status: 201, job: { id: `id-${index}`, name } })),
    );
  });

  it('has each job refused on its own, by the edge or by the queue', async () => {
    await serve('taken');
    const { results, accepted, refused } = await enqueue([
      jobOf('good'),
      { ...jobOf('bad'), nope: 1 },
      jobOf('taken'),
      null,
      [],
      jobOf('good too'),
    ]);
    expect(results.map(({ index, status }) => [index, status])).toEqual([
      [0, 201],
      [1, 422],
      [2, 409],
      [3, 422],
      [4, 422],
      [5, 201],
    ]);
    expect(results[1]).toMatchObject({
      error: { errors: [{ path: 'nope', message: 'there is no such field' }] },
    });
    expect(results[2]).toEqual({
      index: 2,
      status: 409,
      error: { code: 'idempotency_key_reused', detail: 'another job' },
    });
    expect([accepted, refused]).toEqual([2, 4]);
    expect(messages.flat().map(({ name }) => name)).toEqual(['good', 'taken', 'good too']);
  });

  it('goes in messages that the transport carries; a job that none can carry is refused alone', async () => {
    await serve();
    const large = (name: string, kib: number) => jobOf(name, [name[0]!.repeat(kib * 1024)]);
    const { spec, ...rest } = jobOf('monster');
    const env = Object.fromEntries(Array.from({ length: 95 }, (__, n) => [`V${n}`, '€'.repeat(2_000)]));
    const monster = { ...rest, spec: { ...spec, env, services: [{ name: 'more', image: 'more', env }] } };
    const jobs = [...Array.from({ length: 12 }, (_, n) => large(`job-${n}`, 200)), monster, jobOf('x')];
    const { results } = await enqueue(jobs);
    expect(results.map(({ status }) => status)).toEqual([...Array<number>(12).fill(201), 413, 201]);
    expect(results[12]).toMatchObject({ error: { code: 'message_too_large' } });
    for (const message of messages) expect(JSON.stringify(message).length).toBeLessThan(640 * 1024);
  });

  it('whose queue is away is refused job by job, for another time', async () => {
    const { results, accepted } = await enqueue([jobOf('one'), jobOf('two')]);
    expect(accepted).toBe(0);
    for (const result of results)
      expect(result).toMatchObject({ status: 503, error: { code: 'service_unavailable' } });
  });
});
