import { ACCESS_CHANGED_SUBJECT, agentsRequests } from '@hybrid/contracts';
import { callBy } from '@hybrid/test-platform';
import { awakeMs, eventually } from '@hybrid/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { jsonEvent } from '@eventstore/db-client';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AgentsBench } from './agents.fixtures.js';

describe('the agents, over NATS', () => {
  let bench: AgentsBench;
  const stranger = callBy('user', 'stranger', 'other');

  beforeAll(async () => {
    bench = await AgentsBench.start();
    await bench.replica();
  });
  afterAll(() => bench?.stop());

  const access = (agent_id: string) => bench.send(agentsRequests.access, { agent_id });
  const rotate = (agent_id: string, version: number, kid = 'k1') =>
    bench.send(agentsRequests.rotateKey, { agent_id, version, key: { kid } });
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
    expect(await bench.historyOf(agent_id)).toEqual(['AgentRegistered.v2']);
  });

  it('may do what they registered for, whoever asks; refused alike whether they never were or are gone', async () => {
    const may = { pool: 'p1', labels: { os: 'linux' }, capabilities: ['docker'] };
    const { agent_id, key } = await bench.register(may);
    expect(await access(agent_id)).toEqual({
      ...may,
      org: 'default',
      keys: [{ kid: 'k1', version: 1, since: expect.any(String) as unknown, not_after: null }],
      rotation_asked: false,
      joined_by: { kind: 'installation', id: 'join-token' },
    });
    expect((await access(agent_id)).keys).toEqual([key]);
    const gone = await bench.register();
    await bench.send(agentsRequests.deregister, { agent_id: gone.agent_id });
    const refusals = await Promise.all(
      [access(randomUUID()), access(gone.agent_id)].map((one) =>
        one.catch((error: unknown) => (error as { problem: unknown }).problem),
      ),
    );
    expect(refusals[0]).toMatchObject({ kind: 'unauthenticated', code: 'agent_unknown' });
    expect(refusals[1]).toEqual(refusals[0]);
  });

  it('have the same key when they register again, and none once they are gone', async () => {
    const { agent_id, key } = await bench.register();
    expect((await bench.register({ agent_id })).key).toEqual(key);
    expect(await bench.historyOf(agent_id)).toEqual(['AgentRegistered.v2']);
    await bench.send(agentsRequests.deregister, { agent_id });
    await expect(bench.register({ agent_id })).rejects.toMatchObject({
      problem: { code: 'agent_deregistered' },
    });
  });

  it('get a new key for a while each time they register, where somebody vouches for a while only', async () => {
    const joined_by = { kind: 'rule', id: 'r1' } as const;
    const { agent_id, key: first } = await bench.register({ joined_by, credential_seconds: 600 });
    expect(Date.parse(first.not_after!) - Date.parse(first.since)).toBe(600_000);
    const { key: second } = await bench.register({ agent_id, joined_by, credential_seconds: 600 });
    expect(second).toMatchObject({ version: 2 });
    expect((await access(agent_id)).keys).toEqual([first, second]);
    // An agent alone cannot make it longer.
    expect(await rotate(agent_id, 2)).toMatchObject({ version: 3, not_after: second.not_after });
  });

  it('rotate their key; the one before goes on for an hour, and a lost answer is given again', async () => {
    const { agent_id } = await bench.register();
    await bench.send(agentsRequests.askRotation, { agent_id });
    expect((await access(agent_id)).rotation_asked).toBe(true);
    const second = await rotate(agent_id, 1, 'k2');
    expect(second).toMatchObject({ kid: 'k2', version: 2, not_after: null });
    expect(await rotate(agent_id, 1, 'k2')).toEqual(second);
    const { keys, rotation_asked } = await access(agent_id);
    expect(rotation_asked).toBe(false);
    expect(keys.map(({ version }) => version)).toEqual([1, 2]);
    expect(Date.parse(keys[0]!.not_after!) - Date.parse(second.since)).toBe(3_600_000);
    await rotate(agent_id, 2, 'k2');
    await expect(rotate(agent_id, 1)).rejects.toMatchObject({ problem: { code: 'agent_key_unknown' } });
    expect((await access(agent_id)).keys.map(({ version }) => version)).toEqual([2, 3]);
  });

  it.each<[what: string, change: (agent_id: string) => Promise<unknown>]>([
    ['deregistered', (agent_id) => bench.send(agentsRequests.deregister, { agent_id })],
    ['given another key', (agent_id) => rotate(agent_id, 1)],
    ['to get another key', (agent_id) => bench.send(agentsRequests.askRotation, { agent_id })],
  ])('tell every gateway that they are %s', async (_, change) => {
    const { agent_id } = await bench.register();
    const { nats } = bench.platform.connections;
    const told: unknown[] = [];
    const hearing = nats.subscribe(ACCESS_CHANGED_SUBJECT, {
      callback: (__, message) => void told.push(message.json()),
    });
    await nats.flush();
    await change(agent_id);
    await eventually(() => expect(told).toEqual([{ subject: `agent:${agent_id}` }]));
    hearing.unsubscribe();
  });

  it('that registered when credentials were another thing have none until they register again', async () => {
    const agent_id = randomUUID();
    const { data } = JSON.parse(
      await readFile(join(import.meta.dirname, 'golden', 'AgentRegistered.json'), 'utf8'),
    ) as { data: object };
    const metadata = {
      version: 1,
      org: 'default',
      actor: { type: 'joiner', id: 'join-token' },
      correlation_id: '',
    };
    await bench.platform.connections.eventStore.appendToStream(`agent-${agent_id}`, [
      jsonEvent({ type: 'AgentRegistered', data: { ...data, agent_id }, metadata }),
    ]);
    expect(await access(agent_id)).toMatchObject({ pool: 'linux', keys: [] });
  });

  it('are not taken over when somebody else registers another agent with the same key', async () => {
    const { agent_id, key } = await bench.register({ pool: 'p1' });
    await expect(bench.register({ agent_id, pool: 'p2' })).rejects.toMatchObject({
      problem: { kind: 'conflict', code: 'idempotency_key_reused' },
    });
    expect(await access(agent_id)).toMatchObject({ pool: 'p1', keys: [key] });
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
    for (const id of ids) expect(await bench.historyOf(id)).toEqual(['AgentRegistered.v2']);
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
      const took = await awakeMs(async () => {
        for (let turn = 0; turn < 10; turn++)
          expect(await bench.beat(agent_id)).toMatchObject({ status: 'HEALTHY' });
      });
      // One read that waited would take five seconds.
      expect(took).toBeLessThan(4_500);
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
