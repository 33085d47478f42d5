/** The settings of a pool's agents. Rejections: pool_limits_crossed. */
import type { ConfigurePool } from '@hybrid/contracts';
import { reject, type Decider, type Rejection } from '@hybrid/decider';
import { isDeepStrictEqual } from 'node:util';
import { poolEvents, type PoolEvent, type PoolSettings } from './pool.events.js';

export interface PoolState extends PoolSettings {
  /** Null: nobody has configured it. */
  pool: string | null;
}

/** What is undefined in `changes` stays as it is. */
export type PoolCommand = { type: 'ConfigurePool'; pool: string; changes: ConfigurePool; now: string };

export const defaultSettings: PoolState = {
  pool: null,
  min_agents: 0,
  max_agents: 100,
  target_wait_seconds: 30,
  agent_capacity: null,
  deployment_targets: [],
  schedule_interval_seconds: 60,
  workload_identity: null,
};

export const poolDecider: Decider<PoolState, PoolCommand, PoolEvent> = {
  initial: defaultSettings,
  events: poolEvents,
  decide,
  evolve,
};

function decide({ pool, changes, now }: PoolCommand, state: PoolState): PoolEvent[] | Rejection {
  const after: PoolState & { pool: string } = {
    pool,
    min_agents: changes.min_agents ?? state.min_agents,
    max_agents: changes.max_agents ?? state.max_agents,
    target_wait_seconds: changes.target_wait_seconds ?? state.target_wait_seconds,
    agent_capacity: changes.agent_capacity ?? state.agent_capacity,
    deployment_targets: changes.deployment_targets ?? state.deployment_targets,
    schedule_interval_seconds: changes.schedule_interval_seconds ?? state.schedule_interval_seconds,
    workload_identity: changes.workload_identity ?? state.workload_identity,
  };
  if (after.min_agents > after.max_agents)
    return reject(
      'pool_limits_crossed',
      `min_agents (${after.min_agents}) is more than max_agents (${after.max_agents}): tell both`,
      'invalid',
    );
  if (isDeepStrictEqual(after, { ...state })) return [];
  return [{ type: 'PoolConfigured', data: { ...after, at: now } }];
}

function evolve(_: PoolState, event: PoolEvent): PoolState {
  const { at: _at, ...settings } = event.data;
  return settings;
}
