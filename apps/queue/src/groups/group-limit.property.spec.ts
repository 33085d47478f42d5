/** Replicas that race for the places of a group, die on the way and take over what others left: never too many at once. */
import { describe, expect, it } from '@jest/globals';
import { fold, isRejection, type Decider, type Fact, type Rejection } from '@hybrid/decider';
import { specSeed } from '@hybrid/testing';
import fc from 'fast-check';
import type { JobCommand } from '../jobs/job.commands.js';
import { jobDecider } from '../jobs/job.decider.js';
import { claim, enqueue, story } from '../jobs/job.fixtures.js';
import { jobGroupDecider, type JobGroupState } from './job-group.decider.js';
import { nextSlot, slotFate, type Slot } from './slot.js';

/** A stream that is appended to at the revision read; every `yield` is a moment in which others may act. */
class Stream<State, Command, E extends Fact> {
  constructor(
    private readonly decider: Decider<State, Command, E>,
    private readonly events: E[] = [],
  ) {}

  get state(): State {
    return fold(this.decider, this.events);
  }

  *handle(command: Command): Generator<void, State | Rejection> {
    for (;;) {
      const revision = this.events.length;
      const decided = this.decider.decide(command, this.state);
      yield;
      if (isRejection(decided)) return decided;
      if (revision !== this.events.length) continue;
      this.events.push(...decided);
      return this.state;
    }
  }

  /** At once. */
  tell(command: Command): void {
    const decided = this.decider.decide(command, this.state);
    if (!isRejection(decided)) this.events.push(...decided);
  }
}

const JOBS = 4;

class World {
  readonly group = new Stream(jobGroupDecider);
  readonly jobs: Stream<ReturnType<typeof jobDecider.evolve>, JobCommand, ReturnType<typeof story>[number]>[];
  claims = 0;

  constructor(private readonly limit: number) {
    const wants = (n: number) => ({
      job_id: `j${n}`,
      concurrency: { group: 'deploy', limit },
      max_attempts: 20,
    });
    this.jobs = Array.from({ length: JOBS }, (_, n) => new Stream(jobDecider, story(enqueue(wants(n)))));
  }

  get live(): number {
    return this.jobs.filter(({ state: { status } }) => status === 'CLAIMED' || status === 'RUNNING').length;
  }

  /** What a replica does to give a job to an agent; it knows the job as it was at the beginning. */
  *claim(job: number): Generator<void> {
    const slot = nextSlot(`j${job}`, this.jobs[job]!.state);
    let released: Slot[] = [];
    for (;;) {
      yield;
      const take = { type: 'TakeSlot', group: 'deploy', slot, limit: this.limit, released, now: '' } as const;
      const taken = yield* this.group.handle(take);
      if (!isRefused(taken)) break;
      if (taken.rejected !== 'group_full') return;
      released = yield* this.over(this.group.state);
      if (released.length === 0) return;
    }
    yield;
    const claimed = yield* this.jobs[job]!.handle(claim('a', 0, slot));
    if (!isRefused(claimed)) this.claims++;
  }

  private *over({ holders }: JobGroupState): Generator<void, Slot[]> {
    const over: Slot[] = [];
    for (const slot of holders) {
      yield;
      const job = this.jobs[Number(slot.job_id.slice(1))]!;
      let fate = slotFate(slot, job.state);
      if (fate === 'claiming') {
        const revoked = yield* job.handle({ type: 'RevokeSlot', group: 'deploy', slot, now: '' });
        fate = isRefused(revoked) ? fate : slotFate(slot, revoked);
      }
      if (fate === 'over') over.push(slot);
    }
    return over;
  }

  /** Its attempt ends, and the job waits again. */
  end(job: number): void {
    const { attempt, lease_token } = this.jobs[job]!.state;
    const of = { attempt, agent_id: 'a', lease_token: lease_token ?? '', now: '2026-01-01T00:00:00.000Z' };
    this.jobs[job]!.tell({ type: 'ReleaseJob', reason: 'enough', ...of });
  }

  /** It is given up by hand, or taken up again. */
  turn(job: number): void {
    const now = '2026-01-01T00:00:00.000Z';
    const { final } = this.jobs[job]!.state;
    this.jobs[job]!.tell(final ? { type: 'RequeueJob', now } : { type: 'CloseJob', exit_code: 1, now });
  }
}

function isRefused(answer: object): answer is Rejection {
  return 'rejected' in answer;
}

const moves = fc.array(
  fc.record({
    does: fc.constantFrom('go', 'go', 'go', 'go', 'go', 'go', 'go', 'go', 'die', 'end', 'turn'),
    replica: fc.nat(2),
    job: fc.nat(JOBS - 1),
  }),
  { minLength: 1, maxLength: 150, size: 'max' },
);

describe('a concurrency group', () => {
  it('never has more live jobs than its limit, and always gets on', () => {
    let claims = 0;
    fc.assert(
      fc.property(fc.constantFrom(1, 2), moves, (limit, plan) => {
        const world = new World(limit);
        const replicas: (Generator<void> | undefined)[] = [];
        for (const { does, replica, job } of plan) {
          if (does === 'end') world.end(job);
          else if (does === 'turn') world.turn(job);
          else if (does === 'die') replicas[replica] = undefined;
          else if ((replicas[replica] ??= world.claim(job)).next().done) replicas[replica] = undefined;
          expect(world.live).toBeLessThanOrEqual(limit);
        }
        claims += world.claims;
        // Whatever was left behind, one that is alone gets a place.
        for (let job = 0; job < JOBS; job++) world.end(job);
        expect(world.live).toBe(0);
        if (world.jobs[0]!.state.final) world.turn(0);
        for (const _ of world.claim(0));
        expect(world.live).toBe(1);
      }),
      { seed: specSeed(), numRuns: 300 },
    );
    expect(claims).toBeGreaterThan(300);
  });
});
