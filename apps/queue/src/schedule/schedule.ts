/** Which waiting job an agent gets: a fold without clock, chance or I/O. The rules: docs/adr/0013-scheduling.md. */
import { PRIORITIES, type PassedOver, type PoolPause, type Priority } from '@hybrid/contracts';
import type { JobState } from '../jobs/job.state.js';
import { Ageing } from './ageing.js';
import { jobsAhead, type Ahead } from './ahead.js';
import { ConcurrencyGroup, type GroupMember } from './concurrency-group.js';
import { cameBefore } from './jobs-by-arrival.js';
import { Pool, type Shape, type WaitingJob, type WaitingList } from './waiting-lists.js';

/** Who asks for a job. */
export interface Claimant {
  org: string;
  pool: string;
  labels: Record<string, string>;
  capabilities: string[];
}

/** A job as the log tells it. `arrived`: commit position of its JobEnqueued. */
export interface ObservedJob {
  id: string;
  org: string;
  arrived: bigint;
  state: JobState;
}

/** The `turn`-th decision of this schedule: the job is out of reach for others until its claim is seen, or it is put back. */
export interface Decision {
  jobId: string;
  turn: number;
}

/** How a waiting job stands at a moment. */
export interface Standing {
  /** Milliseconds since the epoch from which it may be claimed. */
  availableAt: number;
  effectivePriority: Priority;
  paused: PoolPause | null;
  /** Null: it has no group, or there is room. */
  groupFull: { group: string; limit: number; holders: string[] } | null;
  /**
   * Jobs that an agent which fits all of them would be given before it, if nothing else happened, by why they come
   * first; counted up to 10,000.
   */
  ahead: Ahead;
  /** Its claim is under way. */
  inFlight: boolean;
}

export interface ScheduleSettings {
  /** Seconds after which a waiting job counts as one class more urgent; 0: never. */
  ageingSeconds: number;
}

/** Organisations share nothing. */
interface Organisation {
  pools: Map<string, Pool>;
  groups: Map<string, ConcurrencyGroup>;
}

export class Schedule {
  private readonly ageing: Ageing;
  private readonly organisations = new Map<string, Organisation>();
  private readonly waiting = new Map<string, WaitingJob>();
  /** Jobs that are claimed or run, and have a place in a group. */
  private readonly holding = new Map<string, GroupMember & { group: ConcurrencyGroup; org: string }>();
  private decisions = 0;

  constructor(readonly settings: ScheduleSettings) {
    this.ageing = new Ageing(settings.ageingSeconds);
  }

  /** Takes over the state of a job after an event of it; in the order of the log per job. */
  observe({ id, org, arrived, state }: ObservedJob): void {
    const before = this.waiting.get(id);
    const decision = before?.decision ?? null;
    if (before) this.forgetWaiting(before);
    else this.forgetHolding(id);
    const { status, job } = state;
    if (!job || (status !== 'QUEUED' && status !== 'CLAIMED' && status !== 'RUNNING')) return;
    const group = job.concurrency ? this.group(org, job.concurrency.group) : null;
    const position = Number(arrived);
    const availableAt = Date.parse(state.available_at ?? job.at);
    const limit = job.concurrency?.limit ?? 0;
    if (status === 'QUEUED') {
      const list = this.pool(org, job.pool).enter({
        rank: PRIORITIES.indexOf(job.priority),
        pipelineId: job.pipeline_id ?? null,
        labels: job.labels,
        capabilities: job.capabilities ?? [],
        group,
      });
      // Field by field: an object that begins as a spread one takes more than twice the memory.
      const waiting: WaitingJob = {
        id,
        org,
        arrived: position,
        availableAt,
        limit,
        list,
        decision: null,
        lost: false,
      };
      this.waiting.set(id, waiting);
      group?.members.add(waiting);
      if (decision) this.decide(waiting, { ...decision, outdated: true });
      else list.jobs.add(waiting);
    } else if (group) {
      const holder = { id, org, arrived: position, availableAt, limit, group };
      this.holding.set(id, holder);
      group.members.add(holder);
      group.holders.add(id);
    }
    group?.changed();
  }

  /** A pipeline of a pool was served by the claim at this commit position. Older ones than known change nothing. */
  served(org: string, pool: string, pipelineId: string | null, position: bigint): void {
    this.pool(org, pool).turn(pipelineId).served(position);
  }

