import { agentsRequests } from '@hybrid/contracts';
import { callBy } from '@hybrid/test-platform';
import { eventually } from '@hybrid/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { AgentsBench } from './agents.fixtures.js';

describe('the agents, over NATS', () => {
  let bench: AgentsBench;
  const stranger = callBy('user', 'stranger', 'other');

  beforeAll(async () => {
    bench = await AgentsBench.start();
    await bench.replica();
  });
  afterAll(() => bench?.stop());

  const authenticate = (agent_id: string, credential_sha256: string) =>
    bench.send(agentsRequests.authenticate, { agent_id, credential_sha256 });
  const list = (pool: string, call = bench.user) => bench.send(agentsRequests.list, { pool }, call);

  it('register, and are listed with the figures of their last heartbeat', async () => {
    const pool = randomUUID();
    const { agent_id } = await bench.register({ pool, labels: { os: 'linux' }, capacity: 2 });
    const view = {
      ...{ agent_id, name: 'builder', pool, labels: { os: 'linux' }, capacity: 2 },
      ...{ status: 'HEALTHY', status_reason: null },
    };
    await eventually(async () =>
      expect(await list(pool)).toMatchObject({
        total: 1,
        items: [{ ...view, last_heartbeat: null, cpu_percent: null, jobs_running: 0 }],
      }),
    );
    await bench.beat(agent_id);
    const seen = { ...view, cpu_percent: 12.5, memory_percent: 30, disk_percent: 40, jobs_completed: 7 };
    await eventually(async () => expect((await list(pool)).items).toMatchObject([seen]));
    const { last_heartbeat } = await bench.get(agent_id);
    expect(Math.abs(Date.parse(last_heartbeat!) - Date.now())).toBeLessThan(60_000);
    expect(await bench.historyOf(agent_id)).toEqual(['AgentRegistered']);
  });

  it('are known by their credential, and refused alike whatever is wrong with it', async () => {
    const [right, wrong] = ['a'.repeat(64), 'b'.repeat(64)];
    const { agent_id } = await bench.register({ pool: 'p1' });
    expect(await authenticate(agent_id, right)).toEqual({ org: 'default', pool: 'p1' });
    const gone = await bench.register();
    await bench.send(agentsRequests.deregister, { agent_id: gone.agent_id });
    const refusals = await Promise.all(
      [
        authenticate(agent_id, wrong),
        authenticate(agent_id, ''),
        authenticate(randomUUID(), right),
        authenticate(gone.agent_id, right),
      ].map((one) => one.catch((error: unknown) => (error as { problem: unknown }).problem)),
    );
    expect(refusals[0]).toMatchObject({ kind: 'unauthenticated', code: 'agent_unknown' });
    for (const refusal of refusals) expect(refusal).toEqual(refusals[0]);
  });

  it('get a new credential when they register again, and the old one is worth nothing', async () => {
    const { agent_id } = await bench.register();
    await bench.register({ agent_id, credential_sha256: 'b'.repeat(64) });
    await expect(authenticate(agent_id, 'a'.repeat(64))).rejects.toMatchObject({
      problem: { code: 'agent_unknown' },
    });
    await authenticate(agent_id, 'b'.repeat(64));
    await bench.send(agentsRequests.deregister, { agent_id });
    await expect(bench.register({ agent_id })).rejects.toMatchObject({
      problem: { code: 'agent_deregistered' },
    });
  });

  it('keep their credential when somebody else registers another agent with the same key', async () => {
    const { agent_id } = await bench.register({ pool: 'p1' });
    await expect(
      bench.register({ agent_id, pool: 'p2', credential_sha256: 'b'.repeat(64) }),
    ).rejects.toMatchObject({ problem: { kind: 'conflict', code: 'idempotency_key_reused' } });
    expect(await authenticate(agent_id, 'a'.repeat(64))).toEqual({ org: 'default', pool: 'p1' });
  });

  it('renew the leases of their jobs and learn which they lost', async () => {
    const queue = await bench.queue({ lost: ['j2'] });
    const { agent_id } = await bench.register();
    const running = [
      { job_id: 'j1', attempt: 1 },
      { job_id: 'j2', attempt: 3 },
    ];
    expect(await bench.beat(agent_id, { running })).toEqual({
      status: 'HEALTHY',
      next_check_interval: 5,
      lost: ['j2'],
    });
    expect(queue.renewals).toEqual([{ agent_id, running }]);
    await eventually(async () => expect((await bench.get(agent_id)).jobs_running).toBe(2));
    expect(await bench.beat(agent_id)).toMatchObject({ lost: [] });
    expect(queue.renewals).toHaveLength(1);
    await queue.stop();
  });

  it('drain, resume and stop; who stopped is not draining any more', async () => {
    const { agent_id } = await bench.register();
    expect(await bench.setStatus(agent_id, 'DRAINING')).toMatchObject({
      status: 'DRAINING',
      status_reason: 'it takes no new jobs until it is resumed',
    });
    expect((await bench.beat(agent_id)).status).toBe('DRAINING');
    expect((await bench.setStatus(agent_id, 'HEALTHY')).status).toBe('HEALTHY');
    expect((await bench.beat(agent_id)).status).toBe('HEALTHY');
    await bench.setStatus(agent_id, 'DRAINING');
    expect(await bench.setStatus(agent_id, 'OFFLINE')).toMatchObject({
      status: 'OFFLINE',
      status_reason: 'it stopped in order',
    });
    expect((await bench.beat(agent_id)).status).toBe('HEALTHY');
    expect((await bench.get(agent_id)).status).toBe('HEALTHY');
  });

  it('are not listed any more once deregistered, and their heartbeat is refused', async () => {
    const pool = randomUUID();
    const { agent_id } = await bench.register({ pool });
    await eventually(async () => expect((await list(pool)).total).toBe(1));
    await bench.send(agentsRequests.deregister, { agent_id });
    await expect(bench.beat(agent_id)).rejects.toMatchObject({ problem: { code: 'agent_not_found' } });
    await eventually(async () => expect((await list(pool)).total).toBe(0));
  });

  it('have their heartbeats written together, and none of them in the log', async () => {
    const agents = await Promise.all(Array.from({ length: 40 }, () => bench.register({ pool: 'many' })));
    for (let round = 0; round < 5; round++)
      await Promise.all(agents.map(({ agent_id }) => bench.beat(agent_id, { jobs_completed: round })));
    const ids = agents.map(({ agent_id }) => agent_id);
    const { rows } = await eventually(async () => {
      const found = await bench.platform.connections.pool.query<{ count: number; statements: number }>(
        `select count(*)::int, count(distinct xmin::text)::int as statements from agents.heartbeats
         where id = any($1) and metrics->>'jobs_completed' = '4'`,
        [ids],
      );
      expect(found.rows[0]?.count).toBe(40);
      return found;
    });
    expect(rows[0]!.statements).toBeLessThanOrEqual(2);
    for (const id of ids) expect(await bench.historyOf(id)).toEqual(['AgentRegistered']);
  });

  it('are answered by every replica while the event store is away, as nothing is read for them', async () => {
    const { agent_id } = await bench.register();
    await eventually(async () =>
      expect((await bench.send(agentsRequests.list, { limit: 1 })).items).toMatchObject([{ agent_id }]),
    );
    // Knows the agent from the read model and the log.
    const stop = await bench.replica();
    const { pid } = bench.platform.eventStore.process;
    process.kill(pid, 'SIGSTOP');
    try {
      const begun = performance.now();
      for (let turn = 0; turn < 10; turn++)
        expect(await bench.beat(agent_id)).toMatchObject({ status: 'HEALTHY' });
      // One read that waited would take five seconds.
      expect(performance.now() - begun).toBeLessThan(4_500);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    await stop();
  });

  it('show and do nothing for another organisation', async () => {
    const pool = randomUUID();
    const { agent_id } = await bench.register({ pool });
    await bench.beat(agent_id);
    const before = await eventually(async () => {
      const view = await bench.get(agent_id);
      expect(view.cpu_percent).toBe(12.5);
      return view;
    });
    await eventually(async () => expect((await list(pool)).total).toBe(1));
    expect(await list(pool, stranger)).toMatchObject({ total: 0, items: [] });
    expect(await bench.send(agentsRequests.poolAgents, { pool }, stranger)).toEqual({ agents: [] });
    const missing = { problem: { kind: 'not_found', code: 'agent_not_found' } };
    for (const refused of [
      bench.send(agentsRequests.get, { agent_id }, stranger),
      bench.send(agentsRequests.config, { agent_id }, stranger),
      bench.send(agentsRequests.deregister, { agent_id }, stranger),
      bench.send(agentsRequests.setStatus, { agent_id, status: 'DRAINING' }, stranger),
      bench.beat(agent_id, { cpu_percent: 99 }, stranger),
    ])
      await expect(refused).rejects.toMatchObject(missing);
    // Written after what the stranger sent would have been.
    const own = await bench.register();
    await bench.beat(own.agent_id);
    await eventually(async () => expect((await bench.get(own.agent_id)).cpu_percent).toBe(12.5));
    expect(await bench.get(agent_id)).toEqual(before);
  });
});
