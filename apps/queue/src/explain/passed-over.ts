/** Who was given what while a job waited, and why not this job: the events of the jobs that were given away, replayed. */
import type { PassedOver } from '@hybrid/contracts';
import type { StoredEvent } from '@hybrid/event-store';
import { LogReplay, type AsDecided, type PastDecision } from '../verify/log-replay.js';

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
  readonly waits = new Map<bigint, PassedOver[]>();
  private readonly replay: LogReplay;
  private current: bigint | null = null;

  /** @param of `from`: claims that were decided before are context only; milliseconds since the epoch. */
  constructor(private readonly of: { jobId: string; pool: string; from: number }) {
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

  /** In the order of the log; all events of each job that matters, or none. */
  take(stored: StoredEvent): void {
    this.replay.take(stored);
  }

  /** There are no more. */
  end(): Generator<void> {
    return this.replay.end();
  }

  private look(decision: PastDecision, { schedule, job }: AsDecided): void {
    const { jobId, pool, at, agentId, claimant } = decision;
    const waiting = job(this.of.jobId);
    if (pool !== this.of.pool || jobId === this.of.jobId || this.current === null || !waiting) return;
    if (at < this.of.from || at < Date.parse(waiting.state.available_at ?? '')) return;
    const code = schedule.whyNot(this.of.jobId, jobId, claimant, at);
    if (!code) return;
    const passed = this.waits.get(this.current) ?? [];
    this.waits.set(this.current, passed);
    const detail = DETAILS[code];
    passed.push({ at: new Date(at).toISOString(), agent_id: agentId, job_id: jobId, code, detail });
  }
}
