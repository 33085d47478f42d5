/**
 * Proves the log: every claim is what the scheduler decides from what its replica knew, and no job's stream holds what
 * must not be. Takes the events of all jobs, pools and groups in the order of the log; keeps live jobs, failed ones and a
 * window of events, no more, however long the log is.
 */
import type { QueueDivergence, QueueVerification, VerificationProgress } from '@hybrid/contracts';
import type { StoredEvent } from '@hybrid/event-store';
import type { JobState } from '../jobs/job.state.js';
import { breachOf, lossOf } from './breaches.js';
import { Derivation } from './derivation.js';
import { GroupLimits } from './group-limits.js';
import { LogReplay, type AsDecided, type PastDecision, type PastEvent, type PastJob } from './log-replay.js';
import { OwnDecisions } from './own-decisions.js';

const SHOWN = 20;

type Found = QueueDivergence & { commit: bigint };

export class Verifier {
  private readonly replay: LogReplay;
  private readonly groups = new GroupLimits();
  private readonly replicas = new Map<string, OwnDecisions>();
  /** Jobs whose first event this version does not know: nothing can be said of them. */
  private readonly unreadable = new Set<string>();
  /** In the order of the log; of one event those of the rules first. */
  private readonly found: Found[] = [];
  private readonly counts = {
    events: 0,
    jobs: 0,
    claims: 0,
    unexplained_claims: 0,
    undecided_claims: 0,
    divergences_total: 0,
  };

  /** @param windowSize events that a claim may stand behind what it was decided from. */
  constructor(windowSize?: number) {
    this.replay = new LogReplay(
      { event: (...event) => this.look(...event), decided: (...decided) => this.derive(...decided) },
      windowSize,
    );
  }

  /** Of the events that were looked at so far, which are fewer than were taken. */
  get progress(): VerificationProgress {
    const { events, claims, divergences_total } = this.counts;
    return { events, claims, divergences: divergences_total };
  }

  /** The next event of the log. */
  take(stored: StoredEvent): void {
    this.replay.take(stored);
  }

  /** The log ends here: looks at the rest of what was taken, an event at each step. */
  *end(): Generator<void> {
    yield* this.replay.end();
    for (const { id, position, state } of this.replay.all()) {
      const detail = lossOf(state);
      if (detail) this.add({ commit: position, job_id: id, code: 'job_lost', detail });
      yield;
    }
  }

  /** Complete after the end. */
  get result(): Omit<QueueVerification, 'seconds'> {
    const divergences = this.found.map(({ commit: _, ...divergence }) => divergence);
    return { ...this.counts, divergences };
  }

  private look(past: PastEvent, job: PastJob | null, before: JobState | null): void {
    this.counts.events++;
    const { event, later, id, revision, position: commit } = past;
    if (event.type === 'SlotTaken') return this.groups.took(event.data);
    if (event.type === 'JobPoolPaused' || event.type === 'JobPoolResumed') return;
    if (event.type === 'JobEnqueued') this.counts.jobs++;
    if (event.type === 'JobClaimed') {
      this.counts.claims++;
      if (!event.data.decision) this.counts.unexplained_claims++;
    }
    if (!job && revision === 0n) this.unreadable.add(id);
    if (this.unreadable.has(id)) return;
    const breach = before || !job ? breachOf(before ?? 'over', event, later) : null;
    if (breach) this.add({ commit, job_id: id, ...breach });
    const exceeded = job && this.groups.became(id, job.org, job.state);
    if (exceeded) this.add({ commit, job_id: id, code: 'group_limit_exceeded', detail: exceeded });
  }

  private derive(decision: PastDecision, as: AsDecided): void {
    const { position: commit, jobId: job_id, pool, agentId, seen, replica, turn, at } = decision;
    let own = this.replicas.get(replica);
    if (!own) this.replicas.set(replica, (own = new OwnDecisions()));
    const wrong = (detail: string) => this.add({ commit, job_id, code: 'wrong_choice', detail });
    const made = `the claim of ${agentId} (decision ${turn} of replica ${replica}, with the log up to ${seen})`;
    if (decision.tooOld)
      return wrong(`${made} was decided so long before it was made that it cannot be derived again`);
    if (!own.next(decision)) return wrong(`${made} has a number that the replica was past already`);
    const derivation = new Derivation(decision, as, own);
    if (derivation.atOnce) return;
    const standing = as.schedule.standing(job_id, at);
    if (!standing) return wrong(`${made} is of a job that did not wait then`);
    if (standing.paused) {
      const detail = `${made} was made though the pool ${pool} was paused: ${standing.paused.reason}`;
      return this.add({ commit, job_id, code: 'claimed_from_paused_pool', detail });
    }
    const other = derivation.wrong();
    if (other === null) {
      if (derivation.undecided) this.counts.undecided_claims++;
      return;
    }
    if (other === undefined)
      return wrong(`${made} is of a job that the agent could not have: ${why(standing, at)}`);
    const code = as.schedule.whyNot(job_id, other, decision.claimant, at);
    wrong(`${made} should have been one of job ${other}: ${code?.replaceAll('_', ' ') ?? 'it comes first'}`);
  }

  private add(divergence: Omit<Found, 'position'>): void {
    this.counts.divergences_total++;
    let place = this.found.length;
    while (place > 0 && this.found[place - 1]!.commit > divergence.commit) place--;
    this.found.splice(place, 0, { position: divergence.commit.toString(), ...divergence });
    if (this.found.length > SHOWN) this.found.pop();
  }
}

function why(
  { availableAt, groupFull }: { availableAt: number; groupFull: object | null },
  at: number,
): string {
  if (availableAt > at) return `it waits until ${new Date(availableAt).toISOString()}`;
  return groupFull ? 'its concurrency group is full' : 'its pool, labels or capabilities are others';
}
