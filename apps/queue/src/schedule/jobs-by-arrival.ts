/**
 * Jobs in the order in which they arrived, wherever they are put in, that tell which of them is the first to be had by a
 * time. Runs of at most `RUN` jobs, each with the earliest time of its own: whatever is done looks at one run and at one
 * figure of each other. No state of its own depends on the time, which may therefore go back.
 */

export interface Arrival {
  readonly id: string;
  /** Commit position; a number, as those compare fastest: exact for the first 9 PB of a log. Of equals the id decides. */
  readonly arrived: number;
  /** Milliseconds since the epoch. */
  readonly availableAt: number;
}

interface Run<T> {
  jobs: T[];
  earliest: number;
}

/** About the square root of the 100,000 jobs at which both looks should cost the same. */
const RUN = 256;

export class JobsByArrival<T extends Arrival> {
  private readonly runs: Run<T>[] = [];
  /** Null: has to be looked up again. */
  private knownEarliest: number | null = Infinity;

  /** When the first of them becomes available; Infinity: there is none. */
  get earliest(): number {
    if (this.knownEarliest === null) {
      let earliest = Infinity;
      for (const run of this.runs) if (run.earliest < earliest) earliest = run.earliest;
      this.knownEarliest = earliest;
    }
    return this.knownEarliest;
  }

  get oldest(): T | undefined {
    return this.runs[0]?.jobs[0];
  }

  get newest(): T | undefined {
    return this.runs.at(-1)?.jobs.at(-1);
  }

  /** A job that is in already must be taken out first. */
  add(job: T): void {
    const index = this.runOf(job);
    const run = this.runs[index];
    if (!run) this.runs.push({ jobs: [job], earliest: job.availableAt });
    else if (run.jobs.length < RUN) {
      run.jobs.splice(placeIn(run.jobs, job), 0, job);
      run.earliest = Math.min(run.earliest, job.availableAt);
    } else if (index === this.runs.length - 1 && cameBefore(run.jobs.at(-1)!, job))
      this.runs.push({ jobs: [job], earliest: job.availableAt });
    else {
      const half = run.jobs.splice(RUN / 2);
      run.earliest = earliestOf(run.jobs);
      this.runs.splice(index + 1, 0, { jobs: half, earliest: earliestOf(half) });
      return this.add(job);
    }
    if (this.knownEarliest !== null) this.knownEarliest = Math.min(this.knownEarliest, job.availableAt);
  }

  /** One that is not in changes nothing. */
  remove(job: T): void {
    const index = this.runOf(job);
    const run = this.runs[index];
    if (!run) return;
    const place = placeIn(run.jobs, job);
    if (run.jobs[place] !== job) return;
    run.jobs.splice(place, 1);
    if (run.jobs.length === 0) this.runs.splice(index, 1);
    else if (run.earliest === job.availableAt) run.earliest = earliestOf(run.jobs);
    if (this.knownEarliest === job.availableAt) this.knownEarliest = null;
  }

  /** Of those that are available by this time, the one that arrived first. */
  first(by: number): T | undefined {
    for (const run of this.runs)
      if (run.earliest <= by) for (const job of run.jobs) if (job.availableAt <= by) return job;
    return undefined;
  }

  /** Those that became available later than `after` and by the time `by`, as they arrived. */
  *availableBetween(after: number, by: number): Generator<T, undefined> {
    for (const run of this.runs)
      if (run.earliest <= by)
        for (const job of run.jobs) if (job.availableAt <= by && job.availableAt > after) yield job;
  }

  /** Index of the last run that begins before the job or with it; 0 when all begin later. */
  private runOf(job: Arrival): number {
    let low = 0;
    let high = this.runs.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (cameBefore(job, this.runs[middle]!.jobs[0]!)) high = middle - 1;
      else low = middle;
    }
    return low;
  }
}

export function cameBefore(one: Arrival, other: Arrival): boolean {
  return one.arrived < other.arrived || (one.arrived === other.arrived && one.id < other.id);
}

/** Index of the first job that did not come before this one. */
function placeIn(jobs: Arrival[], job: Arrival): number {
  let low = 0;
  let high = jobs.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (cameBefore(jobs[middle]!, job)) low = middle + 1;
    else high = middle;
  }
  return low;
}

function earliestOf(jobs: Arrival[]): number {
  let earliest = Infinity;
  for (const job of jobs) if (job.availableAt < earliest) earliest = job.availableAt;
  return earliest;
}
