import { Connections } from '@hybrid/service';
import { Injectable } from '@nestjs/common';
import { inSlices, readLog } from '../verify/read-log.js';
import { PassedOverReplay, type Passed } from './passed-over.js';
import type { Wait } from './waits.js';

/** Well below the thirty seconds that the caller waits, together with the wait for others' replays. */
const REPLAY_MS = 12_000;
const QUEUE_MS = 8_000;

/** A claim that was decided during the wait stands in the log by then. */
const CLAIM_MS = 30_000;
const PREFIXES = ['job-', 'jobPool-'];

export interface OldClaimsFound {
  /** By the wait's revision. */
  waits: ReadonlyMap<bigint, Passed>;
  /** False: there was not the time to read all; more may have passed. */
  complete: boolean;
}

/** Replays parts of the log, one at a time: the others wait, as claims shall not have to. */
@Injectable()
export class OldClaims {
  private last: Promise<unknown> = Promise.resolve();

  constructor(private readonly connections: Connections) {}

  /**
   * Begins with the oldest job of the pool that was live when the first of the waits began. What is older is not known to
   * the replay: when pipelines were served before, and jobs that were requeued by hand since. Then a pipeline may seem to
   * have waited longer for its turn than it had.
   * @throws ProblemError `queue_stopping`, `event_store_unavailable`.
   */
  async during(waits: Wait[], of: { jobId: string; org: string; pool: string }): Promise<OldClaimsFound> {
    const asked = performance.now();
    const turn = this.last.then(async () => {
      if (performance.now() - asked > QUEUE_MS) return { waits: new Map<bigint, Passed>(), complete: false };
      return this.replay(waits, of);
    });
    this.last = turn.catch(() => undefined);
    return turn;
  }

  private async replay(
    waits: Wait[],
    of: { jobId: string; org: string; pool: string },
  ): Promise<OldClaimsFound> {
    const replay = new PassedOverReplay(of);
    const late = AbortSignal.timeout(REPLAY_MS);
    const enough = new AbortController();
    const signal = AbortSignal.any([late, enough.signal]);
    const after = await this.begin(waits, of);
    const end = endOf(waits);
    await readLog(this.connections, { prefixes: PREFIXES, after, signal }, (stored) => {
      if (stored.created.getTime() > end) enough.abort();
      else replay.take(stored);
    });
    await inSlices(replay.end(), late);
    return { waits: replay.waits, complete: !late.aborted };
  }

  /** Commit position before all that matters. */
  private async begin(waits: Wait[], { jobId, org, pool }: { jobId: string; org: string; pool: string }) {
    const { rows } = await this.connections.pool.query<{ first: string | null }>(
      `select min(arrived) as first from queue.jobs
       where org = $1 and (id = $2 or (pool = $3 and (completed_at is null or completed_at >= $4)))`,
      [org, jobId, pool, waits[0]?.since ?? null],
    );
    const first = rows[0]?.first;
    // The read model does not have the job yet: then it is new, but what is before it is not known.
    return first ? BigInt(first) - 1n : null;
  }
}

/** Milliseconds since the epoch after which nothing of the log matters. */
function endOf(waits: Wait[]): number {
  const until = waits.at(-1)?.until;
  return until ? Date.parse(until) + CLAIM_MS : Infinity;
}
