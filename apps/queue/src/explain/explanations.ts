import {
  agentsRequests,
  EXPLAINED_CLAIMS,
  problem,
  ProblemError,
  type CallContext,
  type ExplainedWait,
  type JobExplanation,
  type PoolAgent,
} from '@hybrid/contracts';
import { Things, type StoredEvent } from '@hybrid/event-store';
import { Connections } from '@hybrid/service';
import { Injectable } from '@nestjs/common';
import { setTimeout as pause } from 'node:timers/promises';
import { LiveFigures } from '../figures/live-figures.js';
import { JobIndex } from '../jobs/job-index.js';
import { jobDecider, type JobCommand } from '../jobs/job.decider.js';
import type { JobEvent } from '../jobs/job.events.js';
import { evolve, noJob, type JobState } from '../jobs/job.state.js';
import type { Standing } from '../schedule/schedule.js';
import type { Occupation } from './agent-reasons.js';
import { ClaimHistory } from './claim-history.js';
import { aheadOf, waitReasons } from './reasons.js';
import { lengthOf, waitsOf, type Wait } from './waits.js';

/** So long this replica may be behind what the job's stream says. */
const CATCH_UP_MS = 2_000;
const LOOK_MS = 10;

@Injectable()
export class Explanations {
  private readonly things: Things<JobState, JobCommand, JobEvent>;

  constructor(
    private readonly connections: Connections,
    private readonly index: JobIndex,
    private readonly figures: LiveFigures,
    private readonly claimHistory: ClaimHistory,
  ) {
    this.things = new Things(connections.eventStore, 'job', jobDecider);
  }

  /**
   * From the job's own stream, this replica's schedule, the agents as the agents service has them, and the streams of jobs
   * that were given away meanwhile.
   * @param claims so many of the pool's newest ones are looked at.
   * @throws ProblemError `job_not_found`, `read_model_behind`, `event_store_unavailable`, `queue_stopping`.
   */
  async explain(jobId: string, claims = EXPLAINED_CLAIMS, call: CallContext): Promise<JobExplanation> {
    const history = await this.things.history(jobId);
    const state = history.reduce((before, { event }) => evolve(before, event), noJob);
    if (!state.job || !state.status || history.some(({ metadata }) => metadata.org !== call.org))
      throw problem('not_found', 'job_not_found', 'there is no such job');
    const standing = state.status === 'QUEUED' ? await this.standing(jobId, history.at(-1)!) : null;
    const now = this.index.now();
    const as_of = new Date(now).toISOString();
    const waits = waitsOf(history);
    return {
      job_id: jobId,
      status: state.status,
      pool: state.job.pool,
      priority: state.job.priority,
      effective_priority: standing?.effectivePriority ?? null,
      as_of,
      reasons: standing ? await this.reasons(state, standing, waits.at(-1), call, now) : [],
      ahead: standing && aheadOf(standing),
      waits: await this.explained(waits, history, as_of, claims),
    };
  }

  /** Null: it does not wait any more. */
  private async standing(jobId: string, last: StoredEvent): Promise<Standing | null> {
    const end = performance.now() + CATCH_UP_MS;
    while (!this.hasSeen(jobId, last)) {
      if (performance.now() > end)
        throw problem(
          'unavailable',
          'read_model_behind',
          'this replica of the queue has not followed the log as far as the last event of the job; try again',
        );
      await pause(LOOK_MS);
    }
    return this.index.schedule.standing(jobId, this.index.now());
  }

  /** Also where the index knows nothing of the job any more, as it ended meanwhile. */
  private hasSeen(jobId: string, { revision, position }: StoredEvent): boolean {
    const known = this.index.get(jobId)?.thing.revision ?? -1n;
    return known >= revision || (position !== undefined && this.index.seen >= position.commit);
  }

  private async reasons(
    state: JobState,
    standing: Standing,
    wait: Wait | undefined,
    call: CallContext,
    now: number,
  ) {
    const { pool } = state.job!;
    const holders = (standing.groupFull?.holders ?? []).map((jobId) => {
      const held = this.index.get(jobId)?.thing.state;
      return { jobId, agentId: held?.agent_id ?? null, since: held?.started_at ?? held?.claimed_at ?? null };
    });
    return waitReasons({
      state,
      standing,
      wait,
      agents: await this.agents(pool, call),
      occupied: this.occupied(call.org, pool),
      usualSeconds: this.usualSeconds(call.org, pool),
      holders,
      now,
    });
  }

  private async agents(pool: string, call: CallContext): Promise<PoolAgent[] | null> {
    try {
      return (await this.connections.requests.send(agentsRequests.poolAgents, { pool }, call)).agents;
    } catch (error) {
      if (error instanceof ProblemError && error.problem.kind === 'unavailable') return null;
      throw error;
    }
  }

  private occupied(org: string, pool: string): Occupation[] {
    const occupied: Occupation[] = [];
    // Not all live jobs: a hundred thousand may wait.
    for (const id of this.index.leases.jobs()) {
      const live = this.index.get(id);
      if (live?.org !== org) continue;
      const { job, agent_id, started_at, claimed_at } = live.thing.state;
      if (job?.pool !== pool || !agent_id) continue;
      const since = Date.parse(started_at ?? claimed_at ?? '');
      occupied.push({ agentId: agent_id, since, timeoutSeconds: job.timeout_seconds });
    }
    return occupied;
  }

  private usualSeconds(org: string, pool: string): number | null {
    const { ended, avg_execution_seconds } = this.figures.pool(org, pool).windows['1h'];
    return ended > 0 ? avg_execution_seconds : null;
  }

  private async explained(
    waits: Wait[],
    history: StoredEvent<JobEvent>[],
    now: string,
    claims: number,
  ): Promise<ExplainedWait[]> {
    const old = await this.claimHistory.during(waits, history, claims);
    return waits.map((wait) => {
      const passed_over = old.passed.get(wait.revision) ?? [];
      return {
        attempt: wait.attempt,
        since: wait.since,
        until: wait.until,
        wait_seconds: lengthOf(wait, now),
        agent_id: wait.agentId,
        passed_over,
        passed_over_total: passed_over.length,
        ...(Date.parse(wait.since) < old.completeFrom && { incomplete: true as const }),
      };
    });
  }
}
