import { describe, expect, it } from '@jest/globals';
import { fold } from '@hybrid/decider';
import { agentDecider } from '../agents/agent.decider.js';
import type { AgentEvent, AgentRegistered } from '../agents/agent.events.js';
import { queuePool } from './pool.fixtures.js';
import { defaultSettings } from './pool.decider.js';
import { agentConfig, poolView, type PresentAgent } from './pool.view.js';

const at = '2026-01-01T00:00:00.000Z';

function agent(more: Partial<AgentRegistered> = {}, ...then: AgentEvent[]): PresentAgent {
  const data: AgentRegistered = {
    agent_id: 'a1',
    name: 'builder',
    pool: 'gpu',
    labels: {},
    region: null,
    capabilities: [],
    capacity: 2,
    version: null,
    key: { kid: 'k1', version: 1, expires_at: null },
    joined_by: { kind: 'installation', id: 'join-token' },
    at,
    ...more,
  };
  return fold(agentDecider, [{ type: 'AgentRegistered.v2', data }, ...then]) as PresentAgent;
}

const became = (status: 'DEGRADED' | 'UNHEALTHY' | 'OFFLINE' | 'DEAD'): AgentEvent => ({
  type: 'AgentHealthChanged',
  data: { status, reason: 'why', at },
});

describe('a pool', () => {
  it('has the capacity of the agents that take jobs', () => {
    const drained: AgentEvent = { type: 'AgentDrainStarted', data: { at } };
    const agents = [
      agent(),
      agent({ capacity: 3 }, became('DEGRADED')),
      agent({}, became('UNHEALTHY')),
      agent({}, became('OFFLINE')),
      agent({}, became('DEAD')),
      agent({}, drained),
    ];
    expect(poolView('gpu', agents, defaultSettings, queuePool({ running: 4 }), at)).toMatchObject({
      agents: { HEALTHY: 1, DEGRADED: 1, UNHEALTHY: 1, OFFLINE: 1, DEAD: 1, DRAINING: 1 },
      capacity: 5,
      running: 4,
      utilisation: 0.8,
      scale: { current_agents: 2 },
    });
  });

  it('without agents has no capacity, and no utilisation', () => {
    expect(poolView('gpu', [], defaultSettings, queuePool({ queued: 1 }), at)).toMatchObject({
      capacity: 0,
      utilisation: 0,
      queue_depth: 1,
      labels: {},
      scale: { desired_agents: 1, current_agents: 0 },
    });
  });

  it('shows every label with its values, and every capability', () => {
    const agents = [
      agent({ labels: { os: 'linux', zone: 'b' }, capabilities: ['process', 'docker'] }),
      agent({ labels: { os: 'linux', zone: 'a' }, capabilities: ['docker'] }),
    ];
    expect(poolView('gpu', agents, defaultSettings, queuePool(), at)).toMatchObject({
      labels: { os: ['linux'], zone: ['a', 'b'] },
      capabilities: ['docker', 'process'],
    });
  });

  it.each([
    [undefined, 'pool:gpu:agent:a1'],
    ['their-own', 'their-own'],
  ])('tells its agents who they are to others: %s', (subject, expected) => {
    const workload_identity = { issuer: 'https://token.example.com', audience: 'sts', subject };
    expect(agentConfig(agent().agent, { ...defaultSettings, workload_identity })).toEqual({
      agent_id: 'a1',
      pool: 'gpu',
      deployment_targets: [],
      schedule_interval_seconds: 60,
      workload_identity: { ...workload_identity, subject: expected },
    });
  });
});
