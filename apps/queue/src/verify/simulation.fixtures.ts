/**
 * Replicas of the queue without servers, on a log in memory: each follows it with a lag, decides by a schedule of its own
 * and carries its claims out in any order, with conflicts, claims that break off, lost replies and restarts. By chance
 * from a seed. What the replicas do can be spoilt, to see that it is found.
 */
import { PRIORITIES, type EnqueueJobCommand } from '@hybrid/contracts';
import type { StoredEvent } from '@hybrid/event-store';
import { isRejection, type Fact } from '@hybrid/decider';
import { jobGroupDecider, type JobGroupState } from '../groups/job-group.decider.js';
import { nextSlot, slotFate, type Slot } from '../groups/slot.js';
import { jobDecider, type JobCommand } from '../jobs/job.decider.js';
import type { JobEvent } from '../jobs/job.events.js';
import { noJob, type JobState } from '../jobs/job.state.js';
import { START } from '../schedule/schedule.fixtures.js';
import { Schedule, type Claimant, type Decision, type ObservedJob } from '../schedule/schedule.js';

const AGEING = 60;

/** What is wrong with the replicas. */
export interface Sabotage {
  /** Their schedules are told this of a job instead of the truth. */
  job?: (job: ObservedJob) => ObservedJob;
  noTurns?: true;
  noAgeing?: true;
  noPauses?: true;
  /** They take no places in concurrency groups. */
  noPlaces?: true;
  /** They claim what they believe to wait, whatever it has become. */
  blindClaims?: true;
  /** What failed is not put back. */
  noRetries?: true;
}

interface Pending extends Decision {
  claimant: Claimant;
  at: number;
  seen: bigint;
  known: JobState;
  slot: Slot | null;
}

interface Replica {
  id: string;
  schedule: Schedule;
  jobs: Map<string, ObservedJob>;
  /** Events of the log that it has seen, and the position of the last. */
  followed: number;
  seen: bigint;
  newest: number;
  /** Milliseconds by which its clock is wrong. */
  skew: number;
  pending: Pending[];
}

export class Simulation {
  readonly log: StoredEvent[] = [];
  claims = 0;
  conflicts = 0;
  refusals = 0;
  private now = START;
  private position = 100n;
  private started = 0;
  private enqueued = 0;
  private readonly jobs = new Map<string, { org: string; state: JobState; revision: bigint }>();
  private readonly groups = new Map<string, { state: JobGroupState; revision: bigint }>();
  private readonly paused = new Set<string>();
  private readonly replicas: Replica[] = [];

  constructor(
    private readonly random: () => number,
    private readonly sabotage: Sabotage = {},
    replicas = 3,
  ) {
    for (let each = 0; each < replicas; each++) this.replicas.push(this.newReplica());
  }

  step(): void {
    const replica = this.pick(this.replicas);
    const chance = this.random();
    if (chance < 0.2) this.enqueue();
    else if (chance < 0.45) this.follow(replica, Math.ceil(this.random() * 20));
    else if (chance < 0.65) this.take(replica);
    else if (chance < 0.85) this.carryOut(replica);
    else if (chance < 0.97) this.live();
    else if (chance < 0.975) this.turnPause();
    else if (chance < 0.98) this.replicas[this.replicas.indexOf(replica)] = this.newReplica();
    else this.wait(this.pick([1, 20, 300, 4_000, 20_000, 70_000]));
    this.now += Math.floor(this.random() * 5);
  }

  /** No claim is under way for longer than the event store's patience. */
  private wait(milliseconds: number): void {
    this.now += milliseconds;
    if (milliseconds >= 4_000)
      for (const replica of this.replicas) while (replica.pending.length > 0) this.carryOut(replica);
  }

  private enqueue(): void {
    const job_id = `job-${++this.enqueued}`;
    const group = this.pick([null, null, null, 'deploy', 'release']);
    const request: EnqueueJobCommand = {
      job_id,
      pool: this.pick(['default', 'default', 'gpu']),
      priority: this.pick(PRIORITIES),
      pipeline_id: this.pick([undefined, 'p1', 'p2', 'p3']),
      labels: this.pick<Record<string, string>>([{}, {}, { os: 'linux' }, { os: 'linux', gpu: 'yes' }]),
      capabilities: this.pick([[], [], ['docker']]),
      delay_seconds: this.pick([0, 0, 0, 3, 60]),
      max_attempts: 3,
      backoff_seconds: this.pick([0, 1, 30]),
      queue_timeout_seconds: this.pick([undefined, 90]),
      ...(group && { concurrency: { group, limit: this.pick([1, 2, 3]) } }),
      spec: { step: { id: 'test', name: 'test', type: 'step.shell_exec', config: {} } },
    };
    const org = this.pick(['acme', 'acme', 'acme', 'other']);
    this.jobs.set(job_id, { org, state: noJob, revision: -1n });
    this.tell(job_id, { type: 'EnqueueJob', request, digest: '', now: this.time() });
  }

