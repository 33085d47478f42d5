/**
 * Events that a read model could not take: `<schema>.parked_events` keeps where each one stands and why, never its data.
 * While a stream has parked events, its later ones are parked behind them. `projections.parked` counts them; both are
 * written only under the checkpoint's lock.
 */
import type { PoolClient } from 'pg';
import type { Projection } from './projection.js';
import type { StoredEvent } from './stored-event.js';

export const PARKED_BEHIND = 'an earlier event of its stream is parked';

/** Which of these streams have parked events. */
export async function parkedStreams(
  connection: PoolClient,
  { name }: Projection,
  streams: string[],
): Promise<Set<string>> {
  const { rows } = await connection.query<{ stream: string }>(
    'select distinct stream from parked_events where projection = $1 and stream = any($2)',
    [name, streams],
  );
  return new Set(rows.map(({ stream }) => stream));
}

/** Those that are parked already stay as they are. */
export async function park(
  connection: PoolClient,
  { name }: Projection,
  events: StoredEvent[],
  reason: string,
  tries: number,
): Promise<void> {
  if (!events.length) return;
  const rows = events.map(({ streamId, revision, position, id }) => ({
    stream: streamId,
    revision: revision.toString(),
    commit_position: position?.commit.toString(),
    prepare_position: position?.prepare.toString(),
    event_id: id,
  }));
  await connection.query(
    `with added as (
       insert into parked_events
         (projection, stream, revision, commit_position, prepare_position, event_id, reason, tries)
       select $1, stream, revision, commit_position, prepare_position, event_id, $3, $4
       from jsonb_to_recordset($2::jsonb) as r
         (stream text, revision bigint, commit_position bigint, prepare_position bigint, event_id uuid)
       on conflict do nothing returning 1)
     update projections set parked = parked + (select count(*) from added) where name = $1`,
    [name, JSON.stringify(rows), reason, tries],
  );
}

/** Forgets parked events of a stream, up to and with `revision`; for what was applied at last. */
export async function unpark(
  connection: PoolClient,
  { name }: Projection,
  stream: string,
  revision: bigint,
): Promise<number> {
  const { rows } = await connection.query<{ gone: number }>(
    `with gone as (
       delete from parked_events where projection = $1 and stream = $2 and revision <= $3 returning 1),
     counted as (
       update projections set parked = parked - (select count(*) from gone) where name = $1)
     select count(*)::int as gone from gone`,
    [name, stream, revision.toString()],
  );
  return rows[0]?.gone ?? 0;
}
