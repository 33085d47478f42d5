import { describe, expect, it } from '@jest/globals';
import {
  PRIORITIES,
  STATS_WINDOWS,
  type JobStatus,
  type Priority,
  type QueueCounts,
  type StatsWindow,
} from '@hybrid/contracts';
import { isRejection } from '@hybrid/decider';
import { specSeed } from '@hybrid/testing';
import fc from 'fast-check';
import type { JobCommand } from '../jobs/job.commands.js';
import { jobDecider } from '../jobs/job.decider.js';
import type { JobEvent } from '../jobs/job.events.js';
import { noJob, type JobState } from '../jobs/job.state.js';
import { Figures } from './figures.js';

const START = Date.parse('2026-01-01T12:00:00.000Z');
const POOLS = ['linux', 'mac', 'edge'];
const ORGS = ['one', 'other'];
/** Length of a bucket and how many full ones a window has. */
const WINDOWS = { '5m': [5_000, 60], '1h': [60_000, 60], '24h': [1_800_000, 48] } as const;

/** What may happen to a job in a status; the rest would be refused. */
const NEXT: Record<JobStatus, JobCommand['type'][]> = {
  QUEUED: [
    'ClaimJob',
    'ClaimJob',
    'ClaimJob',
    'ClaimJob',
    'SetPriority',
    'TimeOutInQueue',
    'CloseJob',
    'CancelJob',
  ],
  CLAIMED: [
    'StartJob',
    'StartJob',
    'StartJob',
    'ReleaseJob',
    'ExpireLease',
    'SetPriority',
    'CloseJob',
    'CancelJob',
  ],
  RUNNING: [
    'CompleteJob',
    'CompleteJob',
    'ReleaseJob',
    'ExpireLease',
    'TimeOutAttempt',
    'CloseJob',
    'CancelJob',
  ],
  COMPLETED: [],
  FAILED: ['RequeueJob'],
  DEAD_LETTERED: ['RequeueJob'],
  CANCELLED: ['RequeueJob'],
};

const steps = fc.array(
  fc.record({
    job: fc.nat(39),
    what: fc.nat(99),
    pick: fc.nat(999),
    passes: fc.oneof(fc.nat(900), fc.nat(60_000), fc.nat(4_000_000)),
  }),
  { minLength: 200, maxLength: 300, size: 'max' },
);

interface Attempt {
  org: string;
  pool: string;
  priority: Priority;
  at: number;
  failed: boolean;
  wait: number;
  execution: number | null;
}

interface Job {
  org: string;
  state: JobState;
}

/** Figures of ended attempts may be matchers: they are right within what is promised of them. */
type ExpectedPart = QueueCounts & { windows: Record<StatsWindow, Record<string, unknown>> };

/** Remembers all, and counts when it is asked. */
class Model {
  readonly jobs: Job[] = [];
  readonly attempts: Attempt[] = [];
  readonly seen = new Map<string, number>();

  part(now: number, of: (job: { org: string; pool: string; priority: Priority }) => boolean): ExpectedPart {
    const mine = this.jobs.flatMap(({ org, state: { job, status, available_at } }) =>
      job && of({ org, ...job }) ? [{ status, available: Date.parse(available_at!) }] : [],
    );
    const count = (...statuses: JobStatus[]) =>
      mine.filter(({ status }) => statuses.includes(status!)).length;
    const isDelayed = ({ status, available }: (typeof mine)[number]) =>
      status === 'QUEUED' && Math.floor(available / 1000) > Math.floor(now / 1000);
    const window = ([width, full]: readonly [number, number]) => {
      const recent = this.attempts.filter(
        (one) => of(one) && Math.floor(one.at / width) >= Math.floor(now / width) - full,
      );
      const waits = recent.map(({ wait }) => wait);
      const executions = recent.flatMap(({ execution }) => execution ?? []);
      return {
        ended: recent.length,
        avg_wait_seconds: expect.closeTo(average(waits) / 1000, 2),
        p95_wait_seconds: within5Percent(p95(waits) / 1000),
        avg_execution_seconds: expect.closeTo(average(executions) / 1000, 2),
        p95_execution_seconds: within5Percent(p95(executions) / 1000),
        failure_rate: expect.closeTo(average(recent.map(({ failed }) => Number(failed)))),
      };
    };
    return {
      queued: count('QUEUED'),
      delayed: mine.filter(isDelayed).length,
      running: count('CLAIMED', 'RUNNING'),
      completed: count('COMPLETED'),
      failed: count('FAILED'),
      dead_lettered: count('DEAD_LETTERED'),
      cancelled: count('CANCELLED'),
      windows: { '5m': window(WINDOWS['5m']), '1h': window(WINDOWS['1h']), '24h': window(WINDOWS['24h']) },
    };
  }

