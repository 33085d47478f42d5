/**
 * Pools: settings from their streams, agents from this replica's index, and what waits from the queue. Any name is a
 * pool: one without agents, settings and jobs is empty, so that an autoscaler can ask before the first agent is there.
 */
import {
  queueRequests,
  type AgentConfig,
  type CallContext,
  type ConfigurePool,
  type PoolAgent,
  type PoolView,
  type QueuePool,
} from '@hybrid/contracts';
import { Things } from '@hybrid/event-store';
import { Connections } from '@hybrid/service';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { v5 as uuidV5 } from 'uuid';
import { AgentIndex } from '../agents/agent-index.js';
import { Agents } from '../agents/agents.js';
import { defaultSettings, poolDecider, type PoolCommand, type PoolState } from './pool.decider.js';
import type { PoolEvent } from './pool.events.js';
import { poolList } from './pool-list.projection.js';
import { agentConfig, poolAgent, poolView, type PresentAgent } from './pool.view.js';

/** Namespace of the ids that organisation and pool turn into; never changed. */
const POOL_NAMESPACE = '0c1f5c6a-9e0b-4f3d-9f43-6b2f5b1a7d55';
/** Agents of a pool that are told to the queue, which names some and counts the others. */
const MAX_AGENTS = 1_000;

const NO_FIGURES = {
  ended: 0,
  avg_wait_seconds: 0,
  p95_wait_seconds: 0,
  avg_execution_seconds: 0,
  p95_execution_seconds: 0,
  failure_rate: 0,
};

@Injectable()
export class Pools implements OnModuleInit {
  private readonly things: Things<PoolState, PoolCommand, PoolEvent>;

  constructor(
    private readonly connections: Connections,
    private readonly agents: Agents,
    private readonly index: AgentIndex,
  ) {
    this.things = new Things(connections.eventStore, 'agentPool', poolDecider);
  }

  async onModuleInit(): Promise<void> {
    await this.connections.project(poolList);
  }

  /** Those that have agents, settings or jobs, by name. @throws ProblemError `service_unavailable` without the queue. */
  async list(call: CallContext): Promise<PoolView[]> {
    const [configured, { pools }] = await Promise.all([
      this.configured(call),
      this.connections.requests.send(queueRequests.pools, {}, call),
    ]);
    const agents = this.agentsByPool(call.org);
    const queues = new Map(pools.map((queue) => [queue.pool, queue]));
    const names = new Set([...agents.keys(), ...configured.keys(), ...queues.keys()]);
    return [...names]
      .sort()
      .map((pool) =>
        poolView(
          pool,
          agents.get(pool) ?? [],
          configured.get(pool) ?? defaultSettings,
          queues.get(pool) ?? nothingIn(pool),
          now(),
        ),
      );
  }

  /** @throws ProblemError `service_unavailable` without the queue. */
  async get(pool: string, call: CallContext): Promise<PoolView> {
    const [{ state }, queue] = await Promise.all([
      this.things.load(poolId(call.org, pool), call.org),
      this.connections.requests.send(queueRequests.pool, { pool }, call),
    ]);
    return poolView(pool, this.agentsOf(call.org, pool), state, queue, now());
  }

  async configure(pool: string, changes: ConfigurePool, call: CallContext): Promise<PoolView> {
    const command: PoolCommand = { type: 'ConfigurePool', pool, changes, now: now() };
    await this.things.handle(poolId(call.org, pool), command, call);
    return this.get(pool, call);
  }

  async configOf(agentId: string, call: CallContext): Promise<AgentConfig> {
    const agent = await this.agents.present(agentId, call.org);
    const { state } = await this.things.load(poolId(call.org, agent.pool), call.org);
    return agentConfig(agent, state);
  }

  agentsIn(pool: string, call: CallContext): PoolAgent[] {
    return this.agentsOf(call.org, pool).slice(0, MAX_AGENTS).map(poolAgent);
  }

  agentsByPool(org: string): Map<string, PresentAgent[]> {
    const pools = new Map<string, PresentAgent[]>();
    for (const state of this.index.of(org)) {
      const { agent } = state;
      if (!agent) continue;
      const found = pools.get(agent.pool);
      if (found) found.push({ ...state, agent });
      else pools.set(agent.pool, [{ ...state, agent }]);
    }
    return pools;
  }

  private agentsOf(org: string, pool: string): PresentAgent[] {
    return this.agentsByPool(org).get(pool) ?? [];
  }

  private async configured(call: CallContext): Promise<Map<string, PoolState>> {
    await this.connections.readModel(poolList).reach(call.atLeast);
    const { rows } = await this.connections.pool.query<{ pool: string; state: PoolState }>(
      'select pool, state from agents.pools where org = $1',
      [call.org],
    );
    return new Map(rows.map(({ pool, state }) => [pool, state]));
  }
}

/** What the queue says of a pool that it has never heard of. */
function nothingIn(pool: string): QueuePool {
  return {
    pool,
    queued: 0,
    delayed: 0,
    running: 0,
    completed: 0,
    failed: 0,
    dead_lettered: 0,
    cancelled: 0,
    windows: { '5m': NO_FIGURES, '1h': NO_FIGURES, '24h': NO_FIGURES },
    oldest_wait_seconds: null,
    paused: null,
  };
}

function poolId(org: string, pool: string): string {
  return uuidV5(JSON.stringify([org, pool]), POOL_NAMESPACE);
}

function now(): string {
  return new Date().toISOString();
}
