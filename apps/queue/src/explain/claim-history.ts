import { BACKWARDS, StreamNotFoundError, type JSONEventType } from '@eventstore/db-client';
import { ProblemError, type PassedOver } from '@hybrid/contracts';
import { ReadModel, readWithin, streamName, Things, type StoredEvent } from '@hybrid/event-store';
import { Connections } from '@hybrid/service';
import { Injectable } from '@nestjs/common';
import { jobGroupId } from '../claims/group-places.js';
import type { SlotTaken } from '../groups/job-group.events.js';
import { JobIndex } from '../jobs/job-index.js';
import { CLAIMED_AGAIN, jobList } from '../jobs/job-list.projection.js';
import { jobDecider, type JobCommand } from '../jobs/job.decider.js';
import type { JobEnqueued, JobEvent } from '../jobs/job.events.js';
import type { JobState } from '../jobs/job.state.js';
import { sideBySide } from '../jobs/side-by-side.js';
import { inSlices } from './in-slices.js';
import { PassedOverReplay } from './passed-over.js';
import type { Wait } from './waits.js';

/** Claims before those that are shown, from which it is known whose turn it was. */
const CONTEXT = 20;
/** The newest places of a group, among which those of the time in question are looked for. */
const PLACES = 1_000;
/** Jobs that report their progress for hours have long streams: those that could not be read by then are left out. */
const READ_MS = 5_000;
/** Nobody shall wait long for claims that the read model does not show yet. */
const READ_MODEL_MS = 1_000;
/** For the answers to those who asked before. Together well below the thirty seconds that the caller waits. */
const QUEUE_MS = 8_000;

export interface OldClaims {
  /** By the revision of the event that a wait began with; oldest first. */
  passed: ReadonlyMap<bigint, PassedOver[]>;
  /** Milliseconds since the epoch: claims before were not looked at. */
  completeFrom: number;
}

interface Given {
  id: string;
  at: number;
}

const nothing: OldClaims = { passed: new Map(), completeFrom: Infinity };

/**
 * The newest claims of a pool while a job waited, from the streams of the jobs that they gave away, and of those that had a
 * place in its group: so it makes no difference how long the log is and how many wait. One at a time, as claims shall
 * not have to wait.
 */
@Injectable()
export class ClaimHistory {
  private readonly jobs: Things<JobState, JobCommand, JobEvent>;
  private readonly readModel: ReadModel;
  private last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly connections: Connections,
    private readonly index: JobIndex,
  ) {
    this.jobs = new Things(connections.eventStore, 'job', jobDecider);
    this.readModel = new ReadModel(connections, jobList, READ_MODEL_MS);
  }

  /**
   * What is older than the oldest of these claims is not known to the replay: when pipelines were served before. Then a
   * pipeline may seem to have waited longer for its turn than it had.
   * @param most newest claims of the job's pool that are looked at.
   * @throws ProblemError `event_store_unavailable`.
   */
  async during(waits: Wait[], history: StoredEvent<JobEvent>[], most: number): Promise<OldClaims> {
    if (waits.length === 0 || most === 0) return nothing;
    const asked = performance.now();
    const turn = this.last.then(async () =>
      performance.now() - asked > QUEUE_MS ? nothing : this.look(waits, history, most),
    );
    this.last = turn.catch(() => undefined);
    return turn;
  }

  private async look(waits: Wait[], history: StoredEvent<JobEvent>[], most: number): Promise<OldClaims> {
    const [first] = history;
    const { org } = first!.metadata;
    const { pool, concurrency } = first!.event.data as JobEnqueued;
    const jobId = first!.thingId;
    const until = waits.at(-1)!.until;
    const upToDate = await this.reached();
    const given = await this.given(org, pool, until, most + CONTEXT);
    const again = until ? await this.givenAgain(org, pool, until, most + CONTEXT) : [];
    const all = upToDate && again.length < most + CONTEXT;
    // The newest one that is not shown.
    const before = given[most]?.at ?? -Infinity;
    const holders = concurrency ? await this.holders(org, concurrency.group, until, most + CONTEXT) : [];
    const due = performance.now() + READ_MS;
    let late = -Infinity;
    const histories = await sideBySide(
      [...given, ...again, ...holders].filter(unique(jobId)),
      async ({ id, at }) => {
        if (performance.now() < due) return this.jobs.history(id);
        late = Math.max(late, at);
        return [];
      },
    );
    const from = Math.max(late, before) + 1;
    const replay = new PassedOverReplay({ jobId, pool, from });
    for (const stored of [history, ...histories].flat().filter(placed).sort(byPosition)) replay.take(stored);
    await inSlices(replay.end());
    return { passed: replay.waits, completeFrom: all ? from : Infinity };
  }

  /** Whether the read model has all claims that this replica knows. */
  private async reached(): Promise<boolean> {
    try {
      await this.readModel.reach(this.index.seen);
      return true;
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      return false;
    }
  }

  /** Jobs of the pool by their last claim, the newest first. */
  private given(org: string, pool: string, until: string | null, most: number): Promise<Given[]> {
    return this.find('claimed_at <= $3 order by claimed_at desc', [org, pool, until ?? 'infinity', most]);
  }

  /** Jobs that were there before and were claimed again since: their claims before stand in their streams only. */
  private givenAgain(org: string, pool: string, until: string, most: number): Promise<Given[]> {
    return this.find(`${CLAIMED_AGAIN} and created_at <= $3 and claimed_at > $3`, [org, pool, until, most]);
  }

  private async find(which: string, values: unknown[]): Promise<Given[]> {
    const { rows } = await this.connections.pool.query<{ id: string; claimed_at: Date }>(
      `select id, claimed_at from queue.jobs where org = $1 and pool = $2 and ${which} limit $4`,
      values,
    );
    return rows.map(({ id, claimed_at }) => ({ id, at: claimed_at.getTime() }));
  }

  /** Jobs that took a place in the group, the newest first. */
  private async holders(org: string, group: string, until: string | null, most: number): Promise<Given[]> {
    const stream = streamName('jobGroup', jobGroupId(org, group));
    const options = { direction: BACKWARDS, fromRevision: 'end', maxCount: PLACES } as const;
    const reading = this.connections.eventStore.readStream<JSONEventType>(stream, options);
    const found: Given[] = [];
    try {
      for await (const { event } of readWithin(READ_MS, reading)) {
        const { job_id, at } = (event?.data ?? {}) as Partial<SlotTaken>;
        if (job_id && at && (!until || at <= until) && found.length < most)
          found.push({ id: job_id, at: Date.parse(at) });
      }
    } catch (error) {
      if (!(error instanceof StreamNotFoundError)) throw error;
    }
    return found;
  }
}

/** Each job once, and not this one. */
function unique(but: string): (given: Given) => boolean {
  const seen = new Set([but]);
  return ({ id }) => !seen.has(id) && seen.add(id).size > 0;
}

/** An event store of before 22.10 does not say where the events of single streams stand. */
function placed({ position }: StoredEvent): boolean {
  return position !== undefined;
}

function byPosition(one: StoredEvent, other: StoredEvent): number {
  return one.position!.commit < other.position!.commit ? -1 : 1;
}
