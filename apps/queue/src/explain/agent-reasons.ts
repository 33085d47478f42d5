/** What the agents of its pool have to do with a job's waiting. */
import { UNTRUSTED_JOBS, type AgentStatus, type PoolAgent, type WaitReason } from '@hybrid/contracts';

/** What a job needs of an agent. */
export interface Needs {
  pool: string;
  labels: Record<string, string>;
  capabilities: string[];
}

/** A job that an agent has. Times in milliseconds since the epoch. */
export interface Occupation {
  agentId: string;
  since: number;
  timeoutSeconds: number;
}

/** One that missed a few heartbeats may ask for jobs still. */
const TAKES_JOBS: ReadonlySet<AgentStatus> = new Set(['HEALTHY', 'DEGRADED']);

/**
 * None where an agent that fits has room.
 * @param agents null: the agents service does not answer.
 * @param usualSeconds that jobs of the pool took lately; null: none ended.
 */
export function agentReasons(
  needs: Needs,
  agents: PoolAgent[] | null,
  occupied: Occupation[],
  usualSeconds: number | null,
  now: number,
): WaitReason[] {
  const { pool } = needs;
  if (!agents)
    return [
      {
        code: 'agents_unavailable',
        detail: `nothing is known of the agents of the pool ${pool}, as the agents service does not answer`,
        facts: { pool, agents: null },
      },
    ];
  if (agents.length === 0)
    return [{ code: 'no_agent_in_pool', detail: `the pool ${pool} has no agent`, facts: { pool } }];
  const fitting = agents.filter((agent) => lacking(needs, agent).length === 0);
  if (fitting.length === 0) return [noneFits(needs, agents)];
  const present = fitting.filter(({ status }) => TAKES_JOBS.has(status));
  if (present.length === 0) return [unavailable(pool, fitting)];
  const busy = allBusy(pool, present, occupied, usualSeconds, now);
  return busy ? [busy] : [];
}

/** `gpu=yes`, `docker`. */
function lacking({ labels, capabilities }: Needs, agent: PoolAgent): string[] {
  return [
    ...Object.entries(labels)
      .filter(([name, value]) => agent.labels[name] !== value)
      .map(([name, value]) => `label ${name}=${value}`),
    ...capabilities
      .filter((capability) => !agent.capabilities.includes(capability))
      .map((capability) => `capability ${capability}`),
  ];
}

function noneFits(needs: Needs, agents: PoolAgent[]): WaitReason {
  const misses = agents.map((agent) => ({ name: agent.name, lacks: lacking(needs, agent) }));
  const nearest = misses.reduce((one, other) => (other.lacks.length < one.lacks.length ? other : one));
  const nobodyHas = misses.reduce(
    (all, { lacks }) => all.filter((each) => lacks.includes(each)),
    nearest.lacks,
  );
  const what = nobodyHas.length ? `has ${nobodyHas.join(' or ')}` : 'has all that the job needs';
  return {
    code: 'no_agent_fits',
    detail: `none of the ${count(agents.length, 'agent')} of the pool ${needs.pool} ${what}; the nearest, ${nearest.name}, lacks ${nearest.lacks.join(', ')}${hint(nobodyHas)}`,
    facts: {
      pool: needs.pool,
      agents: agents.length,
      missing: nobodyHas,
      nearest: nearest.name,
      nearest_lacks: nearest.lacks,
    },
  };
}

function hint(nobodyHas: string[]): string {
  return nobodyHas.includes(`capability ${UNTRUSTED_JOBS}`)
    ? ': the commits come from a fork, and agents of before know no such jobs; update them and register them anew'
    : '';
}

function unavailable(pool: string, fitting: PoolAgent[]): WaitReason {
  const counts: Record<string, number> = {};
  for (const { status } of fitting) counts[status] = (counts[status] ?? 0) + 1;
  const states = Object.entries(counts).map(([status, number]) => `${number} ${status}`);
  return {
    code: 'agents_unavailable',
    detail: `of the ${count(fitting.length, 'agent')} of the pool ${pool} that fit${fitting.length === 1 ? 's' : ''}, none takes jobs: ${states.join(', ')}`,
    facts: { pool, agents: fitting.length, ...counts },
  };
}

/** Null: one of them has room. */
function allBusy(
  pool: string,
  present: PoolAgent[],
  occupied: Occupation[],
  usualSeconds: number | null,
  now: number,
): WaitReason | null {
  const jobsOf = new Map<string, Occupation[]>(present.map(({ agent_id }) => [agent_id, []]));
  for (const occupation of occupied) jobsOf.get(occupation.agentId)?.push(occupation);
  if (present.some(({ agent_id, capacity }) => jobsOf.get(agent_id)!.length < capacity)) return null;
  const jobs = [...jobsOf.values()].flat();
  const ends = jobs.map(({ since, timeoutSeconds }) => since + (usualSeconds ?? timeoutSeconds) * 1000);
  const freeAt = new Date(Math.max(now, Math.min(...ends))).toISOString();
  const known =
    usualSeconds === null
      ? 'at the latest by their time-outs'
      : `as jobs of the pool take ${Math.round(usualSeconds)} s`;
  return {
    code: 'agents_busy',
    detail: `all ${count(present.length, 'agent')} that fit are busy with ${count(jobs.length, 'job')}, until about ${freeAt}, ${known}`,
    facts: {
      pool,
      agents: present.length,
      jobs: jobs.length,
      about_until: freeAt,
      usual_seconds: usualSeconds,
    },
  };
}

export function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}
