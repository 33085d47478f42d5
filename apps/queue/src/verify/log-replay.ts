/**
 * The log folded once more, for those who look at past claims as they were decided: the schedule holds the log up to
 * what the claimant's replica had `seen`, and the replica's own claims that were under way then. The fold stays a window
 * of events behind the reader, as a claim stands in the log later than what it was decided from. One schedule serves
 * all replicas: what only one of them knew is put on it for a decision of that one, and taken off for another's.
 */
import type { PoolPause } from '@hybrid/contracts';
import { understood, type StoredEvent } from '@hybrid/event-store';
import { jobGroupEvents, type JobGroupEvent } from '../groups/job-group.events.js';
import { jobDecider } from '../jobs/job.decider.js';
import { jobEvents, type ClaimDecision, type JobClaimed, type JobEvent } from '../jobs/job.events.js';
import { noJob, type JobState } from '../jobs/job.state.js';
import { jobPoolEvents, type JobPoolEvent } from '../pools/job-pool.events.js';
import { Schedule, type Claimant, type ObservedJob } from '../schedule/schedule.js';

/** What is to be read of the log. */
export const REPLAYED_PREFIXES = ['job-', 'jobPool-', 'jobGroup-'];

export interface PastJob extends ObservedJob {
  revision: bigint;
  /** Commit position of its last event. */
  position: bigint;
}

/** An event without what nobody asks for here, such as the spec of a job. */
export interface PastEvent {
  event: JobEvent | JobPoolEvent | JobGroupEvent;
  /** It is what an event of a later version is read as. */
  later: boolean;
  /** Of the job, the pool or the group. */
  id: string;
  org: string;
  revision: bigint;
  position: bigint;
}

export interface PastDecision extends ClaimDecision {
  /** Commit position of the claim. */
  position: bigint;
  jobId: string;
  agentId: string;
  claimant: Claimant;
  /** Milliseconds since the epoch. */
  at: number;
  /** Commit position; `seen` as a number. */
  upTo: bigint;
  /** The fold was past `seen` already when the claim was read: what is shown is newer than what the replica knew. */
  tooOld: boolean;
}

/** A claim of the replica whose decision it is, that was not in the log up to `seen`. */
export interface UnderWay {
  turn: number;
  /** When it was decided, in milliseconds since the epoch. */
  at: number;
}

export interface AsDecided {
  /** To be left as it was found. */
  schedule: Schedule;
  underWay: ReadonlyMap<string, UnderWay>;
  job: (id: string) => PastJob | undefined;
  jobs: () => Iterable<PastJob>;
  /** The log has an event of the job between what the replica had seen and the claim. */
  changedMeanwhile: (jobId: string) => boolean;
}

export interface ReplayListener {
  /**
   * In the order of the log. `job`: as it is after the event; null where it is none of a job, or of one that is unknown or
   * over for ever. `before`: what the job was; null: it was not there.
   */
  event: (past: PastEvent, job: PastJob | null, before: JobState | null) => void;
  /** In the order of `seen`, and those of one replica in their own; the claim itself comes later as an event. */
  decided: (decision: PastDecision, as: AsDecided) => void;
}

interface Rebuilt {
  schedule: Schedule;
  /** Whose claims under way are on it. */
  replica: string | null;
}

/**
 * Events between what a decision was made of and its claim: seconds of a busy log. Some tens of megabytes.
 */
const WINDOW = 50_000;
/** Replicas with different settings at a time; more only cost time. */
const MAX_SCHEDULES = 3;

export class LogReplay {
  private readonly jobs = new Map<string, PastJob>();
  private readonly turns = new Map<
    string,
    [org: string, pool: string, pipeline: string | null, at: bigint]
  >();
  private readonly pauses = new Map<string, [org: string, pool: string, pause: PoolPause]>();
  /** By the ageing that they go by. */
  private readonly schedules = new Map<number, Rebuilt>();
  private readonly underWay = new Map<string, Map<string, UnderWay>>();
  private readonly window = new Line<PastEvent>();
  /** By `seen`, replica and turn. */
  private readonly decisions = new Line<PastDecision>();
  /** Of the last event that was taken over. */
  private reached = -1n;

