/** Why a job waits now, the hardest reason first: pure, of what the log, the schedule and the agents say. */
import type { PoolAgent, WaitReason } from '@hybrid/contracts';
import type { JobState } from '../jobs/job.state.js';
import type { Standing } from '../schedule/schedule.js';
import { agentReasons, count, type Occupation } from './agent-reasons.js';
import type { Wait } from './waits.js';

export interface Situation {
  state: JobState;
  standing: Standing;
  /** The wait that goes on. */
  wait: Wait | undefined;
  /** Null: the agents service does not answer. */
  agents: PoolAgent[] | null;
  /** Of the pool's agents. */
  occupied: Occupation[];
  /** Seconds that jobs of the pool took lately; null: none ended. */
  usualSeconds: number | null;
  /** Live jobs that hold the group's places, with who runs them since when. */
  holders: { jobId: string; agentId: string | null; since: string | null }[];
  /** Milliseconds since the epoch. */
  now: number;
}

/** At least one. */
export function waitReasons(situation: Situation): WaitReason[] {
  const { state, standing, agents, occupied, usualSeconds, now } = situation;
  const { pool, labels, capabilities = [] } = state.job!;
  const reasons = [
    ...paused(pool, standing),
    ...notYet(situation),
    ...(standing.inFlight
      ? []
      : agentReasons({ pool, labels, capabilities }, agents, occupied, usualSeconds, now)),
    ...groupFull(situation),
    ...jobsAhead(standing),
  ];
  if (reasons.length > 0) return reasons;
  return [
    {
      code: 'about_to_be_claimed',
      detail: standing.inFlight
        ? 'its claim is under way'
        : 'nothing keeps it back: the next agent that fits and asks for a job gets it',
      facts: {},
    },
  ];
}

export function aheadOf({ ahead }: Standing): number {
  return ahead.higherPriority + ahead.otherPipelines + ahead.cameFirst;
}

function paused(pool: string, { paused }: Standing): WaitReason[] {
  if (!paused) return [];
  const { by, at, reason } = paused;
  return [
    {
      code: 'pool_paused',
      detail: `the pool ${pool} is paused by ${by} since ${at}: ${reason}`,
      facts: { pool, by, since: at, reason },
    },
  ];
}

function notYet({ state, standing: { availableAt }, wait, now }: Situation): WaitReason[] {
  if (availableAt <= now) return [];
  const until = new Date(availableAt).toISOString();
  const seconds = Math.ceil((availableAt - now) / 1000);
  if (!wait?.after)
    return [{ code: 'delayed', detail: `it is delayed until ${until}`, facts: { until, seconds } }];
  const { attempt, result } = state;
  const exit_code = result?.exit_code ?? null;
  const what =
    wait.after === 'timed_out'
      ? 'ran for too long'
      : exit_code === null
        ? 'ended'
        : `failed with exit code ${exit_code}`;
  return [
    {
      code: 'backing_off',
      detail: `attempt ${attempt} ${what}, and the next one is not before ${until}`,
      facts: { until, seconds, after_attempt: attempt, exit_code },
    },
  ];
}

function groupFull({ standing: { groupFull }, holders }: Situation): WaitReason[] {
  if (!groupFull) return [];
  const { group, limit } = groupFull;
  const [first] = holders;
  const more = holders.length > 1 ? ` and ${holders.length - 1} more` : '';
  const by = first
    ? `job ${first.jobId}${first.agentId ? ` on agent ${first.agentId}` : ''}${first.since ? ` since ${first.since}` : ''}${more}`
    : 'a job that has just been given a place';
  return [
    {
      code: 'group_full',
      detail: `the concurrency group ${group} has room for ${count(limit, 'job')} and is held by ${by}`,
      facts: {
        group,
        limit,
        holders: holders.map(({ jobId }) => jobId),
        agent: first?.agentId ?? null,
        since: first?.since ?? null,
      },
    },
  ];
}

function jobsAhead(standing: Standing): WaitReason[] {
  const { higherPriority, otherPipelines, cameFirst } = standing.ahead;
  const jobs = aheadOf(standing);
  if (jobs === 0) return [];
  const parts = [
    higherPriority && `${higherPriority} of higher priority`,
    otherPipelines && `${otherPipelines} of other pipelines, whose turn it is`,
    cameFirst && `${cameFirst} that came first`,
  ].filter((part) => part !== 0);
  return [
    {
      code: 'jobs_ahead',
      detail: `${count(jobs, 'job')} ahead of it: ${parts.join(', ')}`,
      facts: {
        jobs,
        higher_priority: higherPriority,
        other_pipelines: otherPipelines,
        came_first: cameFirst,
      },
    },
  ];
}
