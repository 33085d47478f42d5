import { describe, expect, it } from '@jest/globals';
import { UNTRUSTED_JOBS, type AgentStatus, type PoolAgent } from '@hybrid/contracts';
import type { JobState } from '../jobs/job.state.js';
import { job, START } from '../schedule/schedule.fixtures.js';
import type { Standing } from '../schedule/schedule.js';
import { waitReasons, type Situation } from './reasons.js';

const MINUTE = 60_000;
const at = (ms: number) => new Date(START + ms).toISOString();

const agent = (name: string, more: Partial<PoolAgent> = {}): PoolAgent => ({
  agent_id: name,
  name,
  labels: { os: 'linux' },
  capabilities: ['process'],
  capacity: 1,
  status: 'HEALTHY',
  ...more,
});

const free: Standing = {
  availableAt: START,
  effectivePriority: 'NORMAL',
  paused: null,
  groupFull: null,
  ahead: { higherPriority: 0, otherPipelines: 0, cameFirst: 0 },
  inFlight: false,
};

const situation = (more: Partial<Situation> = {}, standing: Partial<Standing> = {}): Situation => ({
  state: job(1, { labels: { os: 'linux' }, capabilities: ['process'] }).state,
  standing: { ...free, ...standing },
  wait: { attempt: 1, revision: 0n, after: null, since: at(0), until: null, agentId: null },
  agents: [agent('one')],
  occupied: [],
  usualSeconds: null,
  holders: [],
  now: START + MINUTE,
  ...more,
});

const reason = (more?: Partial<Situation>, standing?: Partial<Standing>) => {
  const reasons = waitReasons(situation(more, standing));
  expect(reasons).toHaveLength(1);
  return reasons[0]!;
};
const busy = (agentId: string, since: number) => ({ agentId, since: START + since, timeoutSeconds: 3600 });

