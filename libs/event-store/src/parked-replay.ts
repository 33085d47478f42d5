/** Parked streams of a read model, applied again in order: for after the fold was mended. */
import type { ReplayedProjection } from '@hybrid/contracts';
import {
  FORWARDS,
  StreamDeletedError,
  StreamNotFoundError,
  type EventStoreDBClient,
  type Position,
} from '@eventstore/db-client';
import type { Pool, PoolClient } from 'pg';
import { unpark } from './parked.js';
import { tryApply } from './projection-batch.js';
import type { Projection } from './projection.js';
import { inTransaction, reasonOf } from './projection-transaction.js';
import { otherVersion } from './rebuild.js';
import { toStoredEvent, type StoredEvent } from './stored-event.js';

/** The client waits for ever for a server that fell silent. */
const READ_MS = 10_000;

interface Replay {
  client: EventStoreDBClient;
  pool: Pool;
  projection: Projection;
}

/**
 * Goes on beside the projecting replica, which waits only while one stream is written. What fails stays parked, with
 * the new reason.
 * @throws ProblemError `projection_other_version`.
 */
export async function replayParked({ client, pool, projection }: Replay): Promise<ReplayedProjection> {
  const { schema, name } = projection;
  const connection = await pool.connect();
  try {
    const { rows } = await connection.query<{ stream: string }>(
      `select stream from ${schema}.parked_events where projection = $1 group by stream order by min(commit_position)`,
      [name],
    );
    let replayed = 0;
    for (const { stream } of rows) replayed += await replayStream(client, connection, projection, stream);
    const left = await connection.query<{ parked: number }>(
      `select parked from ${schema}.projections where name = $1`,
      [name],
    );
    return { replayed_events: replayed, parked_events: left.rows[0]?.parked ?? 0 };
  } finally {
    connection.release();
  }
}

interface ParkedRow {
  revision: string;
  commit_position: string;
  prepare_position: string;
}

/** Until the stream has nothing parked, or one fails: the projecting replica may park more behind it meanwhile. */
async function replayStream(
  client: EventStoreDBClient,
  connection: PoolClient,
  projection: Projection,
  stream: string,
): Promise<number> {
  const { schema, name, version } = projection;
  for (let replayed = 0; ;) {
    const { rows } = await connection.query<ParkedRow>(
      `select revision, commit_position, prepare_position from ${schema}.parked_events
       where projection = $1 and stream = $2 order by revision`,
      [name, stream],
    );
    const last = rows.at(-1);
    if (!last) return replayed;
    const events = await readParked(client, stream, rows);
    const { gone, failed } = await inTransaction(connection, async () => {
      await connection.query(`set local search_path to ${schema}`);
      const live = await connection.query<{ version: number }>(
        'select version from projections where name = $1 for update',
        [name],
      );
      if (live.rows[0]?.version !== version) throw otherVersion(projection, live.rows[0]?.version);
      const now = await connection.query<{ revision: string }>(
        `select revision from parked_events
         where projection = $1 and stream = $2 and revision <= $3 order by revision`,
        [name, stream, last.revision],
      );
      // Replayed by another meanwhile, or the read model was made anew: look again.
      if (revisions(now.rows) !== revisions(rows)) return { gone: 0, failed: false };
      return applyInOrder(connection, projection, stream, events, BigInt(last.revision));
    });
    replayed += gone;
    if (failed) return replayed;
  }
}

function revisions(rows: { revision: string }[]): string {
  return rows.map(({ revision }) => revision).join();
}

/** All at once; where that fails one by one, up to the one that fails. */
async function applyInOrder(
  connection: PoolClient,
  projection: Projection,
  stream: string,
  events: StoredEvent[],
  last: bigint,
): Promise<{ gone: number; failed: boolean }> {
  if (!events.length || !(await tryApply(connection, projection, events)))
    return { gone: await unpark(connection, projection, stream, last), failed: false };
  let gone = 0;
  for (const event of events) {
    const error = await tryApply(connection, projection, [event]);
    if (error) {
      await connection.query(
        `update parked_events set tries = tries + 1, last_at = now(), reason = $4
         where projection = $1 and stream = $2 and revision = $3`,
        [projection.name, stream, event.revision.toString(), reasonOf(error.cause)],
      );
      return { gone, failed: true };
    }
    gone += await unpark(connection, projection, stream, event.revision);
  }
  return { gone, failed: false };
}

/** The parked events as their stream has them; without those that it lost. */
async function readParked(
  client: EventStoreDBClient,
  stream: string,
  rows: ParkedRow[],
): Promise<StoredEvent[]> {
  const positions = new Map<string, Position>(
    rows.map(({ revision, commit_position, prepare_position }) => [
      revision,
      { commit: BigInt(commit_position), prepare: BigInt(prepare_position) },
    ]),
  );
  const first = BigInt(rows[0]!.revision);
  const maxCount = BigInt(rows.at(-1)!.revision) - first + 1n;
  const events: StoredEvent[] = [];
  try {
    for await (const resolved of client.readStream(stream, {
      direction: FORWARDS,
      fromRevision: first,
      maxCount,
      deadline: READ_MS,
    })) {
      const stored = toStoredEvent(resolved);
      const position = stored && positions.get(stored.revision.toString());
      if (position) events.push({ ...stored, position });
    }
  } catch (error) {
    // Deleted, as a rebuild would find it.
    if (!(error instanceof StreamNotFoundError || error instanceof StreamDeletedError)) throw error;
  }
  return events;
}
