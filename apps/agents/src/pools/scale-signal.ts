/** How many agents a pool needs now: pure, so that the reason and the number cannot disagree. */
import type { QueuePool, ScaleSignal } from '@hybrid/contracts';
import type { PoolSettings } from './pool.events.js';

interface ScaleInput {
  pool: string;
  /** What the queue says of the pool. */
  queue: QueuePool;
  settings: PoolSettings;
  /** Capacities of the agents that take jobs. */
  capacities: number[];
  now: string;
}

/** Seconds that a job takes in a pool where none has ended within a day. */
const ASSUMED_SECONDS = 60;

/**
 * Jobs that run keep their places. For those that wait, by Little's law: `waiting × execution / target` places start them
 * within the target, at least one and at most one each. Delayed jobs count from when they may run, a paused pool's not at
 * all.
 */
export function scaleSignal({ pool, queue, settings, capacities, now }: ScaleInput): ScaleSignal {
  const { min_agents, max_agents, target_wait_seconds } = settings;
  const waiting = Math.max(0, queue.queued - queue.delayed);
  const busy = queue.running;
  const { seconds, source } = executionOf(queue);
  const wanted = waiting && !queue.paused ? places(waiting, seconds, target_wait_seconds) : 0;
  const slots = busy + wanted;
  const capacity = settings.agent_capacity ?? averageOf(capacities) ?? 1;
  const needed = Math.ceil(slots / capacity);
  const desired_agents = Math.min(Math.max(needed, min_agents), max_agents);
  const parts = [`${jobs(busy)} ${busy === 1 ? 'runs' : 'run'}`];
  if (queue.paused)
    parts.push(`the pool is paused (${queue.paused.reason}), so that those which wait need none`);
  else if (waiting)
    parts.push(
      `${jobs(waiting)} ${waiting === 1 ? 'waits' : 'wait'}, and each takes about ${round(seconds)} s (${source}), so that ${wanted} more at a time start them within ${target_wait_seconds} s`,
    );
  else parts.push('none waits');
  parts.push(`${slots} at a time, ${round(capacity)} for each agent, is ${agents(needed)}`);
  if (desired_agents > needed) parts.push(`the pool has at least ${min_agents}`);
  if (desired_agents < needed) parts.push(`the pool has at most ${max_agents}`);
  return {
    pool,
    desired_agents,
    current_agents: capacities.length,
    reason: parts.join('; '),
    queue_depth: queue.queued,
    busy,
    avg_execution_seconds: seconds,
    target_wait_seconds,
    min_agents,
    max_agents,
    at: now,
  };
}

function places(waiting: number, seconds: number, target: number): number {
  return Math.min(waiting, Math.max(1, Math.ceil((waiting * seconds) / target)));
}

/** Of the last hour, so that it follows what is built now; of the day where the hour has none. */
function executionOf({ windows }: QueuePool): { seconds: number; source: string } {
  for (const [window, source] of [
    ['1h', 'average of the last hour'],
    ['24h', 'average of the last 24 hours'],
  ] as const)
    if (windows[window].ended > 0) return { seconds: windows[window].avg_execution_seconds, source };
  return { seconds: ASSUMED_SECONDS, source: 'assumed, as none has ended yet' };
}

function averageOf(capacities: number[]): number | null {
  if (capacities.length === 0) return null;
  return capacities.reduce((sum, one) => sum + one, 0) / capacities.length;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function jobs(count: number): string {
  return count === 1 ? '1 job' : `${count} jobs`;
}

function agents(count: number): string {
  return count === 1 ? '1 agent' : `${count} agents`;
}
