/** Claims: the schedule chooses a job, the append at the revision read decides who gets it. */
import {
  CLAIM_SLICE_SECONDS,
  LEASE_SECONDS,
  problem,
  ProblemError,
  type CallContext,
  type ClaimedJob,
  type ClaimJobCommand,
} from '@hybrid/contracts';
import { Things } from '@hybrid/event-store';
import { Connections } from '@hybrid/service';
import { meter } from '@hybrid/telemetry';
import { Injectable } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { JobIndex } from '../jobs/job-index.js';
import { jobDecider, type JobCommand } from '../jobs/job.decider.js';
import type { JobEvent } from '../jobs/job.events.js';
import type { JobState } from '../jobs/job.state.js';
import { claimedJob } from '../jobs/job.view.js';
import type { Claimant, Decision } from '../schedule/schedule.js';
import { GroupPlaces } from './group-places.js';
import { WaitingClaims } from './waiting-claims.js';

/** A decision of the schedule, with what it was made of. */
interface Choice extends Decision {
  claimant: Claimant;
  /** Milliseconds since the epoch. */
  at: number;
  seen: bigint;
}

const claims = meter.createCounter('hybrid_queue_claims', {
  description: 'Jobs that were given to agents',
});
const conflicts = meter.createCounter('hybrid_queue_claim_conflicts', {
  description: 'Claims of a job that another replica was faster with; the agent got another job',
});

/** Who waits for less has its answer before it would learn that this replica died. */
const WORTH_TELLING_MS = 1_000;

/** Bytes of specs in one reply: a message over NATS holds 1 MiB. */
const MAX_REPLY = 700_000;

@Injectable()
export class Claims {
  private readonly jobs: Things<JobState, JobCommand, JobEvent>;
  private readonly waiting: WaitingClaims<Choice>;
  /** Claims under way, by the id that their gateway gave them. */
  private readonly underWay = new Map<string, AbortController>();
  private serving = false;

  constructor(
    private readonly connections: Connections,
    private readonly index: JobIndex,
    private readonly places: GroupPlaces,
  ) {
    this.jobs = new Things(connections.eventStore, 'job', jobDecider);
    this.waiting = new WaitingClaims({
      take: (claimant) => this.take(claimant),
      nextIn: (claimant) => {
        const now = index.now();
        const next = index.schedule.nextAvailable(claimant, now);
        return next === null ? null : next - now;
      },
    });
    index.watch((org, pool) => this.waiting.changed(org, pool));
  }

  /** False: this replica is cut off or stops; who waits is answered with nothing, so that it asks another one. */
  serve(now: boolean): void {
    this.serving = now;
    if (!now) this.waiting.endAll();
  }

  /**
   * Up to `count` jobs; none when nothing came within the wait, of which this replica waits CLAIM_SLICE_SECONDS at most.
   * @throws ProblemError `replica_cut_off`: ask again, another replica may answer; `event_store_unavailable`.
   */
  async claim(request: ClaimJobCommand, call: CallContext): Promise<ClaimedJob[]> {
    if (!this.serving)
      throw problem(
        'unavailable',
        'replica_cut_off',
        'this replica of the queue does not follow the event store at the moment; ask again, another one may answer',
      );
    const id = request.claim_id ?? randomUUID();
    const abandoned = new AbortController();
    this.underWay.set(id, abandoned);
    try {
      return await this.claimSome(request, call, abandoned.signal);
    } finally {
      this.underWay.delete(id);
    }
  }

  /** Whoever asked is gone: a job given to it now would be lost for a lease. */
  abandon(id: string): void {
    this.underWay.get(id)?.abort();
  }