  /** Null: the pool is not paused (any more). */
  pause(org: string, pool: string, pause: PoolPause | null): void {
    this.pool(org, pool).pause = pause;
  }

  /** The next job for the claimant at the time (milliseconds since the epoch), from now on in flight; or nothing. */
  take(claimant: Claimant, at: number): Decision | undefined {
    const job = this.next(claimant, at);
    if (!job) return undefined;
    const decision = { jobId: job.id, turn: this.decisions + 1 };
    this.repeat(decision, at);
    return decision;
  }

  /**
   * A decision that was made elsewhere, to derive again what followed it: the job is in flight as if it had been taken
   * here. False: it is not to be had, as it does not wait or is in flight already; nothing has changed then.
   */
  repeat({ jobId, turn }: Decision, at: number): boolean {
    const job = this.waiting.get(jobId);
    if (!job || job.decision || job.lost) return false;
    this.decisions = Math.max(this.decisions, turn);
    job.list.jobs.remove(job);
    this.decide(job, { turn, at, groupChanges: job.list.shape.group?.changes ?? 0, outdated: false });
    return true;
  }

  /** The claim broke off, nothing was appended: the job waits again at its place. */
  putBack(jobId: string): void {
    const job = this.waiting.get(jobId);
    if (!job?.decision) return;
    this.undecide(job);
    job.list.shape.group?.changed();
    job.list.jobs.add(job);
  }

  /**
   * Somebody else was faster: not to be had until the log says more of it. If it has said so already, since the job was
   * taken, the job waits again.
   */
  lost(jobId: string): void {
    const job = this.waiting.get(jobId);
    if (!job?.decision) return;
    if (job.decision.outdated) return this.putBack(jobId);
    this.undecide(job);
    job.list.shape.group?.changed();
    job.lost = true;
  }

  /**
   * Its group had no place in truth: none of the group's jobs is to be had until a job of the group changes, or some
   * seconds have passed. A change that was told since the job was taken counts.
   */
  refusedByGroup(jobId: string): void {
    const job = this.waiting.get(jobId);
    if (!job?.decision) return;
    const { at, groupChanges, outdated } = job.decision;
    this.undecide(job);
    if (!outdated) job.list.shape.group?.refused(at, groupChanges);
    job.list.jobs.add(job);
  }

  /**
   * Milliseconds since the epoch when the next job becomes available to the claimant by itself: `at`, if one is now;
   * null: none will.
   */
  nextAvailable(claimant: Claimant, at: number): number | null {
    const pool = this.organisations.get(claimant.org)?.pools.get(claimant.pool);
    if (!pool || pool.pause) return null;
    let next = Infinity;
    for (const shape of pool.shapes.values()) {
      if (!fits(shape, claimant)) continue;
      const notBefore = shape.group?.notBefore() ?? -Infinity;
      for (const { jobs } of shape.lists.values()) next = Math.min(next, Math.max(notBefore, jobs.earliest));
    }
    return next === Infinity ? null : Math.max(at, next);
  }

  /** Jobs that may have a place in the group of a waiting job: what its newest live job came with. Null: it has no group. */
  groupLimit(jobId: string): number | null {
    return this.waiting.get(jobId)?.list.shape.group?.limit ?? null;
  }

  /** Null: the job does not wait. */
  standing(jobId: string, at: number): Standing | null {
    const job = this.waiting.get(jobId);
    if (!job) return null;
    const { pool, shape } = job.list;
    const { group } = shape;
    const inFlight = job.decision !== null || job.lost;
    return {
      availableAt: job.availableAt,
      effectivePriority: PRIORITIES[this.rank(job, at)]!,
      paused: pool.pause,
      groupFull:
        group && group.room(at, jobId) <= 0
          ? {
              group: group.name,
              limit: group.limit,
              holders: [...group.holders].filter((id) => id !== jobId),
            }
          : null,
      ahead: inFlight
        ? { higherPriority: 0, otherPipelines: 0, cameFirst: 0 }
        : jobsAhead(job, at, this.ageing),
      inFlight,
    };
  }

