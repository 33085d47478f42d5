import { agentsRequests, type ConfigurePool } from '@hybrid/contracts';
import { callBy } from '@hybrid/test-platform';
import { metricsText, startTelemetry } from '@hybrid/telemetry';
import { eventually } from '@hybrid/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { AgentsBench, type FakeQueue } from '../agents/agents.fixtures.js';
import { queuePool } from './pool.fixtures.js';

const paused = { reason: 'the machines are being moved', by: 'user someone', at: '2026-01-01T00:00:00.000Z' };

describe('pools, over NATS, with two replicas', () => {
  let bench: AgentsBench;
  let queue: FakeQueue;
  let stopMetrics: () => Promise<void>;
  const stranger = callBy('user', 'stranger', 'other');

  beforeAll(async () => {
    stopMetrics = await startTelemetry('agents', { metrics: true });
    // They say nothing, and are not judged by that here.
    bench = await AgentsBench.start({
      HYBRID_AGENT_DEGRADED_SECONDS: '3600',
      HYBRID_AGENT_OFFLINE_SECONDS: '3601',
      HYBRID_AGENT_DEAD_SECONDS: '3602',
    });
    await bench.replica();
    await bench.replica();
    queue = await bench.queue({
      pools: [
        queuePool({ pool: 'gpu', queued: 12, delayed: 2, running: 3, oldest_wait_seconds: 42 }, 6),
        queuePool({ pool: 'jobs-only', queued: 1, paused }),
        ...['empty', 'told', 'elsewhere'].map((pool) => queuePool({ pool })),
      ],
    });
  });
  afterAll(async () => {
    await bench?.stop();
    await stopMetrics?.();
  });

  const pool = (name: string, call = bench.user) => bench.send(agentsRequests.pool, { pool: name }, call);
  const configure = (name: string, settings: ConfigurePool, call = bench.user) =>
    bench.send(agentsRequests.configurePool, { ...settings, pool: name }, call);

  it('show their agents, what waits for them, and how many agents they need', async () => {
    const labels = { gpu: 'a100' };
    const { agent_id } = await bench.register({ pool: 'gpu', labels, capabilities: ['docker'], capacity: 4 });
    await bench.register({ pool: 'gpu', capacity: 2 });
    await bench.beat(agent_id, { disk_percent: 99 });
    // Both replicas have heard of it.
    await eventually(async () => {
      for (let turn = 0; turn < 6; turn++)
        expect(await pool('gpu')).toEqual({
          pool: 'gpu',
          agents: { HEALTHY: 1, DEGRADED: 0, UNHEALTHY: 1, OFFLINE: 0, DEAD: 0, DRAINING: 0 },
          capacity: 2,
          running: 3,
          utilisation: 1.5,
          labels: { gpu: ['a100'] },
          capabilities: ['docker'],
          queue_depth: 12,
          oldest_wait_seconds: 42,
          paused: null,
          scale: expect.objectContaining({ desired_agents: 3, current_agents: 1, busy: 3 }) as unknown,
          deployment_targets: [],
          schedule_interval_seconds: 60,
          workload_identity: null,
        });
    });
    const signal = await bench.send(agentsRequests.scale, { pool: 'gpu' });
    expect(signal).toMatchObject({ pool: 'gpu', desired_agents: 3, avg_execution_seconds: 6 });
    expect(signal.reason).toContain('10 jobs wait, and each takes about 6 s');
  });

  it('tell the queue their agents, whatever their status', async () => {
    const { agents } = await bench.send(agentsRequests.poolAgents, { pool: 'gpu' });
    expect(agents.map(({ status, capacity }) => [status, capacity]).sort()).toEqual([
      ['HEALTHY', 2],
      ['UNHEALTHY', 4],
    ]);
    expect(Object.keys(agents[0]!).sort()).toEqual(
      ['agent_id', 'capabilities', 'capacity', 'labels', 'name', 'status'].sort(),
    );
  });

  it('are configured bit by bit, each bit an event', async () => {
    expect((await configure('told', { max_agents: 8, agent_capacity: 4 })).scale).toMatchObject({
      min_agents: 0,
      max_agents: 8,
    });
    expect((await configure('told', { min_agents: 2, target_wait_seconds: 10 })).scale).toMatchObject({
      desired_agents: 2,
      min_agents: 2,
      max_agents: 8,
      target_wait_seconds: 10,
    });
    await expect(configure('told', { max_agents: 1 })).rejects.toMatchObject({
      problem: { kind: 'invalid', code: 'pool_limits_crossed' },
    });
    expect((await pool('told')).scale).toMatchObject({ min_agents: 2, max_agents: 8 });
  });

  it('tell their agents what to do, and who they are to others', async () => {
    const { agent_id } = await bench.register({ pool: 'told' });
    const workload_identity = { issuer: 'https://token.example.com', audience: 'sts.example.com' };
    await configure('told', {
      deployment_targets: ['staging'],
      schedule_interval_seconds: 20,
      workload_identity,
    });
    expect(await bench.send(agentsRequests.config, { agent_id })).toEqual({
      agent_id,
      pool: 'told',
      deployment_targets: ['staging'],
      schedule_interval_seconds: 20,
      workload_identity: { ...workload_identity, subject: `pool:told:agent:${agent_id}` },
    });
    await bench.send(agentsRequests.deregister, { agent_id });
    await expect(bench.send(agentsRequests.config, { agent_id })).rejects.toMatchObject({
      problem: { code: 'agent_not_found' },
    });
    await expect(bench.send(agentsRequests.config, { agent_id: randomUUID() })).rejects.toMatchObject({
      problem: { code: 'agent_not_found' },
    });
  });

  it('are listed by name where they have agents, settings or jobs', async () => {
    await eventually(async () => {
      const { pools } = await bench.send(agentsRequests.pools, {});
      const names = pools.map((view) => view.pool);
      expect(names).toEqual(['elsewhere', 'empty', 'gpu', 'jobs-only', 'told']);
      expect(pools[2]).toMatchObject({ capacity: 2, queue_depth: 12 });
      expect(pools[3]).toMatchObject({ paused, capacity: 0 });
      expect(pools[4]).toMatchObject({ deployment_targets: ['staging'], scale: { min_agents: 2 } });
    });
  });

  it('of another organisation are its own', async () => {
    await configure('gpu', { min_agents: 7 }, stranger);
    expect(await pool('gpu', stranger)).toMatchObject({ capacity: 0, scale: { min_agents: 7 } });
    expect(await pool('gpu')).toMatchObject({ capacity: 2, scale: { min_agents: 0 } });
  });

  it('are measured', async () => {
    // Of either replica, which hears of agents a little later than the other.
    await eventually(async () => {
      const text = (await metricsText())!;
      expect(text).toMatch(/^hybrid_pool_agents\{.*pool="gpu".*status="UNHEALTHY".*\} 1/m);
      expect(text).toMatch(/^hybrid_pool_desired_agents\{.*pool="gpu".*\} 3/m);
      expect(text).toMatch(/^hybrid_pool_capacity\{.*pool="gpu".*\} 2/m);
      expect(text).toMatch(/^hybrid_pool_running\{.*pool="gpu".*\} 3/m);
    });
  });

  it('are not shown with half of the truth while the queue is away, and can be configured all the same', async () => {
    await queue.stop();
    const away = { problem: { kind: 'unavailable', code: 'service_unavailable' } };
    await expect(pool('gpu')).rejects.toMatchObject(away);
    await expect(bench.send(agentsRequests.pools, {})).rejects.toMatchObject(away);
    await expect(configure('told', { max_agents: 9 })).rejects.toMatchObject(away);
    queue = await bench.queue({ pools: [queuePool({ pool: 'told' })] });
    expect((await pool('told')).scale).toMatchObject({ max_agents: 9 });
  });
});