  poolsOf(org: string, now: number): string[] {
    return POOLS.filter((pool) => {
      const { queued, running } = this.part(now, (of) => of.org === org && of.pool === pool);
      return queued + running > 0 || (this.seen.get(`${org} ${pool}`) ?? 0) > now - 86_400_000;
    });
  }

  oldestWait(org: string, pool: string, now: number): number | null {
    const waits = this.jobs.flatMap(({ org: its, state: { job, status, available_at } }) =>
      its === org && job?.pool === pool && status === 'QUEUED'
        ? Math.floor(now / 1000) - Math.floor(Date.parse(available_at!) / 1000)
        : [],
    );
    const open = waits.filter((wait) => wait >= 0);
    return open.length ? Math.max(...open) : null;
  }
}

describe('figures', () => {
  const seed = { seed: specSeed(), numRuns: 20, endOnFailure: true };

  it('are those of a model that remembers everything', () => {
    const ended = { total: 0, retried: 0 };
    fc.assert(
      fc.property(steps, (plan) => {
        const figures = new Figures();
        const model = new Model();
        let now = START;
        for (const [index, step] of plan.entries()) {
          now += step.passes;
          const job = (model.jobs[step.job] ??= { org: ORGS[step.job % 2]!, state: noJob });
          for (const event of decide(step, job.state, now)) {
            const before = job.state;
            job.state = jobDecider.evolve(before, event);
            figures.apply({
              org: job.org,
              event,
              before: before.status ? before : null,
              after: job.state,
              at: now,
            });
            model.seen.set(`${job.org} ${job.state.job!.pool}`, now);
            model.attempts.push(...attemptEndedBy(event, before, job.org, now));
          }
          if (index % 25 === 24) compare(figures, model, now + (step.pick % 7_000));
        }
        compare(figures, model, now);
        // Long after, when all of them left the windows.
        compare(figures, model, now + 30 * 3_600_000);
        ended.total += model.attempts.length;
        ended.retried += model.jobs.filter(({ state }) => state.attempt > 1).length;
      }),
      seed,
    );
    // The plans do end attempts, and begin others after them.
    expect(ended.total).toBeGreaterThan(150);
    expect(ended.retried).toBeGreaterThan(20);
  });
});

function compare(figures: Figures, model: Model, now: number): void {
  for (const org of ORGS) {
    const whole = model.part(now, (of) => of.org === org);
    for (const window of STATS_WINDOWS) {
      const pools = model.poolsOf(org, now);
      expect(figures.poolsOf(org, now).sort()).toEqual([...pools].sort());
      expect(figures.read(org, now, window)).toEqual({
        ...whole,
        ...whole.windows[window],
        window,
        pools: Object.fromEntries(
          pools.map((pool) => [pool, model.part(now, (of) => of.org === org && of.pool === pool)]),
        ),
        priorities: Object.fromEntries(
          PRIORITIES.map((priority) => [
            priority,
            model.part(now, (of) => of.org === org && of.priority === priority),
          ]),
        ),
      });
    }
    for (const pool of [...POOLS, 'never-named'])
      expect(figures.readPool(org, pool, now)).toEqual({
        ...model.part(now, (of) => of.org === org && of.pool === pool),
        oldest_wait_seconds: model.oldestWait(org, pool, now),
      });
  }
  const all = figures.waitingAndRunning(now);
  for (const priority of PRIORITIES) {
    const { queued, delayed, running } = model.part(now, (of) => of.priority === priority);
    expect(all[priority]).toEqual({ waiting: queued - delayed, running });
  }
}

