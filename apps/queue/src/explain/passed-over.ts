/** Who was given what while a job waited, and why not this job: the log of its organisation and pool, replayed. */
import type { PassedOver } from '@hybrid/contracts';
import type { StoredEvent } from '@hybrid/event-store';
import type { JobEvent } from '../jobs/job.events.js';
import { LogReplay, type AsDecided, type PastDecision } from '../verify/log-replay.js';

const KEPT = 100;

/** In one wait. */
export interface Passed {
  /** The newest of them, oldest first. */
  newest: PassedOver[];
  total: number;
}

const DETAILS: Record<PassedOver['code'], string> = {
  not_available_yet: 'this one was not to be claimed before a later time',
  agent_does_not_fit: 'the agent lacks a label or a capability that this one needs',
  group_full: 'the concurrency group of this one was full',
  higher_priority: 'it was more urgent',
  other_pipelines_turn: "it was its pipeline's turn, which had been served less recently than this one's",
  came_first: 'it was enqueued before this one',
  taken_at_the_same_time: 'this one was about to be claimed, too',
};

export class PassedOverReplay {
  /** By the revision of the event that the wait began with. */
  readonly waits = new Map<bigint, Passed>();
  private readonly replay: LogReplay;
  private readonly known = new Set<string>();
  private current: bigint | null = null;

  constructor(private readonly of: { jobId: string; org: string; pool: string }) {
    this.replay = new LogReplay({
      event: ({ id, revision }, job, before) => {
        if (id !== of.jobId || !job) return;
        const waits = job.state.status === 'QUEUED';
        if (waits && before?.status !== 'QUEUED') this.current = revision;
        if (!waits) this.current = null;
      },
      decided: (decision, as) => this.look(decision, as),
    });
  }

  /** The next event of the log. */
  take(stored: StoredEvent): void {
    if (this.concerns(stored)) this.replay.take(stored);
  }

  /** The log ends here. */
  end(): Generator<void> {
    return this.replay.end();
  }

  /** Other pools' jobs count where they have a place in a group. */
  private concerns({ metadata, category, event, thingId }: StoredEvent): boolean {
    if (metadata.org !== this.of.org || category === 'jobGroup') return false;
    if (category !== 'job') return true;
    const fact = event as JobEvent;
    if (fact.type === 'JobEnqueued' && (fact.data.pool === this.of.pool || fact.data.concurrency))
      this.known.add(thingId);
    return this.known.has(thingId);
  }

  private look(decision: PastDecision, { schedule, job }: AsDecided): void {
    const { jobId, pool, at, agentId, claimant } = decision;
    const waiting = job(this.of.jobId);
    if (pool !== this.of.pool || jobId === this.of.jobId || this.current === null || !waiting) return;
    if (at < Date.parse(waiting.state.available_at ?? '')) return;
    const code = schedule.whyNot(this.of.jobId, jobId, claimant, at);
    if (!code) return;
    let passed = this.waits.get(this.current);
    if (!passed) this.waits.set(this.current, (passed = { newest: [], total: 0 }));
    passed.total++;
    const detail = DETAILS[code];
    passed.newest.push({ at: new Date(at).toISOString(), agent_id: agentId, job_id: jobId, code, detail });
    if (passed.newest.length > KEPT) passed.newest.shift();
  }
}
