/** The rules of docs/adr/0013-scheduling.md as plainly as they can be said: one list of jobs, gone through each time. */
import { PRIORITIES, type PassedOver, type PoolPause } from '@hybrid/contracts';
import type { Claimant, Decision, ObservedJob, Standing } from './schedule.js';

interface NaiveJob {
  id: string;
  org: string;
  pool: string;
  pipeline: string;
  arrived: bigint;
  rank: number;
  availableAt: number;
  labels: Record<string, string>;
  capabilities: string[];
  group: string | null;
  limit: number;
  live: 'waits' | 'decided' | 'lost' | 'claimed';
  /** When live is decided. */
  turn: number;
  decidedAt: number;
  toldSince: boolean;
  groupChangedSince: boolean;
}

export class NaiveSchedule {
  jobs: NaiveJob[] = [];
  private claims = new Map<string, bigint>();
  private readonly pauses = new Map<string, PoolPause>();
  private refusedUntil = new Map<string, number>();
  private decisions = 0;

  constructor(private readonly ageingSeconds: number) {}

  observe({ id, org, arrived, state }: ObservedJob): void {
    const before = this.find(id);
    this.jobs = this.jobs.filter((job) => job !== before);
    if (before) this.groupChanged(before);
    const { job } = state;
    if (!job || !['QUEUED', 'CLAIMED', 'RUNNING'].includes(state.status!)) return;
    const waits = state.status === 'QUEUED';
    const stillDecided = waits && before?.live === 'decided';
    const after: NaiveJob = {
      id,
      org,
      pool: job.pool,
      pipeline: JSON.stringify([org, job.pool, job.pipeline_id ?? null]),
      arrived,
      rank: PRIORITIES.indexOf(job.priority),
      availableAt: Date.parse(state.available_at!),
      labels: job.labels,
      capabilities: job.capabilities ?? [],
      group: job.concurrency ? JSON.stringify([org, job.concurrency.group]) : null,
      limit: job.concurrency?.limit ?? 0,
      live: stillDecided ? 'decided' : waits ? 'waits' : 'claimed',
      turn: before?.turn ?? 0,
      decidedAt: before?.decidedAt ?? 0,
      toldSince: true,
      groupChangedSince: true,
    };
    this.jobs.push(after);
    this.groupChanged(after);
  }

  served(org: string, pool: string, pipelineId: string | null, position: bigint): void {
    const pipeline = JSON.stringify([org, pool, pipelineId]);
    if (position > (this.claims.get(pipeline) ?? -1n)) this.claims.set(pipeline, position);
  }

  pause(org: string, pool: string, pause: PoolPause | null): void {
    if (pause) this.pauses.set(`${org}/${pool}`, pause);
    else this.pauses.delete(`${org}/${pool}`);
  }

  take(claimant: Claimant, at: number): Decision | undefined {
    if (this.pauses.has(`${claimant.org}/${claimant.pool}`)) return undefined;
    const [first] = this.jobs
      .filter((job) => job.live === 'waits' && job.availableAt <= at && this.hasRoom(job, at))
      .filter((job) => fits(job, claimant))
      .sort((one, other) => this.compare(one, other, at));
    return first && this.decide(first, at);
  }

  putBack(jobId: string): void {
    const job = this.decided(jobId);
    if (!job) return;
    job.live = 'waits';
    this.groupChanged(job);
  }

  lost(jobId: string): void {
    const job = this.decided(jobId);
    if (!job) return;
    job.live = job.toldSince ? 'waits' : 'lost';
    this.groupChanged(job);
  }

  refusedByGroup(jobId: string): void {
    const job = this.decided(jobId);
    if (!job) return;
    job.live = 'waits';
    if (job.group && !job.groupChangedSince) this.refusedUntil.set(job.group, job.decidedAt + 5_000);
  }

  nextAvailable(claimant: Claimant, at: number): number | null {
    if (this.pauses.has(`${claimant.org}/${claimant.pool}`)) return null;
    const times = this.jobs
      .filter(
        (job) => job.live === 'waits' && fits(job, claimant) && this.holders(job).length < this.limit(job),
      )
      .map((job) => Math.max(at, job.availableAt, this.refusedUntil.get(job.group ?? '') ?? at));
    return times.length > 0 ? Math.min(...times) : null;
  }

  standing(jobId: string, at: number): Standing | null {
    const job = this.find(jobId);
    if (!job || job.live === 'claimed') return null;
    return {
      availableAt: job.availableAt,
      effectivePriority: PRIORITIES[this.rank(job, at)]!,
      paused: this.pauses.get(`${job.org}/${job.pool}`) ?? null,
      groupFull: this.hasRoom(job, at, jobId)
        ? null
        : {
            group: (JSON.parse(job.group!) as string[])[1]!,
            limit: this.limit(job),
            holders: this.holders(job, jobId).sort(),
          },
      ahead:
        job.live === 'waits' ? this.ahead(job, at) : { higherPriority: 0, otherPipelines: 0, cameFirst: 0 },
      inFlight: job.live !== 'waits',
    };
  }