  constructor(
    private readonly listener: ReplayListener,
    private readonly windowSize = WINDOW,
  ) {}

  /** The next event of the log. */
  take(stored: StoredEvent): void {
    const event = readable(stored);
    if (!event) return;
    const { thingId: id, revision, metadata } = stored;
    const later = metadata.downcast !== undefined && event.type === metadata.downcast.type;
    const past = { event, later, id, org: metadata.org, revision, position: stored.position!.commit };
    this.window.push(past);
    if (event.type === 'JobClaimed' && event.data.decision)
      this.expect(past, event.data, event.data.decision);
    if (this.window.size > this.windowSize) this.goOn();
  }

  /** There is no more: what is in the window is looked at, too, an event at each step. */
  *end(): Generator<void> {
    for (; this.window.size > 0; yield) this.goOn();
    // Nobody can have seen more than there is.
    this.decideBefore(null);
  }

  /** Those that are not over for ever. */
  all(): Iterable<PastJob> {
    return this.jobs.values();
  }

  private expect(past: PastEvent, { agent_id, at }: JobClaimed, decision: ClaimDecision): void {
    const { pool, labels, capabilities } = decision;
    const upTo = BigInt(decision.seen);
    const made: PastDecision = {
      ...decision,
      position: past.position,
      jobId: past.id,
      agentId: agent_id,
      claimant: { org: past.org, pool, labels, capabilities },
      at: Date.parse(at),
      upTo,
      tooOld: upTo < this.reached,
    };
    this.decisions.insert(made, decidedBefore);
  }

  private goOn(): void {
    const next = this.window.first!;
    this.decideBefore(next.position);
    this.window.shift();
    const { event } = next;
    this.reached = next.position;
    if (event.type === 'JobPoolPaused' || event.type === 'JobPoolResumed') this.takePause(next.org, event);
    else if (event.type !== 'SlotTaken') return this.takeJob(next, event);
    this.listener.event(next, null, null);
  }

  private takePause(org: string, event: JobPoolEvent): void {
    const { pool } = event.data;
    const pause = event.type === 'JobPoolPaused' ? pauseOf(event.data) : null;
    if (pause) this.pauses.set(`${org}\n${pool}`, [org, pool, pause]);
    else this.pauses.delete(`${org}\n${pool}`);
    for (const { schedule } of this.schedules.values()) schedule.pause(org, pool, pause);
  }

  private takeJob(past: PastEvent, event: JobEvent): void {
    const { id, org, revision, position } = past;
    const known = this.jobs.get(id);
    if (!known && event.type !== 'JobEnqueued') return this.listener.event(past, null, null);
    const before = known?.state ?? null;
    const state = jobDecider.evolve(before ?? noJob, event);
    const job: PastJob = known ?? { id, org, arrived: position, state, revision, position };
    Object.assign(job, { state, revision, position });
    if (event.type === 'JobClaimed' && event.data.decision) {
      const { pool, pipeline_id } = event.data.decision;
      this.turns.set(`${job.org}\n${pool}\n${pipeline_id ?? ''}`, [job.org, pool, pipeline_id, position]);
      for (const { schedule } of this.schedules.values())
        schedule.served(job.org, pool, pipeline_id, position);
    }
    // Nothing can happen to it any more, so that a long log takes no more memory than its live jobs and failed ones.
    if (state.status === 'COMPLETED' || state.status === 'CANCELLED') this.jobs.delete(id);
    else this.jobs.set(id, job);
    for (const { schedule } of this.schedules.values()) schedule.observe(job);
    if (state.status !== 'QUEUED')
      for (const [replica, claims] of this.underWay)
        if (claims.delete(id) && claims.size === 0) this.underWay.delete(replica);
    this.listener.event(past, job, before);
  }

  /** Null: all that are left. */
  private decideBefore(position: bigint | null): void {
    for (let next = this.decisions.first; next; next = this.decisions.first) {
      if (position !== null && next.upTo >= position) return;
      this.decisions.shift();
      this.decide(next);
    }
  }

