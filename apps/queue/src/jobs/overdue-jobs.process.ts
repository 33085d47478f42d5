import { serviceCall } from '@hybrid/contracts';
import { Things } from '@hybrid/event-store';
import { Connections, PeriodicTask } from '@hybrid/service';
import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { SecondsWheel } from '../figures/seconds.js';
import type { JobCommand } from './job.commands.js';
import { jobDecider } from './job.decider.js';
import type { JobEvent } from './job.events.js';
import { JobIndex } from './job-index.js';
import type { JobState } from './job.state.js';

const SWEEP_MS = 1_000;
/** The agent stops the step itself, within its own grace of 10 s, and tells of it: it is given the time to be first. */
const GRACE_SECONDS = 30;
/** What is overdue still is asked for again, in case the event store was away or another clock disagrees. */
const AGAIN_SECONDS = 10;

/** Until when a job may stay as it is. */
interface Deadline {
  jobId: string;
  org: string;
  /** Which stay it is for: an event that does not end it does not begin it anew. */
  stay: string;
  /** Of this process's monotonic clock. */
  second: number;
  command: (now: string) => JobCommand;
}

/**
 * Ends attempts that ran for longer than their `timeout_seconds` and jobs that waited for longer than their
 * `queue_timeout_seconds`. Every replica does, side by side: the decider answers all but the first with nothing. Time runs
 * by this replica's monotonic clock from when it heard of the start, so that no wrong clock ends an attempt early; a
 * restarted replica gives every attempt its full time again. A job that waited already when the replica started is judged
 * by the clock of the log, as `available_at` is.
 */
@Injectable()
export class OverdueJobs implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(OverdueJobs.name);
  private readonly things: Things<JobState, JobCommand, JobEvent>;
  private readonly deadlines = new Map<string, Deadline>();
  private readonly wheel = new SecondsWheel<Deadline>(secondOf(performance.now()));
  private readonly sweeps = new PeriodicTask(
    SWEEP_MS,
    () => this.sweep(),
    (reason) => this.logger.error(`sweep of overdue jobs: ${reason}`),
  );

  constructor(
    connections: Connections,
    private readonly index: JobIndex,
  ) {
    this.things = new Things(connections.eventStore, 'job', jobDecider);
    index.listen(({ stored, org, jobId, after }) => {
      // Of an old event it is not known how long ago it was but by the clock of the log.
      const asOf = index.following ? Date.parse(stored.event.data.at) : index.now();
      this.observe(jobId, org, after, asOf);
    });
  }

  onApplicationBootstrap(): void {
    for (const { id, org, thing } of this.index.all()) this.observe(id, org, thing.state, this.index.now());
    this.sweeps.start();
  }

  onApplicationShutdown(): void {
    void this.sweeps.stop();
  }

  /** Ends what is overdue as of `at`, in milliseconds of `performance.now()`; answers how many jobs that were. */
  async sweep(at = performance.now()): Promise<number> {
    let ended = 0;
    for (const [deadline] of this.wheel.advance(secondOf(at))) {
      // Its end may have come while another one was ended.
      if (this.deadlines.get(deadline.jobId) !== deadline) continue;
      // Again and again, until the log says that it is over.
      deadline.second = secondOf(at) + AGAIN_SECONDS;
      this.wheel.add(deadline.second, deadline);
      if (await this.end(deadline)) ended++;
    }
    return ended;
  }

  private async end({ jobId, org, stay, command }: Deadline): Promise<boolean> {
    try {
      const call = serviceCall('queue', org, randomUUID());
      const now = new Date(this.index.now()).toISOString();
      const { events } = await this.things.handle(jobId, command(now), call);
      if (events.length) this.logger.warn(`job ${jobId}: ${stay} took too long`);
      return events.length > 0;
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      this.logger.warn(`job ${jobId}: ${stay} took too long, and cannot be ended yet: ${text}`);
      return false;
    }
  }

  private observe(jobId: string, org: string, state: JobState, asOf: number): void {
    const known = this.deadlines.get(jobId);
    const allowed = allowance(state, asOf);
    if (known && known.stay === allowed?.stay) return;
    if (known) this.wheel.remove(known.second, known);
    if (!allowed) {
      if (known) this.deadlines.delete(jobId);
      return;
    }
    const { stay, seconds, command } = allowed;
    const now = performance.now();
    const second = Math.max(secondOf(now) + 1, Math.ceil(now / 1000 + seconds));
    const deadline = { jobId, org, stay, second, command };
    this.deadlines.set(jobId, deadline);
    this.wheel.add(second, deadline);
  }
}

/** How many seconds the job may stay as it is, as of a time in milliseconds since the epoch; null: for ever. */
function allowance(
  { status, job, attempt, available_at }: JobState,
  asOf: number,
): (Pick<Deadline, 'stay' | 'command'> & { seconds: number }) | null {
  if (!job) return null;
  if (status === 'RUNNING') {
    const seconds = job.timeout_seconds;
    return {
      stay: `attempt ${attempt}`,
      seconds: seconds + GRACE_SECONDS,
      command: (now) => ({ type: 'TimeOutAttempt', attempt, seconds, chance: Math.random(), now }),
    };
  }
  if (status === 'QUEUED' && job.queue_timeout_seconds) {
    const delay = (Date.parse(available_at ?? job.at) - asOf) / 1000;
    return {
      stay: `the wait since ${available_at ?? job.at}`,
      seconds: delay + job.queue_timeout_seconds,
      command: (now) => ({ type: 'TimeOutInQueue', now }),
    };
  }
  return null;
}

function secondOf(milliseconds: number): number {
  return Math.floor(milliseconds / 1000);
}