  whyNot(jobId: string, chosenId: string, claimant: Claimant, at: number): PassedOver['code'] | null {
    const job = this.find(jobId);
    const chosen = this.find(chosenId);
    if (!job || !chosen || job.live === 'claimed' || chosen.live === 'claimed') return null;
    if (job.availableAt > at) return 'not_available_yet';
    if (!fits(job, claimant)) return 'agent_does_not_fit';
    if (job.live !== 'waits') return 'taken_at_the_same_time';
    const before = this.copy();
    before.find(chosenId)!.live = 'waits';
    if (!before.hasRoom(job, at)) return 'group_full';
    if (before.compare(before.find(chosenId)!, job, at) > 0) return 'taken_at_the_same_time';
    return before.whyFirst(before.find(chosenId)!, job, at);
  }

  /** Gives the others away one after the other until it would be this one's turn. */
  private ahead(job: NaiveJob, at: number): Standing['ahead'] {
    const then = this.copy();
    const ahead = { higherPriority: 0, otherPipelines: 0, cameFirst: 0 };
    for (;;) {
      const [first] = then.jobs
        .filter((one) => one.live === 'waits' && one.availableAt <= at && then.hasRoom(one, at))
        .filter((one) => one.id !== job.id && one.org === job.org && one.pool === job.pool)
        .sort((one, other) => then.compare(one, other, at));
      if (!first || then.compare(first, job, at) > 0) return ahead;
      const code = then.whyFirst(first, job, at);
      if (code === 'higher_priority') ahead.higherPriority++;
      else if (code === 'other_pipelines_turn') ahead.otherPipelines++;
      else ahead.cameFirst++;
      then.decide(first, at);
    }
  }

  private whyFirst(first: NaiveJob, job: NaiveJob, at: number): PassedOver['code'] {
    if (this.rank(first, at) !== this.rank(job, at)) return 'higher_priority';
    return this.compareTurns(first, job) === 0 ? 'came_first' : 'other_pipelines_turn';
  }

  private compare(one: NaiveJob, other: NaiveJob, at: number): number {
    return (
      this.rank(one, at) - this.rank(other, at) ||
      this.compareTurns(one, other) ||
      Number(one.arrived - other.arrived)
    );
  }

  private compareTurns(one: NaiveJob, other: NaiveJob): number {
    if (one.pipeline === other.pipeline) return 0;
    const [newest, othersNewest] = [one, other].map(({ pipeline }) =>
      Math.max(
        0,
        ...this.jobs
          .filter((job) => job.pipeline === pipeline && job.live === 'decided')
          .map((job) => job.turn),
      ),
    ) as [number, number];
    return (
      newest - othersNewest ||
      Number((this.claims.get(one.pipeline) ?? -1n) - (this.claims.get(other.pipeline) ?? -1n))
    );
  }

  private rank(job: NaiveJob, at: number): number {
    let rank = job.rank;
    if (this.ageingSeconds > 0)
      for (
        let waited = at - job.availableAt;
        waited >= this.ageingSeconds * 1000;
        waited -= this.ageingSeconds * 1000
      )
        rank--;
    return Math.max(0, rank);
  }

  private hasRoom(job: NaiveJob, at: number, exceptFor?: string): boolean {
    if (!job.group) return true;
    return (
      this.holders(job, exceptFor).length < this.limit(job) && (this.refusedUntil.get(job.group) ?? at) <= at
    );
  }

  private holders({ group }: NaiveJob, exceptFor?: string): string[] {
    return this.jobs
      .filter((job) => group && job.group === group && (job.live === 'decided' || job.live === 'claimed'))
      .map(({ id }) => id)
      .filter((id) => id !== exceptFor);
  }

  private limit({ group }: NaiveJob): number {
    if (!group) return Infinity;
    return this.jobs
      .filter((job) => job.group === group)
      .reduce((one, other) => (one.arrived > other.arrived ? one : other)).limit;
  }

  private groupChanged({ group }: NaiveJob): void {
    if (!group) return;
    this.refusedUntil.delete(group);
    for (const job of this.jobs) if (job.group === group) job.groupChangedSince = true;
  }

  private decide(job: NaiveJob, at: number): Decision {
    const turn = ++this.decisions;
    Object.assign(job, { live: 'decided', turn, decidedAt: at, toldSince: false, groupChangedSince: false });
    return { jobId: job.id, turn };
  }

  private find(id: string): NaiveJob | undefined {
    return this.jobs.find((job) => job.id === id);
  }

  private decided(id: string): NaiveJob | undefined {
    return this.jobs.find((job) => job.id === id && job.live === 'decided');
  }

  private copy(): NaiveSchedule {
    const copy = new NaiveSchedule(this.ageingSeconds);
    copy.jobs = this.jobs.map((job) => ({ ...job }));
    copy.claims = new Map(this.claims);
    copy.refusedUntil = new Map(this.refusedUntil);
    copy.decisions = this.decisions;
    return copy;
  }
}

function fits(job: NaiveJob, { org, pool, labels, capabilities }: Claimant): boolean {
  return (
    job.org === org &&
    job.pool === pool &&
    Object.entries(job.labels).every(([name, value]) => labels[name] === value) &&
    job.capabilities.every((capability) => capabilities.includes(capability))
  );
}
