/** The facts of stream `agentPool-<uuid v5 of organisation and pool>`: settings only. A pool without any needs no stream. */
import type { WorkloadIdentity } from '@hybrid/contracts';
import type { EventTypes } from '@hybrid/decider';

export type PoolEvent = { type: 'PoolConfigured'; data: PoolConfigured };

export const poolEvents: EventTypes<PoolEvent> = { today: { PoolConfigured: true } };

/** All of them, as they are from now on. Null: none was told. */
export interface PoolSettings {
  min_agents: number;
  max_agents: number;
  target_wait_seconds: number;
  agent_capacity: number | null;
  deployment_targets: string[];
  schedule_interval_seconds: number;
  workload_identity: WorkloadIdentity | null;
}

export interface PoolConfigured extends PoolSettings {
  pool: string;
  at: string;
}
