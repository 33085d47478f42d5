/** The whole life of a job, whatever its agents, people and clocks do to it, beside a plain model of it. */
import { describe, expect, it } from '@jest/globals';
import { fold, isRejection } from '@hybrid/decider';
import { specSeed } from '@hybrid/testing';
import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { nextSlot, type Slot } from '../groups/slot.js';
import type { JobCommand } from './job.commands.js';
import { jobDecider } from './job.decider.js';
import type { JobEvent } from './job.events.js';
import { decision, enqueue, story } from './job.fixtures.js';
import type { JobState } from './job.state.js';
import { PlainJob, type Claim, type Outcome } from './plain-job.fixtures.js';

const RUNS = 300;
const read = (file: string) =>
  JSON.parse(readFileSync(join(import.meta.dirname, file), 'utf8')) as JobEvent & { type: 'JobEnqueued' };

/** Enqueued today, by the first version, or by the second. */
const beginnings = fc.oneof(
  fc.constantFrom(read('golden/JobEnqueued.json'), read('golden-2/JobEnqueued.json')),
  fc
    .record({
      max_attempts: fc.integer({ min: 1, max: 4 }),
      backoff_seconds: fc.nat(40),
      backoff_factor: fc.constantFrom(1, 2, 3.5),
      max_backoff_seconds: fc.constantFrom(10, 3600),
      backoff_jitter: fc.constantFrom(0, 0.2, 1),
      on_exhausted: fc.constantFrom('dead_letter' as const, 'fail' as const),
      retry_on_exit_codes: fc.constantFrom<number[] | undefined>(undefined, [75], [1, 124]),
      queue_timeout_seconds: fc.constantFrom(undefined, 60),
      delay_seconds: fc.constantFrom(undefined, 30),
      concurrency: fc.constantFrom(undefined, { group: 'deploy' }),
    })
    .map((wants) => story(enqueue(wants))[0] as JobEvent & { type: 'JobEnqueued' }),
);

const DEEDS = [
  'EnqueueJob',
  'StartJob',
  'StartJob',
  'StartJob',
  'ReportProgress',
  'CompleteJob',
  'CompleteJob',
];
const OTHERS = ['ReleaseJob', 'CloseJob', 'TimeOutAttempt', 'TimeOutInQueue', 'ExpireLease', 'ExpireLease'];
const MORE = ['SetPriority', 'CancelJob', 'RequeueJob', 'RequeueJob', 'RevokeSlot', 'repeat'];
const CLAIMS = Array<string>(6).fill('ClaimJob');

/** What somebody does next. */
const steps = fc.array(
  fc.record({
    does: fc.constantFrom(...DEEDS, ...OTHERS, ...MORE, ...CLAIMS),
    /** Seconds that pass, and how far its clock or its message is behind. */
    pass: fc.constantFrom(0, 1, 6, 45, 5000),
    behind: fc.constantFrom(0, 0, 0, 0, 20),
    /** It still acts on the claim, or the place, so many before the last. */
    stale: fc.constantFrom(0, 0, 0, 0, 0, 1, 2),
    forged: fc.constantFrom(false, false, false, false, false, true),
    exit_code: fc.constantFrom(0, 1, 75),
    percent: fc.constantFrom(undefined, 30, 100),
    pick: fc.nat(1_000),
  }),
  { minLength: 1, maxLength: 60, size: 'max' },
);
type Step = typeof steps extends fc.Arbitrary<(infer S)[]> ? S : never;

describe('any job', () => {
  it('becomes what a plain model of it becomes, and its log keeps every promise', () => {
    const seen = new Set<string>();
    let asked = 0;
    fc.assert(
      fc.property(beginnings, steps, (begun, plan) => {
        const life = new Life(begun);
        for (const step of plan) {
          life.go(step);
          asked++;
        }
        life.expectKept();
        expectPromises(life.events);
        for (const { type } of life.events) seen.add(type);
      }),
      { seed: specSeed(), numRuns: RUNS },
    );
    expect(asked).toBeGreaterThan(5_000);
    expect([...seen].sort()).toEqual(Object.keys(jobDecider.events.today).sort());
  });
});

/** One job, its model, and everybody who has to do with them. */
class Life {
  readonly events: JobEvent[];
  private state: JobState;
  private readonly model: PlainJob;
  private readonly sent: { command: JobCommand; claim: Claim }[] = [];
  private readonly slots: Slot[] = [];
  private clock: number;

  constructor(begun: JobEvent & { type: 'JobEnqueued' }) {
    this.events = [begun];
    this.state = fold(jobDecider, this.events);
    this.model = new PlainJob(begun.data);
    this.clock = Date.parse(begun.data.at);
  }

  go(step: Step): void {
    this.clock += step.pass * 1000;
    const again = this.sent[step.pick % this.sent.length];
    const { command, claim } = step.does === 'repeat' && again ? again : this.make(step);
    // A claim is not sent twice: its lease token is made for it.
    if (command.type !== 'ClaimJob') this.sent.push({ command, claim });

    const expected = this.model.tell(command, claim);
    const decided = jobDecider.decide(command, this.state);
    expect([command.type, outcomeOf(decided)]).toEqual([command.type, expected]);
    if (isRejection(decided)) return;
    expect(jobDecider.decide(command, this.state)).toEqual(decided);
    this.events.push(...decided);
    this.state = decided.reduce(jobDecider.evolve, this.state);
    this.compare(decided);
  }

