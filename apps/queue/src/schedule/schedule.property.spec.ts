/** Whatever happens, the schedule says what the rules say that are gone through one by one. */
import { describe, expect, it } from '@jest/globals';
import { PRIORITIES } from '@hybrid/contracts';
import { specSeed } from '@hybrid/testing';
import fc from 'fast-check';
import { NaiveSchedule } from './naive-schedule.fixtures.js';
import { claimant, job, START, type JobOptions } from './schedule.fixtures.js';
import { Schedule, type Claimant } from './schedule.js';

const seed = specSeed();
const JOBS = 24;
const orgs = fc.constantFrom('acme', 'acme', 'acme', 'other');
const pools = fc.constantFrom('default', 'default', 'gpu');

const kinds: fc.Arbitrary<JobOptions> = fc.record({
  org: orgs,
  pool: pools,
  priority: fc.constantFrom(...PRIORITIES),
  pipeline: fc.constantFrom(null, 'p1', 'p2', 'p3'),
  labels: fc.constantFrom<Record<string, string>[]>({}, {}, { os: 'linux' }, { os: 'linux', gpu: 'yes' }),
  capabilities: fc.constantFrom<string[][]>([], [], ['docker']),
  group: fc.constantFrom(null, null, 'deploy', 'release'),
  limit: fc.integer({ min: 1, max: 2 }),
});

/** Of a few kinds only, so that many jobs are alike, or alike but for what an agent must have. */
const jobs = fc
  .tuple(
    fc.array(kinds, { minLength: 1, maxLength: 6 }),
    fc.array(fc.nat(5), { minLength: JOBS, maxLength: JOBS }),
  )
  .map(([some, picks]) => picks.map((pick) => some[pick % some.length]!));

const claimants: fc.Arbitrary<Claimant> = fc
  .record({
    org: orgs,
    pool: pools,
    labels: fc.constantFrom<Record<string, string>[]>(
      {},
      { os: 'linux' },
      { os: 'linux', gpu: 'yes' },
      { os: 'windows' },
    ),
    capabilities: fc.constantFrom<string[][]>([], ['docker'], ['process', 'docker']),
  })
  .map(claimant);

const steps = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('observe' as const),
      pick: fc.nat(JOBS - 1),
      status: fc.constantFrom('QUEUED', 'QUEUED', 'QUEUED', 'CLAIMED', 'RUNNING', 'FAILED', 'COMPLETED'),
      priority: fc.constantFrom(undefined, undefined, ...PRIORITIES),
      delay: fc.constantFrom(0, 0, 0, -60_000, 10_000, 90_000),
    }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('take' as const), who: claimants }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom('putBack' as const, 'lost' as const, 'refusedByGroup' as const, 'claim' as const),
      pick: fc.nat(10),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('claimedElsewhere' as const), pick: fc.nat(JOBS - 1) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('served' as const),
      org: orgs,
      pool: pools,
      pipeline: fc.constantFrom(null, 'p1', 'p2'),
      position: fc.nat(400),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('pause' as const), org: orgs, pool: pools, on: fc.boolean() }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('time' as const),
      by: fc.constantFrom(1, 500, 5_000, 30_000, 60_000, 200_000, -3, -40_000),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('look' as const), who: claimants }) },
);
type Step = typeof steps extends fc.Arbitrary<infer S> ? S : never;

function run(ageingSeconds: number, drawn: readonly JobOptions[], plan: readonly Step[]): void {
  const schedule = new Schedule({ ageingSeconds });
  const model = new NaiveSchedule(ageingSeconds);
  const both = [schedule, model];
  const kind = [...drawn];
  const decided: string[] = [];
  let now = 0;
  let position = 1000n;

  const look = (who: Claimant) => {
    const at = START + now;
    expect(schedule.nextAvailable(who, at)).toEqual(model.nextAvailable(who, at));
    for (let number = 0; number < JOBS; number++) {
      const standing = schedule.standing(`job-${number}`, at);
      standing?.groupFull?.holders.sort();
      expect([number, standing]).toEqual([number, model.standing(`job-${number}`, at)]);
    }
  };
  const tell = (number: number, status: string, available: number) =>
    both.forEach((each) =>
      each.observe(job(number, { ...kind[number]!, status: status as 'QUEUED', available })),
    );
  const claimed = (id: string) => {
    const number = Number(id.slice(4));
    const { org = '', pool = '', pipeline = null } = kind[number]!;
    position++;
    // The order of the two is the follower's business.
    if (position % 2n === 0n) tell(number, 'CLAIMED', now);
    both.forEach((each) => each.served(org, pool, pipeline, position));
    if (position % 2n === 1n) tell(number, 'CLAIMED', now);
  };

  for (const step of plan) {
    switch (step.kind) {
      case 'observe':
        if (step.priority) kind[step.pick] = { ...kind[step.pick], priority: step.priority };
        tell(step.pick, step.status, now + step.delay);
        break;
      case 'take': {
        const decision = schedule.take(step.who, START + now);
        expect(decision).toEqual(model.take(step.who, START + now));
        if (!decision) break;
        decided.push(decision.jobId);
        for (let number = 0; number < JOBS; number++) {
          const asked = [`job-${number}`, decision.jobId, step.who, START + now] as const;
          expect([number, schedule.whyNot(...asked)]).toEqual([number, model.whyNot(...asked)]);
        }
        break;
      }
      case 'putBack':
      case 'lost':
      case 'refusedByGroup':
      case 'claim': {
        const [id] = decided.splice(step.pick % Math.max(1, decided.length), 1);
        if (!id) break;
        if (step.kind === 'claim') claimed(id);
        else for (const each of both) each[step.kind](id);
        break;
      }
      case 'claimedElsewhere':
        claimed(`job-${step.pick}`);
        break;
      case 'served':
        both.forEach((each) => each.served(step.org, step.pool, step.pipeline, BigInt(step.position)));
        break;
      case 'pause': {
        const pause = step.on ? { reason: 'moved', by: 'user ann', at: '2026-01-01T00:00:00.000Z' } : null;
        both.forEach((each) => each.pause(step.org, step.pool, pause));
        break;
      }
      case 'time':
        now += step.by;
        break;
      case 'look':
        look(step.who);
    }
  }
  look(claimant());
}

describe('the schedule', () => {
  it.each([
    ['with ageing', 60],
    ['without ageing', 0],
  ])('does what the plain rules say, %s', (_, ageingSeconds) => {
    fc.assert(
      fc.property(jobs, fc.array(steps, { maxLength: 150, size: 'max' }), (drawn, plan) =>
        run(ageingSeconds, drawn, plan),
      ),
      { seed, numRuns: 60 },
    );
  });
});
