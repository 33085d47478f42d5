/** Waits until what this replica holds in memory is as new as a caller wants to see it. */
import { readWithin } from '@hybrid/event-store';
import { START, type EventStoreDBClient } from '@eventstore/db-client';
import { problem, READ_MODEL_WAIT_MS } from '@hybrid/contracts';
import { setTimeout as pause } from 'node:timers/promises';

const POLL_MS = 5;
/** Events looked at in one go, see `lacksNothing`. */
const LOOK_AT = 500;
const LOOK_MS = 2_000;
/** Mostly the event is a job's own, and on its way: only then is the log asked. */
const LOOK_AFTER_MS = 50;

interface Following {
  /** Commit position up to which everything is applied, -1: none; null: there is nothing to be read yet. */
  seen: () => bigint | null;
  /** Of the streams that are followed. */
  prefixes: string[];
}

/**
 * Resolves when everything up to the commit position is applied, or when there is nothing that would have to be: a filtered
 * subscription hears only now and then that the log went on without it.
 * @throws ProblemError `read_model_behind` when that takes longer than READ_MODEL_WAIT_MS.
 */
export async function caughtUp(
  client: EventStoreDBClient,
  { seen, prefixes }: Following,
  position: bigint,
): Promise<void> {
  const begun = performance.now();
  for (;;) {
    const reached = seen();
    if (reached !== null && reached >= position) return;
    const waited = performance.now() - begun;
    if (waited > READ_MODEL_WAIT_MS) throw behind(reached, position);
    if (reached !== null && waited > LOOK_AFTER_MS)
      if (await lacksNothing(client, reached, prefixes, position)) return;
    await pause(POLL_MS);
  }
}

/** No event of the streams stands behind `after` up to `upTo`; false also where that cannot be told quickly. */
async function lacksNothing(
  client: EventStoreDBClient,
  after: bigint,
  prefixes: string[],
  upTo: bigint,
): Promise<boolean> {
  const fromPosition = after < 0n ? START : { commit: after, prepare: after };
  let lacks = false;
  let last = after;
  let count = 0;
  try {
    // Read to its end: the client does not close while one of its reads was left half-way.
    for await (const { event } of readWithin(LOOK_MS, client.readAll({ fromPosition, maxCount: LOOK_AT }))) {
      count++;
      if (!event || event.position.commit <= last) continue;
      last = event.position.commit;
      lacks ||= last <= upTo && prefixes.some((prefix) => event.streamId.startsWith(prefix));
    }
  } catch {
    // An event store that is away says nothing; what is lacking may still come.
    return false;
  }
  return !lacks && (last >= upTo || count < LOOK_AT);
}

function behind(reached: bigint | null, position: bigint) {
  const state =
    reached === null ? 'has not read its figures yet' : `has followed the log to position ${reached}`;
  const wanted = position < 0n ? '' : `, and ${position} was asked for`;
  return problem(
    'unavailable',
    'read_model_behind',
    `this replica of the queue ${state}${wanted}; try again, or ask without X-Event-Position`,
  );
}
