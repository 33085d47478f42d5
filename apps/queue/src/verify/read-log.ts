import { subscribe, type StoredEvent } from '@hybrid/event-store';
import { type Connections } from '@hybrid/service';
import { problem } from '@hybrid/contracts';
import { Logger } from '@nestjs/common';
import { setImmediate as others } from 'node:timers/promises';

/** So long nobody else gets a word in: claims are to be answered meanwhile, within milliseconds. */
const SLICE_MS = 4;

interface ReadLog {
  prefixes: string[];
  /** Commit position to begin after; null: from the beginning. */
  after: bigint | null;
  /** Ends the reading early, without an error. */
  signal?: AbortSignal;
}

/**
 * Gives each event to `take`, in the order of the log, to the end that it has at the call or past it; goes on where it was
 * when the event store was away meanwhile. Leaves room for others after a few milliseconds of work.
 * @throws ProblemError `queue_stopping` when the process stops; what `take` throws.
 */
export async function readLog(
  connections: Connections,
  { prefixes, after, signal }: ReadLog,
  take: (stored: StoredEvent) => void,
): Promise<void> {
  const { eventStore: client, stopping } = connections;
  const logger = new Logger('ReadLog');
  const read = new AbortController();
  const stop = AbortSignal.any([stopping, read.signal, ...(signal ? [signal] : [])]);
  let position = after === null ? null : { commit: after, prepare: after };
  let reached = after ?? -1n;
  let failure: { error: unknown } | undefined;
  await subscribe({
    client,
    prefixes,
    signal: stop,
    log: (message) => logger.warn(message),
    from: () => position,
    following: (now) => now && read.abort(),
    async handle(batch) {
      const slices = new Slices();
      for (const stored of batch.events) {
        const { commit } = stored.position!;
        // What was taken before the connection was lost comes again.
        if (stop.aborted || commit <= reached) continue;
        try {
          take(stored);
        } catch (error) {
          failure = { error };
          return read.abort();
        }
        reached = commit;
        if (slices.over) await slices.next();
      }
      position = batch.position;
    },
  });
  if (failure) throw failure.error;
  if (stopping.aborted)
    throw problem('unavailable', 'queue_stopping', 'this replica of the queue stops; ask again in a moment');
}

/** Work that leaves room for others after a few milliseconds each. */
export class Slices {
  private due = performance.now() + SLICE_MS;

  get over(): boolean {
    return performance.now() >= this.due;
  }

  async next(): Promise<void> {
    await others();
    this.due = performance.now() + SLICE_MS;
  }
}

/** Goes through all steps, in slices. */
export async function inSlices(steps: Iterable<void>, signal?: AbortSignal): Promise<void> {
  const slices = new Slices();
  for (const _ of steps) {
    if (signal?.aborted) return;
    if (slices.over) await slices.next();
  }
}
