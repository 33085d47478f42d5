/** Whatever happens to right replicas, their log verifies; what wrong ones do is found. */
import { describe, expect, it } from '@jest/globals';
import { seededRandom, specSeed } from '@hybrid/testing';
import type { JobState } from '../jobs/job.state.js';
import type { ObservedJob } from '../schedule/schedule.js';
import { Simulation, type Sabotage } from './simulation.fixtures.js';
import { Verifier } from './verifier.js';

const RUNS = 40;
const STEPS = 1_500;
const MAX_RUNS = 20;
const seed = specSeed();

function simulate(run: number, sabotage?: Sabotage, replicas = 3, from = seed): Simulation {
  const simulation = new Simulation(seededRandom(from + run), sabotage, replicas);
  for (let step = 0; step < STEPS; step++) simulation.step();
  return simulation;
}

function verify({ log }: Simulation, windowSize?: number) {
  const verifier = new Verifier(windowSize);
  for (const stored of log) verifier.take(stored);
  for (const _ of verifier.end());
  return verifier.result;
}

/** The schedule is told that the job is another than it is. */
const told = (change: (job: NonNullable<JobState['job']>) => object) => (job: ObservedJob) => ({
  ...job,
  state: { ...job.state, job: job.state.job && { ...job.state.job, ...change(job.state.job) } },
});

describe('the log of right replicas', () => {
  it(`verifies, over ${RUNS} runs of ${STEPS} steps`, () => {
    let claims = 0;
    let conflicts = 0;
    let refusals = 0;
    for (let run = 0; run < RUNS; run++) {
      const simulation = simulate(run, {}, 1 + (run % 4));
      const result = verify(simulation);
      expect([run, result.divergences]).toEqual([run, []]);
      expect(result).toMatchObject({
        events: simulation.log.length,
        claims: simulation.claims,
        unexplained_claims: 0,
      });
      claims += simulation.claims;
      conflicts += simulation.conflicts;
      refusals += simulation.refusals;
    }
    expect(claims).toBeGreaterThan(RUNS * 50);
    expect(conflicts).toBeGreaterThan(RUNS);
    expect(refusals).toBeGreaterThan(RUNS);
  });
});

describe('the log of right replicas that was once called wrong', () => {
  it.each([
    ['one of two claims under way had been given up', 40_200_319, 32],
    ['a claim under way was of the group of another', 1_929_991_234, 5],
  ])('verifies: %s', (_, from, run) => {
    expect(verify(simulate(run, {}, 1 + (run % 4), from)).divergences).toEqual([]);
  });
});

describe('the log of replicas', () => {
  it.each<[string, Sabotage, string]>([
    ['that ignore priorities', { job: told(() => ({ priority: 'NORMAL' })) }, 'wrong_choice'],
    [
      'that serve who came last',
      { job: (job) => ({ ...job, arrived: 1_000_000n - job.arrived }) },
      'wrong_choice',
    ],
    ['that ignore labels', { job: told(() => ({ labels: {} })) }, 'wrong_choice'],
    ['that ignore capabilities', { job: told(() => ({ capabilities: [] })) }, 'wrong_choice'],
    ["that ignore the pipelines' turns", { noTurns: true }, 'wrong_choice'],
    ['that do not let jobs age', { noAgeing: true }, 'wrong_choice'],
    ['that ignore pauses', { noPauses: true }, 'claimed_from_paused_pool'],
    [
      'that ignore concurrency groups',
      { job: told(() => ({ concurrency: null })), noPlaces: true },
      'group_limit_exceeded',
    ],
    ['that claim without looking', { blindClaims: true }, 'claimed_twice'],
    ['that lose jobs', { noRetries: true }, 'job_lost'],
  ])('%s does not', (_, sabotage, code) => {
    const found = new Set<string>();
    // One run may happen to have nothing that it shows in.
    for (let run = 0; run < MAX_RUNS && !found.has(code); run++)
      for (const divergence of verify(simulate(run, sabotage)).divergences) found.add(divergence.code);
    expect([...found]).toContain(code);
  });
});
