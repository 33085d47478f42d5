import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  agentsRequests,
  queueRequests,
  type ClaimedJob,
  type EnqueueJob,
  type PoolAgent,
  type Request,
} from '@hybrid/contracts';
import { callBy, startPlatform, type Platform } from '@hybrid/test-platform';
import { eventually, unlessStalled } from '@hybrid/testing';
import { randomUUID } from 'node:crypto';
import { QueueModule } from '../app.module.js';

const spec = { step: { id: 'test', name: 'test', type: 'step.shell_exec', config: {} } };

describe('why a job waits, or waited', () => {
  let platform: Platform;
  const user = callBy('user', 'someone');
  /** What the agents service says of pools. */
  const agentsOf = new Map<string, Partial<PoolAgent>[]>();

  beforeAll(async () => {
    platform = await startPlatform();
    await platform.serve(QueueModule);
  });
  afterAll(() => platform.stop());

  const send = <I, O>(request: Request<I, O>, input: I, call = user) =>
    platform.connections.requests.send(request, input, call);
  const enqueue = async (pool: string, more: Partial<EnqueueJob> & { pipeline_id?: string } = {}) =>
    (await send(queueRequests.enqueue, { job_id: randomUUID(), pool, backoff_seconds: 0, spec, ...more })).id;
  /** It comes, however slow the machine is. */
  const claim = (pool: string, agent_id: string, more = {}): Promise<ClaimedJob> =>
    eventually(async () => {
      const wanted = { agent_id, pool, wait_seconds: 5, ...more };
      const [job] = await send(queueRequests.claim, wanted, callBy('agent', agent_id));
      expect(job).toBeDefined();
      return job!;
    });
  const complete = ({ id, attempt, lease_token }: ClaimedJob, agent_id: string, exit_code = 0) =>
    send(queueRequests.complete, { job_id: id, agent_id, attempt, lease_token, exit_code });
  const explain = (job_id: string, call = user) => send(queueRequests.explain, { job_id }, call);
  const codes = async (id: string) => (await explain(id)).reasons.map(({ code }) => code);

  it('is told while the agents service is away, of which it says so', async () => {
    const id = await enqueue('alone');
    const { reasons, status, ahead, waits } = await explain(id);
    expect({ status, ahead }).toEqual({ status: 'QUEUED', ahead: 0 });
    expect(reasons).toMatchObject([{ code: 'agents_unavailable', facts: { agents: null } }]);
    expect(reasons[0]!.detail).toContain('the agents service does not answer');
    expect(waits).toMatchObject([{ attempt: 1, until: null, agent_id: null, passed_over_total: 0 }]);
  });

  describe('with agents', () => {
    beforeAll(() => {
      platform.connections.nats.subscribe(agentsRequests.poolAgents.subject, {
        callback: (_, message) => {
          const { pool } = message.json<{ pool: string }>();
          const none = { name: 'a', labels: {}, capabilities: [], capacity: 1, status: 'HEALTHY' };
          const agents = (agentsOf.get(pool) ?? []).map((agent) => ({ ...none, ...agent }));
          message.respond(JSON.stringify({ agents }));
        },
      });
    });

    it('is all that keeps it back, at once', async () => {
      await send(queueRequests.pausePool, { pool: 'shut', reason: 'moving' });
      const first = await enqueue('shut', { priority: 'HIGH' });
      const id = await enqueue('shut', { delay_seconds: 3600 });
      const { reasons } = await explain(id);
      expect(reasons.map(({ code }) => code)).toEqual([
        'pool_paused',
        'delayed',
        'no_agent_in_pool',
        'jobs_ahead',
      ]);
      expect(reasons[0]!.facts).toMatchObject({ by: 'user someone', reason: 'moving' });
      expect(await codes(first)).toEqual(['pool_paused', 'no_agent_in_pool']);
      await send(queueRequests.resumePool, { pool: 'shut' });
      await eventually(async () => expect(await codes(first)).toEqual(['no_agent_in_pool']));
      agentsOf.set('shut', [{ agent_id: 'a' }]);
      expect(await codes(first)).toEqual(['about_to_be_claimed']);
    });

    it('is the job that holds its group, and the agent that has it', async () => {
      agentsOf.set('deploy', [{ agent_id: 'a' }, { agent_id: 'b' }]);
      const concurrency = { group: 'production', limit: 1 };
      const holder = await enqueue('deploy', { concurrency });
      const id = await enqueue('deploy', { concurrency });
      const held = await claim('deploy', 'a');
      expect(held.id).toBe(holder);
      await eventually(async () => {
        const { reasons } = await explain(id);
        expect(reasons).toMatchObject([{ code: 'group_full', facts: { holders: [holder], agent: 'a' } }]);
      });
      agentsOf.set('deploy', [{ agent_id: 'a' }]);
      expect(await codes(id)).toEqual(['agents_busy', 'group_full']);
      await complete(held, 'a');
      await eventually(async () => expect(await codes(id)).toEqual(['about_to_be_claimed']));
    });

    it('is the pause after a failure', async () => {
      agentsOf.set('flaky', [{ agent_id: 'a' }]);
      const id = await enqueue('flaky', { backoff_seconds: 3600, backoff_jitter: 0 });
      await complete(await claim('flaky', 'a'), 'a', 7);
      const { reasons, waits } = await explain(id);
      expect(reasons).toMatchObject([{ code: 'backing_off', facts: { after_attempt: 1, exit_code: 7 } }]);
      expect(waits.map(({ attempt, agent_id }) => [attempt, agent_id])).toEqual([
        [1, 'a'],
        [2, null],
      ]);
    });
  });

  it('is, of a job that was claimed, who was given what before, and why', async () => {
    const pool = 'history';
    const before = await enqueue(pool, { pipeline_id: 'p1' });
    const id = await enqueue(pool, { pipeline_id: 'p1', labels: { os: 'linux' } });
    const other = await enqueue(pool, { pipeline_id: 'p2' });
    const urgent = await enqueue(pool, { priority: 'HIGH' });
    const last = await enqueue(pool, { pipeline_id: 'p1' });
    const agent = { labels: { os: 'linux' } };
    const got = [];
    for (let count = 0; count < 3; count++) got.push((await claim(pool, `agent-${count}`, agent)).id);
    got.push((await claim(pool, 'agent-3')).id, (await claim(pool, 'agent-4', agent)).id);
    expect(got).toEqual([urgent, before, other, last, id]);
    const { reasons, waits, ahead } = await explain(id);
    expect({ reasons, ahead }).toEqual({ reasons: [], ahead: null });
    expect(waits).toMatchObject([{ attempt: 1, agent_id: 'agent-4', passed_over_total: 4 }]);
    expect(waits[0]!.incomplete).toBeUndefined();
    expect(waits[0]!.passed_over.map(({ agent_id, job_id, code }) => [agent_id, job_id, code])).toEqual([
      ['agent-0', urgent, 'higher_priority'],
      ['agent-1', before, 'came_first'],
      ['agent-2', other, 'other_pipelines_turn'],
      ['agent-3', last, 'agent_does_not_fit'],
    ]);
  });

  it('is also what was given away then, and again since', async () => {
    // The second is there in time, unless the machine stands still.
    const { again, id } = await unlessStalled(500, async () => {
      const pool = `again-${randomUUID()}`;
      const again = await enqueue(pool, { backoff_seconds: 1, backoff_jitter: 0 });
      const id = await enqueue(pool);
      await complete(await claim(pool, 'a'), 'a', 1);
      expect((await claim(pool, 'b')).id).toBe(id);
      expect((await claim(pool, 'c')).id).toBe(again);
      return { again, id };
    });
    const [wait] = (await explain(id)).waits;
    expect(wait).toMatchObject({ passed_over: [{ agent_id: 'a', job_id: again, code: 'came_first' }] });
    expect(wait!.incomplete).toBeUndefined();
  });

  it('is, of a job of a full group, what other pools run of it', async () => {
    const concurrency = { group: 'shared', limit: 1 };
    await enqueue('elsewhere', { concurrency });
    const held = await claim('elsewhere', 'holder');
    const id = await enqueue('grouped', { concurrency });
    const next = await enqueue('grouped');
    expect((await claim('grouped', 'a')).id).toBe(next);
    await complete(held, 'holder');
    expect((await claim('grouped', 'b')).id).toBe(id);
    const [wait] = (await explain(id)).waits;
    expect(wait!.passed_over).toMatchObject([{ agent_id: 'a', job_id: next, code: 'group_full' }]);
  });

  it('looks at as many claims as it is told, the newest ones, and says where there were more', async () => {
    const id = await enqueue('long', { priority: 'LOW', labels: { rare: 'yes' } });
    for (let count = 0; count < 12; count++) await enqueue('long');
    for (let count = 0; count < 12; count++)
      await complete(await claim('long', `agent-${count}`), `agent-${count}`);
    const wait = async (claims?: number) =>
      (await send(queueRequests.explain, { job_id: id, claims })).waits[0]!;
    await eventually(async () => expect((await wait()).passed_over_total).toBe(12));
    expect((await wait()).incomplete).toBeUndefined();
    expect((await wait(12)).incomplete).toBeUndefined();
    const { passed_over, ...newest } = await wait(10);
    expect(newest).toMatchObject({ passed_over_total: 10, incomplete: true });
    expect(passed_over.map(({ agent_id }) => agent_id)).toEqual(
      Array.from({ length: 10 }, (_, index) => `agent-${index + 2}`),
    );
    expect(await wait(0)).toMatchObject({ passed_over_total: 0, incomplete: true });
  });

  it('is told to many who ask at once', async () => {
    const ids = await Promise.all(Array.from({ length: 20 }, () => enqueue('many')));
    const told = await Promise.all(ids.map((id) => explain(id)));
    expect(told.map(({ ahead }) => ahead).sort((one, other) => one! - other!)).toEqual(
      ids.map((_, place) => place),
    );
  });

  it('is nothing that another organisation is told', async () => {
    const id = await enqueue('secret');
    await expect(explain(id, callBy('user', 'spy', 'other'))).rejects.toMatchObject({
      problem: { code: 'job_not_found' },
    });
    await expect(explain(randomUUID())).rejects.toMatchObject({ problem: { code: 'job_not_found' } });
  });
});