  /** The log and the read models keep JSON, and nothing else. */
  expectKept(): void {
    const kept = JSON.parse(JSON.stringify([this.events, this.state])) as [JobEvent[], JobState];
    expect(fold(jobDecider, kept[0])).toEqual(this.state);
    expect(kept[1]).toEqual(this.state);
  }

  private compare(decided: JobEvent[]): void {
    const { state, model } = this;
    const { status, attempt, final, job, lease_token } = state;
    const { claims, priority } = model;
    expect({ status, attempt, final, priority: job?.priority }).toEqual({
      status: model.status,
      attempt: claims.length,
      final: model.over,
      priority,
    });
    if (status === 'CLAIMED' || status === 'RUNNING') expect(lease_token).toBe(claims.at(-1)!.lease_token);
    const last = decided.at(-1);
    if (last?.type === 'JobRequeued') {
      const waits = (Date.parse(last.data.available_at) - Date.parse(last.data.at)) / 1000;
      // Times have milliseconds.
      expect(waits).toBeGreaterThanOrEqual(model.pause[0] - 0.001);
      expect(waits).toBeLessThanOrEqual(model.pause[1]);
      model.available = Date.parse(last.data.available_at);
    }
  }

  private make({ does, behind, stale, forged, exit_code, percent, pick }: Step) {
    const now = new Date(this.clock - behind * 1000).toISOString();
    const known = this.model.claims.at(-1 - stale) ?? { attempt: 1, agent_id: 'a', lease_token: 'none' };
    let claim = forged ? { ...known, agent_id: 'x' } : known;
    const { attempt } = known;
    const command = ((): JobCommand => {
      switch (does) {
        case 'ClaimJob': {
          claim = { attempt: 0, agent_id: 'abc'[pick % 3]!, lease_token: `lease ${this.slots.length}` };
          const slot = nextSlot('j1', this.state);
          this.slots.push(slot);
          const { agent_id, lease_token } = claim;
          const lease = { agent_id, lease_token, lease_expires_at: now };
          return { type: does, ...lease, decision, slot: this.slots.at(-1 - stale) ?? slot, now };
        }
        case 'StartJob':
          return { type: does, ...claim, now };
        case 'ReportProgress':
          return { type: does, ...claim, percent, now };
        case 'CompleteJob':
          return { type: does, ...claim, exit_code, chance: (pick % 5) / 4, now };
        case 'ReleaseJob':
          return { type: does, ...claim, reason: 'enough', now };
        case 'CloseJob':
          return { type: does, exit_code, now };
        case 'TimeOutAttempt':
          return { type: does, attempt, seconds: 10, chance: (pick % 5) / 4, now };
        case 'ExpireLease':
          return { type: does, attempt, now };
        case 'SetPriority':
          return { type: does, priority: pick % 2 ? 'LOW' : 'HIGH', now };
        case 'CancelJob':
          return { type: does, reason: 'enough', now };
        case 'RevokeSlot':
          return {
            type: does,
            group: 'deploy',
            slot: this.slots.at(-1 - stale) ?? nextSlot('j1', this.state),
            now,
          };
        case 'EnqueueJob': {
          const { job } = this.state;
          const digest = stale ? 'another' : job!.digest;
          return { type: does, request: { job_id: job!.job_id, spec: job!.spec }, digest, now };
        }
        case 'RequeueJob':
        case 'TimeOutInQueue':
          return { type: does, now };
        default:
          return { type: 'TimeOutInQueue', now };
      }
    })();
    // The claim that its own ClaimJob makes has the number that it is given.
    if (command.type === 'ClaimJob') claim.attempt = this.model.claims.length + 1;
    return { command, claim };
  }
}

function outcomeOf(decided: ReturnType<typeof jobDecider.decide>): Outcome {
  if (isRejection(decided)) return 'refused';
  return decided.length ? 'done' : 'nothing';
}

const ENDINGS = ['JobCompleted', 'JobFailed', 'JobTimedOut', 'JobLeaseExpired', 'JobReleased'];

/** What the platform promises of every job, read from its log alone. */
function expectPromises(events: JobEvent[]): void {
  let claimed = 0;
  /** The attempt that lives. */
  let open: number | null = null;
  let ended = false;
  for (const { type, data } of events) {
    if (ended) expect({ type, data }).toMatchObject({ type: 'JobRequeued', data: { reason: 'requested' } });
    if (type === 'JobClaimed') {
      expect(open).toBeNull();
      expect(data.attempt).toBe(claimed + 1);
      open = claimed = data.attempt;
    } else if (type === 'JobStarted' || type === 'JobProgressed') expect(data.attempt).toBe(open);
    else if (ENDINGS.includes(type)) {
      // Of a job that waits, a person alone can say how it ended.
      expect(data).toMatchObject(open === null ? { attempt: 0, by_hand: true } : { attempt: open });
      open = null;
    } else if (type === 'JobCancelled') open = null;
    else if (type === 'JobQueueTimedOut' || type === 'JobSlotRevoked') expect(open).toBeNull();
    ended =
      ['JobCompleted', 'JobCancelled', 'JobQueueTimedOut', 'JobDeadLettered'].includes(type) ||
      ('final' in data && data.final);
  }
  // No job is lost: it is over, or somebody has it, or it waits.
  expect(ended || open !== null || fold(jobDecider, events).status === 'QUEUED').toBe(true);
}
