import { problem, type AgentStatus, type AgentView, type Heartbeat } from '@hybrid/contracts';
import type { AgentState } from './agent.decider.js';

/** The last heartbeat as `agents.heartbeats` keeps it. */
export interface LastHeartbeat {
  seen_at: Date | null;
  metrics: Omit<Heartbeat, 'running'> | null;
  running: number | null;
}

/** @throws ProblemError `agent_not_found`. */
export function agentView(state: AgentState, heartbeat?: LastHeartbeat): AgentView {
  const { agent } = state;
  if (!agent) throw agentNotFound();
  const metrics = heartbeat?.metrics;
  return {
    agent_id: agent.agent_id,
    name: agent.name,
    pool: agent.pool,
    labels: agent.labels,
    capabilities: agent.capabilities,
    capacity: agent.capacity,
    region: agent.region,
    version: agent.version,
    status: agentStatus(state),
    status_reason: statusReason(state),
    registered_at: agent.at,
    last_heartbeat: heartbeat?.seen_at?.toISOString() ?? null,
    jobs_running: heartbeat?.running ?? 0,
    jobs_completed: metrics?.jobs_completed ?? 0,
    cpu_percent: metrics?.cpu_percent ?? null,
    memory_percent: metrics?.memory_percent ?? null,
    disk_percent: metrics?.disk_percent ?? null,
    uptime_seconds: metrics?.uptime_seconds ?? null,
  };
}

export function agentStatus(state: AgentState): AgentStatus {
  return state.draining && state.health === 'HEALTHY' ? 'DRAINING' : state.health;
}

function statusReason(state: AgentState): string | null {
  return agentStatus(state) === 'DRAINING' ? 'it takes no new jobs until it is resumed' : state.reason;
}

export function agentNotFound() {
  return problem('not_found', 'agent_not_found', 'there is no such agent');
}
