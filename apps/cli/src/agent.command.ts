/** Commands for agents and their pools. */
import type { AgentView, PoolView, ScalePool } from '@hybrid/contracts';
import type { CommandContext, PageOptions } from './context.js';
import { ago, duration } from './text/duration.js';
import { paintStatus } from './text/status.js';
import { table } from './text/table.js';
import { terminalText } from './text/terminal-text.js';

export async function listAgents(
  { api, out }: CommandContext,
  query: PageOptions & { status?: string; pool?: string },
): Promise<void> {
  const page = await api.listAgents({ ...query });
  if (out.format === 'json') return out.json(page);
  const rows = page.agents.map((agent) => [
    agent.agent_id,
    agent.name,
    terminalText(agent.pool, false),
    agent.status,
    `${agent.jobs_running}/${agent.capacity}`,
    terminalText(agent.capabilities.join(','), false),
    ago(agent.last_heartbeat, Date.now()),
  ]);
  out.line(
    table(['ID', 'NAME', 'POOL', 'STATUS', 'JOBS', 'CAN', 'LAST HEARTBEAT'], rows, (cell, column, row) =>
      column === 3 && row >= 0 ? paintStatus(cell, page.agents[row]?.status ?? '') : cell,
    ),
  );
  if (page.next_cursor) out.note(`${page.total} in all; the next ones: --cursor ${page.next_cursor}`);
}

export async function getAgent({ api, out }: CommandContext, id: string): Promise<void> {
  const agent = await api.getAgent(id);
  if (out.format === 'json') return out.json(agent);
  const rows = Object.entries(agent).map(([key, value]) => [
    key,
    terminalText(typeof value === 'object' ? JSON.stringify(value) : `${value}`, false),
  ]);
  out.line(table(['FIELD', 'VALUE'], rows));
}

export async function drainAgent({ api, out }: CommandContext, id: string): Promise<void> {
  tellAgent(out, await api.drainAgent(id));
}

export async function resumeAgent({ api, out }: CommandContext, id: string): Promise<void> {
  tellAgent(out, await api.resumeAgent(id));
}

export async function deregisterAgent({ api, out }: CommandContext, id: string): Promise<void> {
  const agent = await api.deregisterAgent(id);
  if (out.format === 'json') return out.json(agent);
  out.line(`agent ${agent.agent_id} (${agent.name}) is deregistered: its credential is worth nothing now`);
}

function tellAgent(out: CommandContext['out'], agent: AgentView): void {
  if (out.format === 'json') return out.json(agent);
  const why = agent.status_reason ? `: ${terminalText(agent.status_reason, false)}` : '';
  out.line(`agent ${agent.agent_id} (${agent.name}) is ${agent.status}${why}`);
}

export async function listPools({ api, out }: CommandContext): Promise<void> {
  const reply = await api.listPools();
  if (out.format === 'json') return out.json(reply);
  const rows = reply.pools.map((pool) => [
    terminalText(pool.pool, false),
    `${Object.values(pool.agents).reduce((sum, count) => sum + count, 0)}`,
    `${pool.running}/${pool.capacity}`,
    `${pool.queue_depth}`,
    oldest(pool),
    `${pool.scale.desired_agents}`,
    pool.paused ? terminalText(pool.paused.reason, false) : '',
  ]);
  out.line(table(['POOL', 'AGENTS', 'JOBS', 'QUEUED', 'OLDEST', 'DESIRED AGENTS', 'PAUSED'], rows));
}

export async function getPool({ api, out }: CommandContext, name: string): Promise<void> {
  const pool = await api.getPool(name);
  if (out.format === 'json') return out.json(pool);
  const counts = Object.entries(pool.agents).filter(([, count]) => count > 0);
  const labels = Object.entries(pool.labels).map(([label, values]) => `${label}=${values.join('|')}`);
  const rows = [
    ['agents', counts.map(([status, count]) => `${count} ${status}`).join(', ') || 'none'],
    ['jobs', `${pool.running} of ${pool.capacity} at a time (${Math.round(pool.utilisation * 100)} %)`],
    ['labels', labels.join(', ')],
    ['capabilities', pool.capabilities.join(', ')],
    ['queued', `${pool.queue_depth}, the oldest for ${oldest(pool)}`],
    ['paused', pool.paused ? `by ${pool.paused.by} since ${pool.paused.at}: ${pool.paused.reason}` : 'no'],
    ['scale', `${pool.scale.desired_agents} agents desired, ${pool.scale.current_agents} there`],
    ['because', pool.scale.reason],
  ];
  out.line(
    table(
      ['POOL', pool.pool],
      rows.map((cells) => cells.map((cell) => terminalText(cell, false))),
    ),
  );
}

export async function pausePool(
  { api, out }: CommandContext,
  name: string,
  { reason }: { reason: string },
): Promise<void> {
  const reply = await api.pausePool(name, reason);
  if (out.format === 'json') return out.json(reply);
  out.line(`pool ${name} is paused: its jobs wait until hybrid pool resume ${name}`);
}

export async function resumePool({ api, out }: CommandContext, name: string): Promise<void> {
  const reply = await api.resumePool(name);
  if (out.format === 'json') return out.json(reply);
  out.line(`pool ${name} goes on`);
}

/** Without options it only tells how many agents the pool should have, and why. */
export async function scalePool(
  { api, out }: CommandContext,
  name: string,
  options: { min?: number; max?: number; targetWait?: number; agentCapacity?: number },
): Promise<void> {
  const { min, max, targetWait, agentCapacity } = options;
  const agents = { min_agents: min, max_agents: max, agent_capacity: agentCapacity };
  const settings: ScalePool = { ...agents, target_wait_seconds: targetWait };
  if (Object.values(settings).some((value) => value !== undefined)) await api.scalePool(name, settings);
  const signal = await api.poolScale(name);
  if (out.format === 'json') return out.json(signal);
  const { desired_agents, current_agents, min_agents, max_agents, target_wait_seconds } = signal;
  out.line(
    `pool ${name} should have ${desired_agents} agents and has ${current_agents}: ${terminalText(signal.reason, false)}`,
  );
  out.line(
    `from ${min_agents} to ${max_agents} agents, so that no job waits longer than ${target_wait_seconds} s`,
  );
}

function oldest({ oldest_wait_seconds }: PoolView): string {
  return oldest_wait_seconds === null ? '-' : duration(oldest_wait_seconds * 1000);
}
