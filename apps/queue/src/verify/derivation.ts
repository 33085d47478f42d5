/**
 * Whether the scheduler comes to a past decision. It does at once, but for what the log does not show: decisions of the
 * same replica that came to nothing. Each kept a job, and for a while others of its concurrency group, from being chosen,
 * and its pipeline had had its turn meanwhile; so each excuses one job that ranks before the claimed one, or what it can
 * have meant for others. A job that somebody else had in truth, as the log shows, is excused by that.
 */
import type { JobState } from '../jobs/job.state.js';
import type { OwnDecisions } from './own-decisions.js';
import type { AsDecided, PastDecision, UnderWay } from './log-replay.js';

/** A claim whose reply was lost is given up by its replica after this, and stands in the log all the same. */
const GIVEN_UP_MS = 3_500;
/** Ways that are tried; where there are more, the decision is neither derived nor wrong. */
const MAX_TRIES = 500;
/** Jobs before the claimed one that are looked at beside those that may be excused. */
const MORE = 50;

export class Derivation {
  private tries = 0;

  constructor(
    private readonly decision: PastDecision,
    private readonly as: AsDecided,
    private readonly own: OwnDecisions,
  ) {}

  /** The scheduler comes to it without any excuse. Then the job waited, and its pool was not paused. */
  get atOnce(): boolean {
    return this.first() === this.decision.jobId;
  }

  /** Not all ways could be tried, and none of those that were led to it. */
  get undecided(): boolean {
    return this.tries > MAX_TRIES;
  }

  /** The job that comes before the claimed one without excuse; null: the claimed job is right, or `undecided`; undefined: none is to be had. */
  wrong(): string | null | undefined {
    const first = this.first();
    if (first === this.decision.jobId) return null;
    const { open } = this.own;
    if (this.needMoreThan(open.length)) return first;
    if (this.excused(open)) return null;
    return this.someGivenUp(() => this.excused(open)) ? null : first;
  }

  private first(): string | undefined {
    const { schedule } = this.as;
    const jobId = schedule.take(this.decision.claimant, this.decision.at)?.jobId;
    if (jobId !== undefined) schedule.putBack(jobId);
    return jobId;
  }

  /**
   * So many jobs come first, each of which can only have been kept back by a decision that fell on itself. Nearly all wrong
   * choices are found by that, without trying ways.
   */
  private needMoreThan(decisions: number): boolean {
    const { schedule } = this.as;
    const aside: string[] = [];
    let needed = 0;
    while (needed <= decisions && aside.length < decisions + MORE) {
      const first = this.first();
      if (first === undefined || first === this.decision.jobId) break;
      if (this.needsItsOwn(first)) needed++;
      schedule.repeat({ jobId: first, turn: 0 }, this.decision.at);
      schedule.lost(first);
      aside.push(first);
    }
    for (const jobId of aside.reverse()) schedule.observe(this.as.job(jobId)!);
    return needed > decisions;
  }

  /** No decision on another job would have kept it back: it is in no group, and its pipeline's turn makes no difference. */
  private needsItsOwn(jobId: string): boolean {
    const { schedule, changedMeanwhile, job } = this.as;
    const { jobId: claimed, claimant, at } = this.decision;
    if (schedule.groupLimit(jobId) !== null) return false;
    const code = schedule.whyNot(claimed, jobId, claimant, at);
    const sameTurn = job(jobId)!.state.job!.pipeline_id === job(claimed)?.state.job?.pipeline_id;
    if (code !== 'higher_priority' && !(code === 'came_first' && sameTurn)) return false;
    return !(this.own.failedSome && changedMeanwhile(jobId));
  }

  private excused(open: number[]): boolean {
    if (++this.tries > MAX_TRIES) return true;
    const first = this.first();
    if (first === undefined || first === this.decision.jobId) return first !== undefined;
    const elsewhere = this.own.failedSome && this.as.changedMeanwhile(first);
    if (!elsewhere && open.length === 0) return false;
    const { schedule } = this.as;
    const rest = () => this.excused(elsewhere ? open : open.slice(1));
    if (
      schedule.groupLimit(first) !== null &&
      this.kept(first, 0, () => schedule.refusedByGroup(first), rest)
    )
      return true;
    if (this.kept(first, 0, () => schedule.lost(first), rest)) return true;
    const underWay = (jobId: string) =>
      open.some((turn) => {
        const others = open.filter((each) => each !== turn);
        return this.kept(
          jobId,
          turn,
          () => undefined,
          () => this.excused(others),
        );
      });
    return underWay(first) || this.related(first).some(underWay);
  }

  /** One of each kind of waiting jobs whose claims under way take the turn of the job's pipeline, or a place in its group. */
  private related(first: string): string[] {
    const job = this.as.job(first)!;
    const own = kindOf(job.state);
    const kinds = new Map<string, string>();
    for (const { id, org, state } of this.as.jobs()) {
      if (state.status !== 'QUEUED' || org !== job.org || id === first || id === this.decision.jobId)
        continue;
      const { turn, group } = kindOf(state);
      if (turn === own.turn || (group !== null && group === own.group)) kinds.set(`${turn} ${group}`, id);
    }
    return [...kinds.values()];
  }

  /** Does the work while the job is kept back in this way, and puts it where it was. */
  private kept(jobId: string, turn: number, how: () => void, work: () => boolean): boolean {
    const { schedule } = this.as;
    // It is under way already, by a claim that the log shows.
    if (!schedule.repeat({ jobId, turn }, this.decision.at)) return false;
    how();
    const found = work();
    schedule.putBack(jobId);
    schedule.observe(this.as.job(jobId)!);
    return found;
  }

  /** Does the work for each choice of those claims under way that its replica may have given up by then. */
  private someGivenUp(work: () => boolean): boolean {
    const old = [...this.as.underWay].filter(([, { at }]) => this.decision.at - at >= GIVEN_UP_MS);
    return old.length > 0 && this.eachGivenUpOrNot(old, work);
  }

  private eachGivenUpOrNot(old: [jobId: string, claim: UnderWay][], work: () => boolean): boolean {
    const [first, ...rest] = old;
    if (!first || this.undecided) return work();
    const { schedule } = this.as;
    const [jobId, { turn, at }] = first;
    schedule.putBack(jobId);
    const found = this.eachGivenUpOrNot(rest, work);
    schedule.repeat({ jobId, turn }, at);
    return found || this.eachGivenUpOrNot(rest, work);
  }
}

function kindOf({ job }: JobState) {
  const turn = JSON.stringify([job?.pool, job?.pipeline_id ?? null]);
  return { turn, group: job?.concurrency?.group ?? null };
}