  private take(replica: Replica): void {
    const claimant: Claimant = {
      org: this.pick(['acme', 'acme', 'acme', 'other']),
      pool: this.pick(['default', 'default', 'gpu']),
      labels: this.pick<Record<string, string>>([{}, { os: 'linux' }, { os: 'linux', gpu: 'yes' }]),
      capabilities: this.pick([[], ['docker']]),
    };
    const at = Math.max(this.now + replica.skew, replica.newest);
    for (let count = this.pick([1, 1, 1, 4]); count > 0; count--) {
      const decision = replica.schedule.take(claimant, at);
      if (!decision) return;
      const known = replica.jobs.get(decision.jobId)!.state;
      replica.pending.push({ ...decision, claimant, at, seen: replica.seen, known, slot: null });
    }
  }

  /** One step of one of its claims. */
  private carryOut({ id, schedule, pending }: Replica): void {
    const claim = this.pick(pending);
    if (!claim) return;
    const { jobId, known, at } = claim;
    const done = () => void pending.splice(pending.indexOf(claim), 1);
    const brokeOff = this.random() < 0.03;
    const { concurrency } = known.job!;
    if (concurrency && !claim.slot && !this.sabotage.noPlaces) {
      const limit = schedule.groupLimit(jobId) ?? concurrency.limit;
      claim.slot = brokeOff ? null : this.takePlace(jobId, claim, limit);
      if (claim.slot) return;
      done();
      this.refusals++;
      return brokeOff ? schedule.putBack(jobId) : schedule.refusedByGroup(jobId);
    }
    done();
    if (brokeOff) {
      // Its reply came too late, or it was never carried out.
      this.now = Math.max(this.now, at + 4_000);
      if (this.random() < 0.5) this.claim(id, claim);
      return schedule.putBack(jobId);
    }
    if (this.claim(id, claim)) return;
    this.conflicts++;
    schedule.lost(jobId);
  }

  private claim(replica: string, { claimant, jobId, turn, seen, at, known, slot }: Pending): boolean {
    const { pool, labels, capabilities } = claimant;
    const pipeline_id = known.job!.pipeline_id ?? null;
    const state = this.jobs.get(jobId)!.state;
    const command: JobCommand = {
      type: 'ClaimJob',
      agent_id: `agent-${Math.floor(this.random() * 5)}`,
      lease_token: `${replica} ${turn}`,
      lease_expires_at: new Date(at + 30_000).toISOString(),
      decision: {
        pool,
        pipeline_id,
        labels,
        capabilities,
        seen: seen.toString(),
        replica,
        turn,
        ageing_seconds: AGEING,
      },
      slot: this.sabotage.noPlaces ? nextSlot(jobId, state) : slot,
      now: new Date(at).toISOString(),
    };
    const done = this.tell(jobId, command, this.sabotage.blindClaims ? known : undefined);
    if (done) this.claims++;
    return done;
  }

  /** As the queue does it: the places of those that are over are taken over; one that waits too long is fenced. */
  private takePlace(jobId: string, { known, claimant: { org } }: Pending, limit: number): Slot | null {
    const { group } = known.job!.concurrency!;
    const key = `${org} ${group}`;
    const found = this.groups.get(key) ?? { state: jobGroupDecider.initial, revision: -1n };
    this.groups.set(key, found);
    const released = found.state.holders.filter((holder) => {
      if (slotFate(holder, this.state(holder.job_id)) === 'claiming' && this.random() < 0.1)
        this.tell(holder.job_id, { type: 'RevokeSlot', group, slot: holder, now: this.time() });
      return slotFate(holder, this.state(holder.job_id)) === 'over';
    });
    const slot = nextSlot(jobId, known);
    const now = this.time();
    const events = jobGroupDecider.decide(
      { type: 'TakeSlot', group, slot, limit, released, now },
      found.state,
    );
    if (isRejection(events)) return null;
    this.append('jobGroup', key, org, found.revision, events);
    found.revision += BigInt(events.length);
    found.state = events.reduce(jobGroupDecider.evolve, found.state);
    return slot;
  }

