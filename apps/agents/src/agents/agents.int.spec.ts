import {
  agentsRequests,
  queueRequests,
  type Heartbeat,
  type RegisterAgentCommand,
  type Request,
} from '@hybrid/contracts';
import { callBy, startPlatform, type Platform } from '@hybrid/test-platform';
import { eventually } from '@hybrid/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { AgentsModule } from '../app.module.js';

const figures = {
  cpu_percent: 12.5,
  memory_percent: 30,
  disk_percent: 40,
  jobs_queued: 0,
  jobs_completed: 7,
  uptime_seconds: 60,
};

describe('the agents, over NATS', () => {
  let platform: Platform;
  const user = callBy('user', 'someone');
  const stranger = callBy('user', 'stranger', 'other');

  beforeAll(async () => {
    platform = await startPlatform();
    await platform.serve(AgentsModule);
  });
  afterAll(() => platform.stop());

  const send = <I, O>(request: Request<I, O>, input: I, call = user) =>
    platform.connections.requests.send(request, input, call);
  const register = async (more: Partial<RegisterAgentCommand> = {}) => {
    const agent_id = more.agent_id ?? randomUUID();
    const credential_sha256 = 'a'.repeat(64);
    return send(agentsRequests.register, { name: 'builder', credential_sha256, ...more, agent_id });
  };
  const beat = (agent_id: string, more: Partial<Heartbeat> = {}, call = user) =>
    send(agentsRequests.heartbeat, { ...figures, ...more, agent_id }, call);
  const get = (agent_id: string) => send(agentsRequests.get, { agent_id });
  const setStatus = (agent_id: string, status: 'HEALTHY' | 'DRAINING' | 'OFFLINE') =>
    send(agentsRequests.setStatus, { agent_id, status });
  const authenticate = (agent_id: string, credential_sha256: string) =>
    send(agentsRequests.authenticate, { agent_id, credential_sha256 });
  const silentFor = (agent_id: string, seconds: number) =>
    platform.connections.pool.query(
      `update agents.heartbeats set seen_at = now() - make_interval(secs => $2) where id = $1`,
      [agent_id, seconds],
    );
  const streamOf = async (id: string) => {
    const types: string[] = [];
    for await (const { event } of platform.connections.eventStore.readStream(`agent-${id}`))
      types.push(event!.type);
    return types;
  };

  it('register, and are listed with the figures of their last heartbeat', async () => {
    const pool = randomUUID();
    const { agent_id } = await register({ pool, labels: { os: 'linux' }, capacity: 2 });
    const view = { agent_id, name: 'builder', pool, labels: { os: 'linux' }, capacity: 2, status: 'HEALTHY' };
    await eventually(async () =>
      expect(await send(agentsRequests.list, { pool })).toMatchObject({
        total: 1,
        items: [{ ...view, last_heartbeat: null, cpu_percent: null, jobs_running: 0 }],
      }),
    );
    await beat(agent_id);
    const seen = { ...view, cpu_percent: 12.5, memory_percent: 30, disk_percent: 40, jobs_completed: 7 };
    expect((await send(agentsRequests.list, { pool })).items).toMatchObject([seen]);
    const { last_heartbeat } = await get(agent_id);
    expect(Math.abs(Date.parse(last_heartbeat!) - Date.now())).toBeLessThan(60_000);
    expect(await streamOf(agent_id)).toEqual(['AgentRegistered']);
  });

  it('are known by their credential, and refused alike whatever is wrong with it', async () => {
    const [right, wrong] = ['a'.repeat(64), 'b'.repeat(64)];
    const { agent_id } = await register({ pool: 'p1' });
    expect(await authenticate(agent_id, right)).toEqual({ org: 'default', pool: 'p1' });
    const gone = await register();
    await send(agentsRequests.deregister, { agent_id: gone.agent_id });
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
    const { agent_id } = await register();
    await register({ agent_id, credential_sha256: 'b'.repeat(64) });
    await expect(authenticate(agent_id, 'a'.repeat(64))).rejects.toMatchObject({
      problem: { code: 'agent_unknown' },
    });
    await authenticate(agent_id, 'b'.repeat(64));
    await send(agentsRequests.deregister, { agent_id });
    await expect(register({ agent_id })).rejects.toMatchObject({ problem: { code: 'agent_deregistered' } });
  });

  it('renew the leases of their jobs and learn which they lost', async () => {
    const asked: unknown[] = [];
    const queue = platform.connections.nats.subscribe(queueRequests.renew.subject, {
      queue: 'queue',
      callback: (_, message) => {
        asked.push(message.json());
        message.respond(JSON.stringify({ lost: ['j2'] }));
      },
    });
    const { agent_id } = await register();
    const running = [
      { job_id: 'j1', attempt: 1 },
      { job_id: 'j2', attempt: 3 },
    ];
    expect(await beat(agent_id, { running })).toEqual({
      status: 'HEALTHY',
      next_check_interval: 5,
      lost: ['j2'],
    });
    expect(asked).toEqual([{ agent_id, running }]);
    expect((await get(agent_id)).jobs_running).toBe(2);
    expect(await beat(agent_id)).toMatchObject({ lost: [] });
    expect(asked).toHaveLength(1);
    queue.unsubscribe();
  });

  it('that fall silent become degraded, then offline, then dead, and healthy again with a heartbeat', async () => {
    const { agent_id } = await register();
    await beat(agent_id);
    for (const [seconds, status] of [
      [20, 'DEGRADED'],
      [40, 'OFFLINE'],
      [400, 'DEAD'],
    ] as const) {
      await silentFor(agent_id, seconds);
      await eventually(async () => expect((await get(agent_id)).status).toBe(status), 15_000);
    }
    expect((await beat(agent_id)).status).toBe('HEALTHY');
    expect(await streamOf(agent_id)).toEqual([
      'AgentRegistered',
      ...Array.from({ length: 4 }, () => 'AgentHealthChanged'),
    ]);
  });

  it('drain, resume and stop; who stopped is not draining any more', async () => {
    const { agent_id } = await register();
    expect((await setStatus(agent_id, 'DRAINING')).status).toBe('DRAINING');
    expect((await beat(agent_id)).status).toBe('DRAINING');
    expect((await setStatus(agent_id, 'HEALTHY')).status).toBe('HEALTHY');
    await setStatus(agent_id, 'DRAINING');
    expect((await setStatus(agent_id, 'OFFLINE')).status).toBe('OFFLINE');
    expect((await beat(agent_id)).status).toBe('HEALTHY');
  });

  it('are not listed any more once deregistered, and their heartbeat is refused', async () => {
    const pool = randomUUID();
    const { agent_id } = await register({ pool });
    await eventually(async () => expect((await send(agentsRequests.list, { pool })).total).toBe(1));
    await send(agentsRequests.deregister, { agent_id });
    await expect(beat(agent_id)).rejects.toMatchObject({ problem: { code: 'agent_not_found' } });
    await eventually(async () => expect((await send(agentsRequests.list, { pool })).total).toBe(0));
  });

  it('show and do nothing for another organisation', async () => {
    const pool = randomUUID();
    const { agent_id } = await register({ pool });
    await beat(agent_id);
    await silentFor(agent_id, 5);
    const { last_heartbeat } = await get(agent_id);
    await eventually(async () => expect((await send(agentsRequests.list, { pool })).total).toBe(1));
    expect(await send(agentsRequests.list, { pool }, stranger)).toMatchObject({ total: 0, items: [] });
    const missing = { problem: { kind: 'not_found', code: 'agent_not_found' } };
    await expect(send(agentsRequests.get, { agent_id }, stranger)).rejects.toMatchObject(missing);
    await expect(send(agentsRequests.deregister, { agent_id }, stranger)).rejects.toMatchObject(missing);
    await expect(
      send(agentsRequests.setStatus, { agent_id, status: 'DRAINING' }, stranger),
    ).rejects.toMatchObject(missing);
    await expect(beat(agent_id, { cpu_percent: 99 }, stranger)).rejects.toMatchObject(missing);
    expect(await get(agent_id)).toMatchObject({ status: 'HEALTHY', cpu_percent: 12.5, last_heartbeat });
  });
});
