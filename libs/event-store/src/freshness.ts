/**
 * A read model as its readers see it: it may be behind the log, and who wants to see what was just written waits until
 * it is not. Known only from the checkpoint in PostgreSQL, as another replica may be the one that projects.
 */
import { type EventStoreDBClient, type Position, START } from '@eventstore/db-client';
import { problem, READ_MODEL_WAIT_MS, type ProblemError } from '@hybrid/contracts';
import { setTimeout as pause } from 'node:timers/promises';
import type { Pool } from 'pg';
import { readCheckpoint, type Projection } from './projection.js';
import { headOfLog } from './read-batches.js';
import { readWithin } from './read-within.js';
import { whileUnavailable } from './retry.js';

/** Shorter than people notice; while somebody waits it is fifty look-ups by primary key in a second. */
const POLL_MS = 20;
/** Events looked at in one go, see `look`. */
const LOOK_AT = 500;
const LOOK_MS = 2_000;

interface Servers {
  pool: Pool;
  eventStore: EventStoreDBClient;
  /** Aborted when the process stops: nobody waits any longer. */
  stopping: AbortSignal;
}

interface Waiting {
  position: bigint;
  /** As `performance.now()` counts. */
  until: number;
  arrived: () => void;
  refused: (error: unknown) => void;
}

/** How far the log is known to hold nothing that the read model lacks. */
interface Known {
  checkpoint: Position | null;
  /** No event of the read model's stands between its checkpoint and here. */
  quiet: Position | null;
  /** Place of the first event of the read model's that it lacks, if it was seen. */
  lacks: bigint | null;
}

export class ReadModel {
  readonly pool: Pool;
  private readonly waiting = new Set<Waiting>();
  private watching = false;

  constructor(
    private readonly servers: Servers,
    private readonly projection: Pick<Projection, 'schema' | 'name' | 'prefixes'>,
    private readonly waitMs = READ_MODEL_WAIT_MS,
  ) {
    this.pool = servers.pool;
  }

  /**
   * Resolves when the tables hold everything up to a commit position; at once where none is asked for.
   * @throws ProblemError `read_model_behind` when that takes longer than the wait, or the process stops.
   */
  async reach(position: bigint | undefined): Promise<void> {
    if (position === undefined) return;
    await new Promise<void>((arrived, refused) => {
      this.waiting.add({ position, until: performance.now() + this.waitMs, arrived, refused });
      if (!this.watching) void this.watch();
    });
  }

  /**
   * Resolves when the tables hold everything that was written before the call, by whomever: strong consistency, for the
   * few queries that need it. Takes tens of milliseconds where the log's last event is not the read model's.
   * @throws ProblemError as `reach`; `event_store_unavailable`.
   */
  async reachHead(): Promise<void> {
    const head = await whileUnavailable(() => headOfLog(this.servers.eventStore));
    await this.reach(head?.commit);
  }

  /** One loop for all who wait; ends when nobody does. */
  private async watch(): Promise<void> {
    this.watching = true;
    let known: Known = { checkpoint: null, quiet: null, lacks: null };
    try {
      for (let round = 0; this.waiting.size; round++) {
        known = afresh(known, await readCheckpoint(this.pool, this.projection));
        this.settle(known);
        // Not in the first rounds: mostly the event is the read model's own, and on its way.
        if (round > 1 && this.waiting.size && known.lacks === null) {
          known = await this.look(known);
          this.settle(known);
        }
        if (this.waiting.size) await pause(POLL_MS);
      }
    } catch (error) {
      for (const { refused } of this.waiting) refused(error);
      this.waiting.clear();
    } finally {
      // In the same turn as the last look at `waiting`: who comes later starts a loop of its own.
      this.watching = false;
    }
  }

  private settle({ checkpoint, quiet }: Known): void {
    const reached = quiet?.commit ?? -1n;
    for (const one of [...this.waiting]) {
      if (one.position <= reached) one.arrived();
      else if (this.servers.stopping.aborted || performance.now() >= one.until)
        one.refused(this.behind(checkpoint, one.position));
      else continue;
      this.waiting.delete(one);
    }
  }

  private behind(checkpoint: Position | null, position: bigint): ProblemError {
    const { schema, name } = this.projection;
    const reached = checkpoint
      ? `has come to position ${checkpoint.commit}`
      : 'has not begun to read the log';
    return problem(
      'unavailable',
      'read_model_behind',
      `the read model ${schema}.${name} ${reached}, and ${position} was asked for; try again, or ask without X-Event-Position`,
    );
  }

  /**
   * The checkpoint of a filtered subscription moves with the events that it gets, and only now and then with the others:
   * what was written to other streams may be past it though nothing is lacking. So the log itself is asked, a piece
   * each round, until it tells of an event that is lacking.
   */
  private async look({ checkpoint, quiet }: Known): Promise<Known> {
    let seen = quiet;
    let lacks: bigint | null = null;
    try {
      // Read to its end: the client does not close while one of its reads was left half-way.
      const fromPosition = seen ?? START;
      const reading = this.servers.eventStore.readAll({ fromPosition, maxCount: LOOK_AT });
      for await (const { event } of readWithin(LOOK_MS, reading)) {
        if (lacks !== null || !event || event.position.commit <= (seen?.commit ?? -1n)) continue;
        if (this.projection.prefixes.some((prefix) => event.streamId.startsWith(prefix)))
          lacks = event.position.commit;
        else seen = event.position;
      }
    } catch {
      // An event store that is away says nothing about the read model: the checkpoint may still come.
    }
    return { checkpoint, quiet: seen, lacks };
  }
}

/** What stays known when the checkpoint stands there now; nothing when it went back, as it does when tables are made anew. */
function afresh(known: Known, checkpoint: Position | null): Known {
  const now = checkpoint?.commit ?? -1n;
  const stale = now < (known.checkpoint?.commit ?? -1n) || now >= (known.lacks ?? now + 1n);
  if (stale || now > (known.quiet?.commit ?? -1n)) return { checkpoint, quiet: checkpoint, lacks: null };
  return { ...known, checkpoint };
}
