import { describe, expect, it } from '@jest/globals';
import { seededRandom } from '@hybrid/testing';
import { noFigures, queuePool } from './pool.fixtures.js';
import { defaultSettings } from './pool.decider.js';
import type { PoolSettings } from './pool.events.js';
import { scaleSignal } from './scale-signal.js';

const now = '2026-01-01T00:00:00.000Z';
const paused = { reason: 'the machines are being moved', by: 'user somebody', at: now };

function signal(queue = queuePool(), settings: Partial<PoolSettings> = {}, capacities: number[] = []) {
  return scaleSignal({
    pool: 'gpu',
    queue,
    settings: { ...defaultSettings, ...settings },
    capacities,
    now,
  });
}

describe('the scale signal', () => {
  it.each([
    ['nothing to do', signal(), 0],
    ['nothing to do, two agents', signal(queuePool(), {}, [1, 1]), 0],
    ['one waits', signal(queuePool({ queued: 1 }, 1)), 1],
    ['one waits and takes an hour', signal(queuePool({ queued: 1 }, 3600)), 1],
    ['10 wait, 3 s each, 30 s is soon enough', signal(queuePool({ queued: 10 }, 3)), 1],
    ['10 wait, 4 s each: 10 × 4 / 30', signal(queuePool({ queued: 10 }, 4)), 2],
    ['10 wait, a minute each: no more than jobs', signal(queuePool({ queued: 10 }, 60)), 10],
    ['10 wait, nothing known: a minute each', signal(queuePool({ queued: 10 })), 10],
    ['10 wait, they may for ten minutes', signal(queuePool({ queued: 10 }), { target_wait_seconds: 600 }), 1],
    ['5 run', signal(queuePool({ running: 5 }, 60)), 5],
    ['5 run, 10 wait, 3 s each', signal(queuePool({ running: 5, queued: 10 }, 3)), 6],
    ['delayed ones do not count', signal(queuePool({ queued: 10, delayed: 9 }, 60)), 1],
    ['all are delayed', signal(queuePool({ queued: 10, delayed: 10 }, 60)), 0],
    ['paused: only those that run', signal(queuePool({ queued: 10, running: 2, paused }, 60)), 2],
    ['4 at a time each', signal(queuePool({ queued: 9 }, 60), { agent_capacity: 4 }), 3],
    ['the average of the present: 2', signal(queuePool({ queued: 9 }, 60), {}, [1, 3]), 5],
    ['at least', signal(queuePool(), { min_agents: 2 }), 2],
    ['at most', signal(queuePool({ queued: 500 }, 60)), 100],
    ['at most, told', signal(queuePool({ queued: 50 }, 60), { max_agents: 7 }), 7],
  ])('%s: %#', (_, { desired_agents }, expected) => {
    expect(desired_agents).toBe(expected);
  });

  it('takes the figures of the last hour, then of the day', () => {
    const windows = {
      '5m': noFigures,
      '1h': noFigures,
      '24h': { ...noFigures, ended: 3, avg_execution_seconds: 12 },
    };
    const { avg_execution_seconds, reason } = signal(queuePool({ queued: 5, windows }));
    expect(avg_execution_seconds).toBe(12);
    expect(reason).toContain('each takes about 12 s (average of the last 24 hours)');
  });

  it.each([
    [
      signal(queuePool({ queued: 12, running: 3 }, 40), { agent_capacity: 4 }),
      '3 jobs run; 12 jobs wait, and each takes about 40 s (average of the last hour), so that 12 more at a time start them within 30 s; 15 at a time, 4 for each agent, is 4 agents',
    ],
    [
      signal(queuePool({ queued: 1, running: 1 }), { max_agents: 1 }),
      '1 job runs; 1 job waits, and each takes about 60 s (assumed, as none has ended yet), so that 1 more at a time start them within 30 s; 2 at a time, 1 for each agent, is 2 agents; the pool has at most 1',
    ],
    [
      signal(queuePool({ queued: 4, paused }), { min_agents: 1 }),
      '0 jobs run; the pool is paused (the machines are being moved), so that those which wait need none; 0 at a time, 1 for each agent, is 0 agents; the pool has at least 1',
    ],
    [signal(), '0 jobs run; none waits; 0 at a time, 1 for each agent, is 0 agents'],
  ])('says why, in numbers: %#', ({ reason }, expected) => {
    expect(reason).toBe(expected);
  });

  it('keeps what runs, and never asks for more places than there are jobs', () => {
    const random = seededRandom();
    const upTo = (max: number) => Math.floor(random() * max);
    for (let round = 0; round < 2_000; round++) {
      const running = upTo(50);
      const queued = upTo(200);
      const delayed = upTo(queued + 1);
      const min_agents = upTo(10);
      const max_agents = min_agents + upTo(300);
      const agent_capacity = 1 + upTo(5);
      const { desired_agents } = signal(queuePool({ running, queued, delayed }, random() * 300), {
        min_agents,
        max_agents,
        agent_capacity,
        target_wait_seconds: 1 + upTo(600),
      });
      expect(desired_agents).toBeGreaterThanOrEqual(
        Math.min(max_agents, Math.max(min_agents, Math.ceil(running / agent_capacity))),
      );
      expect(desired_agents).toBeLessThanOrEqual(
        Math.min(max_agents, Math.max(min_agents, Math.ceil((running + queued - delayed) / agent_capacity))),
      );
    }
  });
});
