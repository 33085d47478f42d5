import {
  AGENT_STATUSES,
  type AgentConfig,
  type AgentStatus,
  type PoolAgent,
  type PoolView,
  type QueuePool,
} from '@hybrid/contracts';
import type { AgentRegistered } from '../agents/agent.events.js';
import type { AgentState } from '../agents/agent.decider.js';
import { agentStatus } from '../agents/agent.view.js';
import type { PoolSettings } from './pool.events.js';
import { scaleSignal } from './scale-signal.js';

/** A degraded one missed a few heartbeats: it asks for jobs still, as far as is known. */
const TAKES_JOBS: ReadonlySet<AgentStatus> = new Set(['HEALTHY', 'DEGRADED']);

export type PresentAgent = AgentState & { agent: AgentRegistered };

/** @param agents of the pool, without the deregistered ones. */
export function poolView(
  pool: string,
  agents: PresentAgent[],
  settings: PoolSettings,
  queue: QueuePool,
  now: string,
): PoolView {
  const capacities = agents
    .filter((state) => TAKES_JOBS.has(agentStatus(state)))
    .map(({ agent }) => agent.capacity);
  const capacity = sum(capacities);
  const { deployment_targets, schedule_interval_seconds, workload_identity } = settings;
  return {
    pool,
    agents: countByStatus(agents),
    capacity,
    running: queue.running,
    utilisation: capacity ? queue.running / capacity : 0,
    labels: labelsOf(agents),
    capabilities: [...new Set(agents.flatMap(({ agent }) => agent.capabilities))].sort(),
    queue_depth: queue.queued,
    oldest_wait_seconds: queue.oldest_wait_seconds,
    paused: queue.paused,
    scale: scaleSignal({ pool, queue, settings, capacities, now }),
    deployment_targets,
    schedule_interval_seconds,
    workload_identity,
  };
}

export function poolAgent(state: PresentAgent): PoolAgent {
  const { agent_id, name, labels, capabilities, capacity } = state.agent;
  return { agent_id, name, labels, capabilities, capacity, status: agentStatus(state) };
}

export function agentConfig({ agent_id, pool }: AgentRegistered, settings: PoolSettings): AgentConfig {
  const { deployment_targets, schedule_interval_seconds, workload_identity } = settings;
  const subject = workload_identity?.subject ?? `pool:${pool}:agent:${agent_id}`;
  return {
    agent_id,
    pool,
    deployment_targets,
    schedule_interval_seconds,
    workload_identity: workload_identity && { ...workload_identity, subject },
  };
}

export function countByStatus(agents: PresentAgent[]): Record<AgentStatus, number> {
  const counts = Object.fromEntries(AGENT_STATUSES.map((status) => [status, 0])) as Record<
    AgentStatus,
    number
  >;
  for (const state of agents) counts[agentStatus(state)]++;
  return counts;
}

function labelsOf(agents: PresentAgent[]): Record<string, string[]> {
  const values = new Map<string, Set<string>>();
  for (const { agent } of agents)
    for (const [name, value] of Object.entries(agent.labels))
      values.set(name, (values.get(name) ?? new Set()).add(value));
  return Object.fromEntries([...values].sort().map(([name, found]) => [name, [...found].sort()]));
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