  private async claimSome(
    request: ClaimJobCommand,
    call: CallContext,
    abandoned: AbortSignal,
  ): Promise<ClaimedJob[]> {
    const { agent_id, pool = 'default', labels = {}, capabilities = [], count = 1 } = request;
    const claimant: Claimant = { org: call.org, pool, labels, capabilities };
    const wait = Math.min(request.wait_seconds ?? 0, CLAIM_SLICE_SECONDS);
    const deadline = performance.now() + wait * 1000;
    while (this.serving && !abandoned.aborted) {
      let first = this.take(claimant);
      if (!first) {
        const left = deadline - performance.now();
        if (left > WORTH_TELLING_MS) call.takesTime?.();
        first = await this.waiting.next(claimant, left, abandoned);
      }
      if (!first) return [];
      const choices = this.takeMore(first, count);
      if (abandoned.aborted) {
        for (const choice of choices) this.putBack(choice);
        return [];
      }
      const outcomes = await Promise.allSettled(
        choices.map((choice) => this.carryOut(choice, agent_id, call)),
      );
      const won = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' && outcome.value) || []);
      // What was claimed must be told, whatever became of the others.
      if (won.length > 0) return won;
      const failed = outcomes.find((outcome) => outcome.status === 'rejected');
      if (failed) throw failed.reason;
    }
    return [];
  }

  private take(claimant: Claimant): Choice | undefined {
    const at = this.index.now();
    const decision = this.index.schedule.take(claimant, at);
    return decision && { ...decision, claimant, at, seen: this.index.seen };
  }

  private takeMore(first: Choice, count: number): Choice[] {
    const choices = [first];
    if (count === 1) return choices;
    let room = MAX_REPLY - this.sizeOf(first);
    while (choices.length < count && room > 0) {
      const more = this.take(first.claimant);
      if (!more) break;
      room -= this.sizeOf(more);
      if (room < 0) {
        this.putBack(more);
        break;
      }
      choices.push(more);
    }
    return choices;
  }

  private sizeOf({ jobId }: Choice): number {
    return JSON.stringify(this.index.get(jobId)?.thing.state.job?.spec ?? null).length;
  }

  /** Null: somebody else has it, or its concurrency group is full. @throws ProblemError `event_store_unavailable`. */
  private async carryOut(choice: Choice, agentId: string, call: CallContext): Promise<ClaimedJob | null> {
    const { jobId } = choice;
    const job = this.index.get(jobId);
    // It ended since it was chosen.
    if (!job) return null;
    const { thing, traceparent = null } = job;
    const { concurrency = null } = thing.state.job!;
    try {
      const slot = concurrency && (await this.places.take(jobId, thing.state, call));
      if (concurrency && !slot) {
        this.index.schedule.refusedByGroup(jobId);
        this.waiting.changed(call.org, null);
        return null;
      }
      const lease_expires_at = new Date(choice.at + LEASE_SECONDS * 1000).toISOString();
      const command: JobCommand = {
        type: 'ClaimJob',
        agent_id: agentId,
        // Unique to this claimant: with a shared id, both of two claimants would be told that they won.
        lease_token: randomUUID(),
        lease_expires_at,
        decision: this.decisionOf(choice, thing.state),
        slot,
        now: new Date(choice.at).toISOString(),
      };
      const claimed = await this.jobs.handle(jobId, command, call, thing);
      this.index.wrote(jobId, claimed);
      claims.add(1);
      return claimedJob(claimed.state, lease_expires_at, traceparent);
    } catch (error) {
      if (!(error instanceof ProblemError && error.problem.kind === 'conflict')) {
        this.putBack(choice);
        throw error;
      }
      conflicts.add(1);
      this.index.schedule.lost(jobId);
      // Its group may have room for another one, and it waits again where the log told more of it meanwhile.
      this.waiting.changed(call.org, null);
      return null;
    }
  }

  private putBack({ jobId, claimant }: Choice): void {
    this.index.schedule.putBack(jobId);
    this.waiting.changed(claimant.org, null);
  }

  private decisionOf({ claimant, seen, turn }: Choice, { job }: JobState) {
    return {
      pool: claimant.pool,
      pipeline_id: job!.pipeline_id ?? null,
      labels: claimant.labels,
      capabilities: claimant.capabilities,
      seen: seen.toString(),
      replica: this.index.replica,
      turn,
      ageing_seconds: this.index.schedule.settings.ageingSeconds,
    };
  }
}
