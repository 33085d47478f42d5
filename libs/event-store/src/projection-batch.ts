/**
 * One batch into a read model: rows, parked events and checkpoint in one transaction. An event that fails every time
 * (poison) is parked, and with it all later events of its stream, so that the others go on.
 */
import type { Position } from '@eventstore/db-client';
import { setTimeout as pause } from 'node:timers/promises';
import type { PoolClient } from 'pg';
import { PARKED_BEHIND, park, parkedStreams } from './parked.js';
import { moveCheckpoint, type Projection } from './projection.js';
import { inTransaction, isFoldFailure, reasonOf } from './projection-transaction.js';
import type { StoredEvent } from './stored-event.js';
import type { Batch } from './subscribe.js';

/** How a read model says what people should know: a warning that mends itself, or an error that somebody must look at. */
export type ProjectionLog = (message: string, severity?: 'warning' | 'error') => void;

/** What fails this often is not bad luck. */
export const MAX_TRIES = 5;
/** Doubled after each try: 1.5 s in all. */
const FIRST_PAUSE_MS = 100;

interface ApplyBatch {
  /** Its search_path is the schema of the tables. */
  connection: PoolClient;
  projection: Projection;
  /** The checkpoint as it should be. */
  before: Position | null;
  batch: Batch;
  signal: AbortSignal;
  log: ProjectionLog;
}

/**
 * @throws CheckpointMovedError; whatever is the moment's fault (connection, lock, disk): nothing was written then, and the
 * batch may come again.
 */
export async function applyBatch({ connection, projection, before, batch, signal, log }: ApplyBatch) {
  const { schema, name } = projection;
  const write = (fold: (events: StoredEvent[], blocked: Set<string>) => Promise<void>) =>
    inTransaction(connection, async () => {
      const parked = await moveCheckpoint(connection, projection, before, batch.position);
      if (!batch.events.length) return;
      const streams = [...new Set(batch.events.map(({ streamId }) => streamId))];
      await fold(batch.events, parked ? await parkedStreams(connection, projection, streams) : new Set());
    });
  for (let tries = 1; tries <= MAX_TRIES; tries++) {
    try {
      return await write(async (events, blocked) => {
        const free = await parkBlocked(connection, projection, events, blocked);
        if (free.length) await projection.apply(connection, free);
      });
    } catch (error) {
      if (!isFoldFailure(error)) throw error;
      if (tries === 1) log(`${schema}.${name}: a batch failed: ${reasonOf(error)}; trying again`);
      if (tries < MAX_TRIES) await pause(FIRST_PAUSE_MS * 2 ** (tries - 1), undefined, { signal });
    }
  }
  await write((events, blocked) => applyOrPark({ connection, projection, log }, events, blocked));
}

interface Folding {
  connection: PoolClient;
  projection: Projection;
  log: ProjectionLog;
}

/**
 * Within a transaction that holds the checkpoint: applies what can be applied, halving what fails until the poison is
 * alone, and parks the rest. Streams that get a parked event are added to `blocked`.
 */
export async function applyOrPark(
  folding: Folding,
  events: StoredEvent[],
  blocked: Set<string>,
): Promise<void> {
  const { connection, projection, log } = folding;
  const free = await parkBlocked(connection, projection, events, blocked);
  if (!free.length) return;
  const error = await tryApply(connection, projection, free);
  if (!error) return;
  if (free.length > 1) {
    const middle = free.length >> 1;
    await applyOrPark(folding, free.slice(0, middle), blocked);
    await applyOrPark(folding, free.slice(middle), blocked);
    return;
  }
  const poison = free[0]!;
  const reason = reasonOf(error.cause);
  blocked.add(poison.streamId);
  await park(connection, projection, [poison], reason, MAX_TRIES);
  log(
    `${projection.schema}.${projection.name}: event ${poison.id} (${poison.event.type}, ${poison.streamId} revision ${poison.revision}) ` +
      `failed ${MAX_TRIES} times and is parked: ${reason}; its stream waits, the others go on. ` +
      `Mend the fold, then: hybrid projection replay ${projection.schema}.${projection.name}`,
    'error',
  );
}

/** Applies all of it or nothing, within a transaction; answers the failure if the events are to blame. */
export async function tryApply(
  connection: PoolClient,
  projection: Projection,
  events: StoredEvent[],
): Promise<{ cause: unknown } | undefined> {
  await connection.query('savepoint fold');
  try {
    await projection.apply(connection, events);
    await connection.query('release savepoint fold');
    return undefined;
  } catch (cause) {
    if (!isFoldFailure(cause)) throw cause;
    // Fails in its turn where the connection is gone.
    await connection.query('rollback to savepoint fold; release savepoint fold');
    return { cause };
  }
}

/** Parks the events of blocked streams behind those that are there; answers the others. */
async function parkBlocked(
  connection: PoolClient,
  projection: Projection,
  events: StoredEvent[],
  blocked: Set<string>,
): Promise<StoredEvent[]> {
  if (!blocked.size) return events;
  const waiting = events.filter(({ streamId }) => blocked.has(streamId));
  await park(connection, projection, waiting, PARKED_BEHIND, 0);
  return events.filter(({ streamId }) => !blocked.has(streamId));
}