/** What the step makes of the job; nothing where it is refused. */
function decide(
  { what, job, pick }: { what: number; job: number; pick: number },
  state: JobState,
  at: number,
) {
  const possible = state.status ? NEXT[state.status] : (['EnqueueJob'] as const);
  const now = new Date(at).toISOString();
  const { attempt } = state;
  const held = { attempt, lease_token: state.lease_token ?? '', agent_id: state.agent_id ?? '', now };
  const spec = { step: { id: 's', name: 's', type: 'step.shell_exec', config: {} } };
  const decision = {
    pool: POOLS[job % 3]!,
    pipeline_id: null,
    labels: {},
    capabilities: [],
    seen: '0',
    replica: 'r',
    turn: 1,
    ageing_seconds: 0,
  };
  const commands: Partial<Record<JobCommand['type'], JobCommand>> = {
    EnqueueJob: {
      type: 'EnqueueJob',
      digest: 'd',
      now,
      request: {
        job_id: `job-${job}`,
        pool: POOLS[job % 3]!,
        priority: PRIORITIES[pick % 4]!,
        delay_seconds: pick % 3 ? 0 : pick,
        queue_timeout_seconds: 600,
        max_attempts: 1 + (pick % 4),
        on_exhausted: pick % 2 ? 'fail' : 'dead_letter',
        spec,
      },
    },
    ClaimJob: {
      type: 'ClaimJob',
      agent_id: 'a',
      lease_token: `t${at}`,
      lease_expires_at: now,
      decision,
      slot: null,
      now,
    },
    StartJob: { type: 'StartJob', ...held },
    CompleteJob: { type: 'CompleteJob', exit_code: pick % 2, chance: 0.5, ...held },
    ReleaseJob: { type: 'ReleaseJob', reason: 'r', ...held },
    CloseJob: { type: 'CloseJob', exit_code: pick % 2, now },
    TimeOutAttempt: { type: 'TimeOutAttempt', attempt, seconds: 5, chance: 0.5, now },
    TimeOutInQueue: { type: 'TimeOutInQueue', now },
    ExpireLease: { type: 'ExpireLease', attempt, now },
    SetPriority: { type: 'SetPriority', priority: PRIORITIES[pick % 4]!, now },
    CancelJob: { type: 'CancelJob', reason: 'r', now },
    RequeueJob: { type: 'RequeueJob', now },
  };
  const command = commands[possible[what % possible.length] ?? 'EnqueueJob']!;
  const events = jobDecider.decide(command, state);
  return isRejection(events) ? [] : events;
}

function attemptEndedBy({ type }: JobEvent, before: JobState, org: string, at: number): Attempt[] {
  const live = before.status === 'CLAIMED' || before.status === 'RUNNING';
  if (!live || !['JobCompleted', 'JobFailed', 'JobTimedOut', 'JobLeaseExpired'].includes(type)) return [];
  const { pool, priority } = before.job!;
  const wait = Date.parse(before.claimed_at!) - Date.parse(before.available_at!);
  const execution = before.started_at ? at - Date.parse(before.started_at) : null;
  return [{ org, pool, priority, at, failed: type !== 'JobCompleted', wait, execution }];
}

function average(values: number[]): number {
  return values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : 0;
}

function p95(values: number[]): number {
  return values.sort((a, b) => a - b)[Math.ceil(values.length * 0.95) - 1] ?? 0;
}

/** And the half of a millisecond that rounding may add; at least a millisecond. As an object that `toEqual` asks. */
function within5Percent(value: number): unknown {
  return {
    asymmetricMatch: (actual: number) => Math.abs(actual - value) <= Math.max(0.05 * value + 0.0005, 0.0011),
    toString: () => `within 5 % of ${value}`,
  };
}
