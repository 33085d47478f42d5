/** Gauges of the pools of every organisation with agents, and of the default one. Each replica reports the same: take one of them, or the max. */
import { AGENT_STATUSES, DEFAULT_ORG, serviceCall } from '@hybrid/contracts';
import { meter } from '@hybrid/telemetry';
import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { AgentIndex } from '../agents/agent-index.js';
import { countByStatus } from './pool.view.js';
import { Pools } from './pools.js';

const byStatus = meter.createObservableGauge('hybrid_pool_agents', {
  description: 'Agents of a pool by status; deregistered ones are not counted',
});
const desired = meter.createObservableGauge('hybrid_pool_desired_agents', {
  description: 'Agents that a pool needs now, as its scale signal says',
});
const capacity = meter.createObservableGauge('hybrid_pool_capacity', {
  description: 'Jobs at a time that the agents of a pool can run',
});
const running = meter.createObservableGauge('hybrid_pool_running', {
  description: 'Jobs that run in a pool',
});
const ASKED = [desired, capacity, running];

type BatchObserver = Parameters<typeof meter.addBatchObservableCallback>[0];
type Observer = Parameters<typeof byStatus.addCallback>[0];

@Injectable()
export class PoolMetrics implements OnApplicationBootstrap, OnModuleDestroy {
  constructor(
    private readonly index: AgentIndex,
    private readonly pools: Pools,
  ) {}

  onApplicationBootstrap(): void {
    byStatus.addCallback(this.observeAgents);
    meter.addBatchObservableCallback(this.observePools, ASKED);
  }

  onModuleDestroy(): void {
    byStatus.removeCallback(this.observeAgents);
    meter.removeBatchObservableCallback(this.observePools, ASKED);
  }

  private readonly observeAgents: Observer = (result) => {
    for (const org of this.index.organisations())
      for (const [pool, agents] of this.pools.agentsByPool(org)) {
        const counts = countByStatus(agents);
        for (const status of AGENT_STATUSES) result.observe(counts[status], { org, pool, status });
      }
  };

  /** A queue that does not answer leaves a gap. */
  private readonly observePools: BatchObserver = async (result) => {
    for (const org of new Set([DEFAULT_ORG, ...this.index.organisations()]))
      for (const view of await this.pools.list(serviceCall('agents', org, randomUUID()))) {
        const attributes = { org, pool: view.pool };
        result.observe(desired, view.scale.desired_agents, attributes);
        result.observe(capacity, view.capacity, attributes);
        result.observe(running, view.running, attributes);
      }
  };
}