  private decide(decision: PastDecision): void {
    const { replica, jobId, turn, at, position } = decision;
    const { schedule } = this.rebuilt(decision);
    const claims = this.underWay.get(replica) ?? new Map<string, UnderWay>();
    this.listener.decided(decision, {
      schedule,
      underWay: claims,
      job: (id) => this.jobs.get(id),
      jobs: () => this.jobs.values(),
      changedMeanwhile: (id) => this.window.some((past) => past.position < position && past.id === id),
    });
    if (decision.tooOld || !schedule.repeat({ jobId, turn }, at)) return;
    claims.set(jobId, { turn, at });
    this.underWay.set(replica, claims);
  }

  private rebuilt({ replica, ageing_seconds: ageing }: PastDecision): Rebuilt {
    let rebuilt = this.schedules.get(ageing);
    if (!rebuilt) {
      if (this.schedules.size === MAX_SCHEDULES) this.schedules.delete(this.schedules.keys().next().value!);
      this.schedules.set(ageing, (rebuilt = { schedule: this.newSchedule(ageing), replica: null }));
    }
    if (rebuilt.replica === replica) return rebuilt;
    const { schedule } = rebuilt;
    for (const id of this.underWay.get(rebuilt.replica ?? '')?.keys() ?? []) schedule.putBack(id);
    for (const [jobId, { turn, at }] of this.underWay.get(replica) ?? [])
      schedule.repeat({ jobId, turn }, at);
    rebuilt.replica = replica;
    return rebuilt;
  }

  private newSchedule(ageingSeconds: number): Schedule {
    const schedule = new Schedule({ ageingSeconds });
    for (const job of this.jobs.values()) schedule.observe(job);
    for (const turn of this.turns.values()) schedule.served(...turn);
    for (const pause of this.pauses.values()) schedule.pause(...pause);
    return schedule;
  }
}

/** First in, first out, without moving all for each. */
class Line<T> {
  private items: T[] = [];
  private begin = 0;

  get size(): number {
    return this.items.length - this.begin;
  }

  get first(): T | undefined {
    return this.items[this.begin];
  }

  push(item: T): void {
    this.items.push(item);
  }

  /** At its place in the order, which is mostly near the end. */
  insert(item: T, before: (one: T, other: T) => boolean): void {
    let place = this.items.length;
    while (place > this.begin && before(item, this.items[place - 1]!)) place--;
    this.items.splice(place, 0, item);
  }

  shift(): void {
    this.begin++;
    if (this.begin < 1_000 || this.begin < this.items.length / 2) return;
    this.items = this.items.slice(this.begin);
    this.begin = 0;
  }

  some(fits: (item: T) => boolean): boolean {
    for (let place = this.begin; place < this.items.length; place++)
      if (fits(this.items[place]!)) return true;
    return false;
  }
}

function decidedBefore(one: PastDecision, other: PastDecision): boolean {
  if (one.upTo !== other.upTo) return one.upTo < other.upTo;
  if (one.replica !== other.replica) return one.replica < other.replica;
  return one.turn < other.turn;
}

function pauseOf({ reason, by, at }: PoolPause): PoolPause {
  return { reason, by, at };
}

/** Without what makes events large; null where this version does not know it. */
function readable(stored: StoredEvent): PastEvent['event'] | null {
  if (stored.category === 'jobPool') return understood(jobPoolEvents, stored)?.event ?? null;
  if (stored.category === 'jobGroup') return understood(jobGroupEvents, stored)?.event ?? null;
  const event = understood(jobEvents, stored)?.event ?? null;
  if (event?.type === 'JobEnqueued')
    return { ...event, data: { ...event.data, spec: { step: { ...event.data.spec?.step, config: {} } } } };
  if (event?.type === 'JobCompleted')
    return { ...event, data: { ...event.data, outputs: {}, artifacts: [], report: undefined } };
  if (event?.type === 'JobFailed')
    return { ...event, data: { ...event.data, outputs: {}, artifacts: [], report: undefined } };
  return event;
}