describe('why a job waits', () => {
  it('is nothing, where an agent that fits is free', () => {
    expect(reason().code).toBe('about_to_be_claimed');
  });

  it('is nothing that agents have to do with, where its claim is under way', () => {
    expect(reason({ agents: [] }, { inFlight: true })).toMatchObject({
      code: 'about_to_be_claimed',
      detail: 'its claim is under way',
    });
  });

  it('is its paused pool: by whom, since when and why', () => {
    const paused = { by: 'user ann', at: at(0), reason: 'moving' };
    expect(reason({}, { paused })).toEqual({
      code: 'pool_paused',
      detail: `the pool default is paused by user ann since ${at(0)}: moving`,
      facts: { pool: 'default', by: 'user ann', since: at(0), reason: 'moving' },
    });
  });

  it('is its delay', () => {
    expect(reason({}, { availableAt: START + 3 * MINUTE })).toEqual({
      code: 'delayed',
      detail: `it is delayed until ${at(3 * MINUTE)}`,
      facts: { until: at(3 * MINUTE), seconds: 120 },
    });
  });

  it('is the pause after a failure, and which', () => {
    const { state } = situation();
    const failed: JobState = { ...state, attempt: 2, result: { exit_code: 7 } as JobState['result'] };
    const wait = { ...situation().wait!, after: 'failed' as const };
    expect(reason({ state: failed, wait }, { availableAt: START + 2 * MINUTE })).toEqual({
      code: 'backing_off',
      detail: `attempt 2 failed with exit code 7, and the next one is not before ${at(2 * MINUTE)}`,
      facts: { until: at(2 * MINUTE), seconds: 60, after_attempt: 2, exit_code: 7 },
    });
  });

  it('is a pool without agents', () => {
    expect(reason({ agents: [] })).toMatchObject({ code: 'no_agent_in_pool', facts: { pool: 'default' } });
  });

  it('is that no agent fits: what none has, and what the nearest lacks', () => {
    const agents = [
      agent('mac', { labels: { os: 'macos' }, capabilities: [] }),
      agent('bare', { capabilities: [] }),
    ];
    expect(reason({ agents })).toEqual({
      code: 'no_agent_fits',
      detail:
        'none of the 2 agents of the pool default has capability process; the nearest, bare, lacks capability process',
      facts: {
        pool: 'default',
        agents: 2,
        missing: ['capability process'],
        nearest: 'bare',
        nearest_lacks: ['capability process'],
      },
    });
  });

  it('is that no agent is of a version that knows jobs of forks', () => {
    const { state } = situation();
    const job = { ...state.job!, capabilities: [UNTRUSTED_JOBS] };
    const agents = [agent('old'), agent('older')];
    expect(reason({ state: { ...state, job }, agents })).toMatchObject({
      code: 'no_agent_fits',
      detail: expect.stringMatching(
        /has capability untrusted-jobs; .* come from a fork, and agents of before know no such jobs; update them/,
      ) as unknown,
    });
  });

  it('is that each agent lacks something else', () => {
    const agents = [agent('mac', { labels: { os: 'macos' } }), agent('bare', { capabilities: [] })];
    expect(reason({ agents })).toMatchObject({
      code: 'no_agent_fits',
      facts: { missing: [], nearest: 'mac', nearest_lacks: ['label os=linux'] },
    });
  });

  it.each<AgentStatus>(['UNHEALTHY', 'OFFLINE', 'DEAD', 'DRAINING'])(
    'is that its agents are %s',
    (status) => {
      expect(reason({ agents: [agent('one', { status }), agent('mac', { labels: {} })] })).toMatchObject({
        code: 'agents_unavailable',
        detail: `of the 1 agent of the pool default that fits, none takes jobs: 1 ${status}`,
        facts: { agents: 1, [status]: 1 },
      });
    },
  );

  it('may be the agents, of which nothing is known while their service is away', () => {
    expect(reason({ agents: null })).toMatchObject({
      code: 'agents_unavailable',
      detail: expect.stringContaining('the agents service does not answer') as unknown,
    });
  });

  it('is that all its agents are busy, until about when', () => {
    const agents = [agent('one'), agent('two', { capacity: 2, status: 'DEGRADED' })];
    const occupied = [busy('one', 30_000), busy('two', 20_000), busy('two', 50_000)];
    expect(reason({ agents, occupied, usualSeconds: 90 })).toEqual({
      code: 'agents_busy',
      detail: `all 2 agents that fit are busy with 3 jobs, until about ${at(110_000)}, as jobs of the pool take 90 s`,
      facts: {
        pool: 'default',
        agents: 2,
        jobs: 3,
        about_until: at(110_000),
        usual_seconds: 90,
      },
    });
    // Overdue by what is usual: any moment.
    expect(reason({ agents, occupied, usualSeconds: 1 }).facts['about_until']).toBe(at(MINUTE));
    expect(reason({ agents, occupied }).facts['about_until']).toBe(at(20_000 + 3_600_000));
    expect(reason({ agents, occupied: occupied.slice(1) }).code).toBe('about_to_be_claimed');
  });

  it('is its full group, and which job holds it', () => {
    const groupFull = { group: 'deploy', limit: 1, holders: ['x'] };
    const holders = [{ jobId: 'x', agentId: 'one', since: at(5) }];
    expect(reason({ holders }, { groupFull })).toEqual({
      code: 'group_full',
      detail: `the concurrency group deploy has room for 1 job and is held by job x on agent one since ${at(5)}`,
      facts: { group: 'deploy', limit: 1, holders: ['x'], agent: 'one', since: at(5) },
    });
    expect(reason({}, { groupFull: { ...groupFull, holders: [] } }).facts['holders']).toEqual([]);
  });

  it('is the jobs before it', () => {
    expect(reason({}, { ahead: { higherPriority: 12, otherPipelines: 0, cameFirst: 1 } })).toEqual({
      code: 'jobs_ahead',
      detail: '13 jobs ahead of it: 12 of higher priority, 1 that came first',
      facts: { jobs: 13, higher_priority: 12, other_pipelines: 0, came_first: 1 },
    });
  });

  it('is all of it at once, the hardest first', () => {
    const reasons = waitReasons(
      situation(
        { agents: [], now: START },
        {
          paused: { by: 'user ann', at: at(0), reason: 'moving' },
          availableAt: START + 1,
          groupFull: { group: 'deploy', limit: 1, holders: [] },
          ahead: { higherPriority: 0, otherPipelines: 1, cameFirst: 0 },
        },
      ),
    );
    expect(reasons.map(({ code }) => code)).toEqual([
      'pool_paused',
      'delayed',
      'no_agent_in_pool',
      'group_full',
      'jobs_ahead',
    ]);
  });
});
