import { describe, it } from '@jest/globals';
import { given } from '@hybrid/testing';
import { defaultSettings, poolDecider, type PoolCommand } from './pool.decider.js';
import type { PoolEvent } from './pool.events.js';

const now = '2026-01-01T00:00:00.000Z';
const { pool: _, ...defaults } = defaultSettings;
const configure = (changes: PoolCommand['changes']): PoolCommand => ({
  type: 'ConfigurePool',
  pool: 'gpu',
  changes,
  now,
});
const configured = (settings: Partial<PoolEvent['data']> = {}): PoolEvent => ({
  type: 'PoolConfigured',
  data: { pool: 'gpu', ...defaults, ...settings, at: now },
});

describe('the settings of a pool', () => {
  it('begin with what is usual', () => {
    given(poolDecider)
      .when(configure({ max_agents: 8 }))
      .then(configured({ max_agents: 8 }));
  });

  it('keep what is left out', () => {
    const workload_identity = { issuer: 'https://token.example.com', audience: 'sts' };
    given(poolDecider, configured({ max_agents: 8, deployment_targets: ['staging'] }))
      .when(configure({ workload_identity, agent_capacity: 2 }))
      .then(
        configured({ max_agents: 8, deployment_targets: ['staging'], workload_identity, agent_capacity: 2 }),
      );
  });

  it('are not told twice', () => {
    given(poolDecider, configured({ min_agents: 0, max_agents: 8 }))
      .when(configure({ min_agents: 0, max_agents: 8 }))
      .thenNothing();
  });

  it.each([
    [{ min_agents: 9 }, [configured({ max_agents: 8 })]],
    [{ max_agents: 1 }, [configured({ min_agents: 2 })]],
    [{ min_agents: 101 }, []],
  ])('cannot ask for more than they allow: %j', (changes, history) => {
    given(poolDecider, ...history)
      .when(configure(changes))
      .thenRejected('pool_limits_crossed');
  });
});
