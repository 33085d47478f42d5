/** What the rules are for: nobody has to wait because others have much to do. */
import { describe, expect, it } from '@jest/globals';
import { claimant, job, START, type JobOptions } from './schedule.fixtures.js';
import { Schedule } from './schedule.js';

/** One agent that asks at these times and whose claims are in the log before it asks again. */
class Agent {
  private position = 1_000_000n;
  readonly got: string[] = [];

  constructor(
    private readonly schedule: Schedule,
    private readonly jobs: Map<string, JobOptions>,
  ) {}

  ask(at: number): string | undefined {
    const id = this.schedule.take(claimant(), at)?.jobId;
    if (!id) return undefined;
    const options = this.jobs.get(id)!;
    this.schedule.observe(job(Number(id.slice(4)), { ...options, status: 'CLAIMED' }));
    this.schedule.served('acme', 'default', options.pipeline ?? null, this.position++);
    this.got.push(id);
    return id;
  }
}

function system(ageingSeconds: number) {
  const schedule = new Schedule({ ageingSeconds });
  const jobs = new Map<string, JobOptions>();
  let arrived = 0;
  const enqueue = (options: JobOptions) => {
    schedule.observe(job(++arrived, options));
    jobs.set(`job-${arrived}`, options);
    return `job-${arrived}`;
  };
  return { schedule, jobs, enqueue, agent: new Agent(schedule, jobs) };
}

describe('fairness', () => {
  it('gives pipelines with unequal backlogs equal shares while they all have jobs', () => {
    const { jobs, enqueue, agent } = system(600);
    const backlogs = { a: 500, b: 100, c: 40, d: 3 };
    for (const [pipeline, count] of Object.entries(backlogs))
      for (let each = 0; each < count; each++) enqueue({ pipeline });
    const shares = (takes: number) => {
      const got = Object.fromEntries(Object.keys(backlogs).map((pipeline) => [pipeline, 0]));
      for (let each = 0; each < takes; each++) got[jobs.get(agent.ask(START)!)!.pipeline!]!++;
      return got;
    };
    expect(shares(12)).toEqual({ a: 3, b: 3, c: 3, d: 3 });
    expect(shares(111)).toEqual({ a: 37, b: 37, c: 37, d: 0 });
    expect(shares(120)).toEqual({ a: 60, b: 60, c: 0, d: 0 });
  });

  it('serves a newcomer among long backlogs at the next turn', () => {
    const { enqueue, agent } = system(600);
    for (let each = 0; each < 300; each++) enqueue({ pipeline: `p${each % 3}` });
    for (let each = 0; each < 10; each++) agent.ask(START);
    const newcomer = enqueue({ pipeline: 'new' });
    expect(agent.ask(START)).toBe(newcomer);
  });

  describe('under a flood of CRITICAL jobs, one more each second than is taken', () => {
    /** Seconds after which the LOW job is served; null: not within the time. */
    const served = (ageingSeconds: number, backlog: number, seconds: number) => {
      const { enqueue, agent } = system(ageingSeconds);
      for (let each = 0; each < backlog; each++) enqueue({ priority: 'CRITICAL' });
      const low = enqueue({ priority: 'LOW' });
      for (let second = 0; second < seconds; second++) {
        for (let each = 0; each < 2; each++) enqueue({ priority: 'CRITICAL', available: second * 1000 });
        if (agent.ask(START + second * 1000) === low) return second;
      }
      return null;
    };

    it('a LOW job is served within three ageing intervals and the backlog before it', () => {
      const after = served(60, 500, 2_000);
      expect(after).not.toBeNull();
      expect(after).toBeGreaterThanOrEqual(3 * 60);
      expect(after).toBeLessThanOrEqual(3 * 60 + 500);
    });

    it('a LOW job is never served without ageing', () => {
      expect(served(0, 500, 2_000)).toBeNull();
    });
  });

  it('keeps organisations apart: what one takes changes nothing for the other', () => {
    const { schedule, enqueue } = system(600);
    const crowd = { pipeline: 'same', group: 'deploy', limit: 1 };
    for (let each = 0; each < 50; each++) enqueue({ ...crowd, org: each % 2 ? 'acme' : 'other' });
    const look = (org: string) =>
      Array.from({ length: 50 }, (_, index) => index + 1)
        .filter((number) => (number % 2 === 0) === (org === 'acme'))
        .map((number) => schedule.standing(`job-${number}`, START));
    const before = look('other');
    schedule.pause('acme', 'other pool', { reason: 'r', by: 'b', at: 'a' });
    expect(schedule.take(claimant({ org: 'acme' }), START)?.jobId).toBe('job-2');
    schedule.served('acme', 'default', 'same', 99n);
    schedule.refusedByGroup('job-2');
    expect(look('other')).toEqual(before);
    expect(schedule.take(claimant({ org: 'other' }), START)?.jobId).toBe('job-1');
    expect(look('acme').some((standing) => standing?.inFlight)).toBe(false);
  });
});