  /** Something happens to a job. */
  private live(): void {
    const live = [...this.jobs].filter(([, { state }]) => !state.final || this.random() < 0.05);
    const [id, job] = this.pick(live) ?? [];
    if (!id || !job) return;
    const { attempt, agent_id, lease_token } = job.state;
    const now = this.time();
    const own = { attempt, agent_id: agent_id ?? '', lease_token: lease_token ?? '', now };
    const chance = 0;
    this.tell(
      id,
      this.pick<JobCommand>([
        { type: 'StartJob', ...own },
        { type: 'CompleteJob', exit_code: 0, chance, ...own },
        { type: 'CompleteJob', exit_code: 0, chance, ...own },
        { type: 'CompleteJob', exit_code: 1, chance, ...own },
        { type: 'ReleaseJob', reason: 'gone', ...own },
        { type: 'ReportProgress', percent: 5, ...own },
        { type: 'ExpireLease', attempt, now },
        { type: 'TimeOutAttempt', attempt, seconds: 5, chance, now },
        { type: 'TimeOutInQueue', now },
        { type: 'SetPriority', priority: this.pick(PRIORITIES), now },
        this.random() < 0.2 ? { type: 'CancelJob', reason: 'enough', now } : { type: 'RequeueJob', now },
        this.random() < 0.2 ? { type: 'CloseJob', exit_code: 1, now } : { type: 'RequeueJob', now },
      ]),
    );
  }

  private turnPause(): void {
    const org = 'acme';
    const pool = 'gpu';
    const at = this.time();
    const was = this.paused.delete(pool);
    if (!was) this.paused.add(pool);
    const event = was
      ? { type: 'JobPoolResumed', data: { pool, at } }
      : { type: 'JobPoolPaused', data: { pool, reason: 'moving', by: 'user ann', at } };
    this.append('jobPool', 'gpu', org, -1n, [event]);
  }

  /** False: it was refused, or nothing came of it. @param believed what the caller takes for the job's state. */
  private tell(id: string, command: JobCommand, believed?: JobState): boolean {
    const job = this.jobs.get(id)!;
    const decided = jobDecider.decide(command, believed ?? job.state);
    if (isRejection(decided) || decided.length === 0) return false;
    const events = this.sabotage.noRetries ? decided.filter(({ type }) => type !== 'JobRequeued') : decided;
    this.append('job', id, job.org, job.revision, events);
    job.revision += BigInt(events.length);
    job.state = events.reduce(jobDecider.evolve, job.state);
    return true;
  }

  private append(category: string, thingId: string, org: string, revision: bigint, events: Fact[]): void {
    for (const event of events) {
      this.position += BigInt(1 + Math.floor(this.random() * 3));
      this.log.push({
        event,
        metadata: { org, actor: { type: 'user', id: 'ann' }, $correlationId: '', version: 1 },
        id: '',
        streamId: `${category}-${thingId}`,
        category,
        thingId,
        revision: ++revision,
        position: { commit: this.position, prepare: this.position },
        created: new Date(this.now),
      });
    }
  }

  private newReplica(): Replica {
    const replica: Replica = {
      id: `replica-${++this.started}`,
      schedule: new Schedule({ ageingSeconds: this.sabotage.noAgeing ? 0 : AGEING }),
      jobs: new Map(),
      followed: 0,
      seen: -1n,
      newest: START,
      skew: Math.floor(this.random() * 100) - 50,
      pending: [],
    };
    this.follow(replica, this.log.length);
    return replica;
  }

  private follow(replica: Replica, count: number): void {
    const { schedule, jobs } = replica;
    const { sabotage } = this;
    for (const stored of this.log.slice(replica.followed, replica.followed + count)) {
      const { category, thingId: id, position, metadata, created } = stored;
      const event = stored.event as JobEvent;
      replica.followed++;
      replica.seen = position!.commit;
      replica.newest = Math.max(replica.newest, created.getTime());
      if (category === 'jobPool' && !sabotage.noPauses) {
        const on = stored.event.type === 'JobPoolPaused';
        schedule.pause(metadata.org, id, on ? { reason: 'moving', by: 'user ann', at: '' } : null);
      }
      if (category !== 'job') continue;
      const known = jobs.get(id);
      const arrived = known?.arrived ?? position!.commit;
      const job = { id, org: metadata.org, arrived, state: jobDecider.evolve(known?.state ?? noJob, event) };
      jobs.set(id, job);
      if (event.type === 'JobClaimed' && !sabotage.noTurns) {
        const { pool, pipeline_id } = event.data.decision!;
        schedule.served(metadata.org, pool, pipeline_id, position!.commit);
      }
      schedule.observe(sabotage.job?.(job) ?? job);
    }
  }

  private state(id: string): JobState {
    return this.jobs.get(id)!.state;
  }

  private time(): string {
    return new Date(this.now).toISOString();
  }

  private pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.random() * from.length)]!;
  }
}