  /**
   * Why the claimant got `chosenId` and not `jobId`, both as observed before that claim; whether `chosenId` was taken
   * from this schedule since makes no difference. Null: one of them did not wait.
   */
  whyNot(jobId: string, chosenId: string, claimant: Claimant, at: number): PassedOver['code'] | null {
    const job = this.waiting.get(jobId);
    const chosen = this.waiting.get(chosenId);
    if (!job || !chosen) return null;
    const { pool, shape, turn } = job.list;
    if (job.availableAt > at) return 'not_available_yet';
    if (job.org !== claimant.org || pool.name !== claimant.pool || !fits(shape, claimant))
      return 'agent_does_not_fit';
    if (job.decision || job.lost) return 'taken_at_the_same_time';
    if (shape.group && shape.group.room(at, chosenId) <= 0) return 'group_full';
    const byRank = this.rank(chosen, at) - this.rank(job, at);
    if (byRank !== 0) return byRank < 0 ? 'higher_priority' : 'taken_at_the_same_time';
    const byTurn = chosen.list.turn.compare(turn, chosen.decision?.turn);
    if (byTurn !== 0) return byTurn < 0 ? 'other_pipelines_turn' : 'taken_at_the_same_time';
    return cameBefore(chosen, job) ? 'came_first' : 'taken_at_the_same_time';
  }

  private next(claimant: Claimant, at: number): WaitingJob | undefined {
    const pool = this.organisations.get(claimant.org)?.pools.get(claimant.pool);
    if (!pool || pool.pause) return undefined;
    let best = Infinity;
    let lists: WaitingList[] = [];
    for (const shape of pool.shapes.values()) {
      if (!fits(shape, claimant) || (shape.group && shape.group.room(at) <= 0)) continue;
      for (const list of shape.lists.values()) {
        const { earliest } = list.jobs;
        if (earliest > at) continue;
        const rank = this.ageing.rankAt(at, list.rank, earliest);
        const order = rank - best || list.turn.compare(lists[0]!.turn);
        if (order > 0) continue;
        if (order < 0) lists = [];
        best = rank;
        lists.push(list);
      }
    }
    let first: WaitingJob | undefined;
    for (const list of lists) {
      // Whatever is to be had of it came even later.
      if (first && !cameBefore(list.jobs.oldest!, first)) continue;
      const job = list.jobs.first(this.ageing.availableBy(at, list.rank, best));
      if (job && (!first || cameBefore(job, first))) first = job;
    }
    return first;
  }

  private rank(job: WaitingJob, at: number): number {
    return this.ageing.rankAt(at, job.list.rank, job.availableAt);
  }

  /** The job is out of its list by now. */
  private decide(job: WaitingJob, decision: WaitingJob['decision'] & object): void {
    job.decision = decision;
    job.list.turn.begin(decision.turn);
    job.list.shape.group?.holders.add(job.id);
  }

  private undecide(job: WaitingJob): void {
    if (!job.decision) return;
    job.list.turn.end(job.decision.turn);
    job.list.shape.group?.holders.delete(job.id);
    job.decision = null;
  }

  private forgetWaiting(job: WaitingJob): void {
    this.undecide(job);
    this.waiting.delete(job.id);
    job.list.pool.leave(job);
    if (job.list.shape.group) this.leaveGroup(job.org, job.list.shape.group, job);
  }

  private forgetHolding(id: string): void {
    const holder = this.holding.get(id);
    if (!holder) return;
    this.holding.delete(id);
    holder.group.holders.delete(id);
    this.leaveGroup(holder.org, holder.group, holder);
  }

  private leaveGroup(org: string, group: ConcurrencyGroup, member: GroupMember): void {
    group.members.remove(member);
    group.changed();
    if (!group.members.newest) this.organisation(org).groups.delete(group.name);
  }

  private organisation(org: string): Organisation {
    let organisation = this.organisations.get(org);
    if (!organisation) {
      organisation = { pools: new Map(), groups: new Map() };
      this.organisations.set(org, organisation);
    }
    return organisation;
  }

  private pool(org: string, name: string): Pool {
    const { pools } = this.organisation(org);
    let pool = pools.get(name);
    if (!pool) pools.set(name, (pool = new Pool(name)));
    return pool;
  }

  private group(org: string, name: string): ConcurrencyGroup {
    const { groups } = this.organisation(org);
    let group = groups.get(name);
    if (!group) groups.set(name, (group = new ConcurrencyGroup(name)));
    return group;
  }
}

function fits(shape: Shape, { labels, capabilities }: Claimant): boolean {
  for (const [name, value] of shape.labels) if (labels[name] !== value) return false;
  for (const capability of shape.capabilities) if (!capabilities.includes(capability)) return false;
  return true;
}
