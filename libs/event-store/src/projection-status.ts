/** How a read model fares, from PostgreSQL and the log alone: any replica can answer. */
import type { ParkedView, ProjectionStatus, ProjectionView, RebuildView } from '@hybrid/contracts';
import { FORWARDS, START, type EventStoreDBClient, type Position } from '@eventstore/db-client';
import type { Pool, PoolClient } from 'pg';
import { projectionLock, readCheckpoint, type Projection } from './projection.js';
import { headOfLog } from './read-batches.js';
import { rebuildLock } from './rebuild.js';
import { readWithin } from './read-within.js';

/** What is behind by more is behind by much. */
const MAX_LAG_EVENTS = 1_000;
const READ_MS = 4_000;
const MAX_PARKED_SHOWN = 20;

interface Servers {
  client: EventStoreDBClient;
  pool: Pool;
}

export async function projectionView(
  { client, pool }: Servers,
  projection: Projection,
): Promise<ProjectionView> {
  const { schema, name } = projection;
  // The checkpoint first: a head that was read before it would seem to be behind.
  const state = await stateOf(pool, projection);
  const [head, lag] = await Promise.all([
    headOfLog(client).catch(() => null),
    lagOf(client, projection.prefixes, state.checkpoint).catch(() => ({
      lag_events: null,
      lag_seconds: null,
    })),
  ]);
  return {
    service: schema,
    name,
    version: state.version,
    status: statusOf(state),
    position: state.checkpoint?.commit.toString() ?? null,
    head: head?.commit.toString() ?? null,
    ...lag,
    parked_events: state.parked,
    parked: state.parked ? await parkedOf(pool, projection) : [],
    rebuild: await rebuildView(pool, projection),
  };
}

interface ProjectionState {
  version: number;
  checkpoint: Position | null;
  parked: number;
  active: boolean;
}

export async function stateOf(pool: Pool, projection: Projection): Promise<ProjectionState> {
  const { schema, name } = projection;
  const { rows } = await pool.query<{ version: number; parked: number; active: boolean }>(
    `select version, parked, ${isHeld('$2')} as active from ${schema}.projections where name = $1`,
    [name, projectionLock(projection)],
  );
  const { version = 0, parked = 0, active = false } = rows[0] ?? {};
  return { version, parked, active, checkpoint: await readCheckpoint(pool, projection) };
}

function statusOf({ active, parked }: ProjectionState): ProjectionStatus {
  if (!active) return 'INACTIVE';
  return parked ? 'DEGRADED' : 'LIVE';
}

/** Whether any session has the advisory lock of that name; tells without taking it. */
function isHeld(parameter: string): string {
  return `exists (select 1 from pg_locks where locktype = 'advisory' and granted and objsubid = 1
    and database = (select oid from pg_database where datname = current_database())
    and (classid::bigint << 32 | objid::bigint) = hashtextextended(${parameter}, 0))`;
}

/** Events of the prefixes after the checkpoint: how many, and for how many seconds the first one has waited. */
export async function lagOf(
  client: EventStoreDBClient,
  prefixes: string[],
  checkpoint: Position | null,
): Promise<{ lag_events: number; lag_seconds: number }> {
  let events = 0;
  let oldest: Date | undefined;
  const reading = client.readAll({
    direction: FORWARDS,
    fromPosition: checkpoint ?? START,
    maxCount: MAX_LAG_EVENTS + 1,
  });
  for await (const { event } of readWithin(READ_MS, reading)) {
    if (!event || (checkpoint && event.position.commit <= checkpoint.commit)) continue;
    if (!prefixes.some((prefix) => event.streamId.startsWith(prefix))) continue;
    events++;
    oldest ??= event.created;
  }
  const seconds = oldest ? Math.max(0, (Date.now() - oldest.getTime()) / 1000) : 0;
  return { lag_events: Math.min(events, MAX_LAG_EVENTS), lag_seconds: seconds };
}

async function parkedOf(pool: Pool, { schema, name }: Projection): Promise<ParkedView[]> {
  const { rows } = await pool.query<Omit<ParkedView, 'revision' | 'first_at' | 'last_at'> & ParkedRow>(
    `select * from (select distinct on (stream) stream, revision, commit_position, event_id, reason, tries, first_at, last_at
       from ${schema}.parked_events where projection = $1 order by stream, revision) firsts
     order by commit_position limit ${MAX_PARKED_SHOWN}`,
    [name],
  );
  return rows.map(({ stream, revision, event_id, reason, tries, first_at, last_at }) => ({
    ...{ stream, event_id, reason, tries, revision: Number(revision) },
    ...{ first_at: first_at.toISOString(), last_at: last_at.toISOString() },
  }));
}

interface ParkedRow {
  revision: string;
  first_at: Date;
  last_at: Date;
}

export async function rebuildView(
  pool: Pool | PoolClient,
  projection: Projection,
): Promise<RebuildView | null> {
  const { rows } = await pool.query<RebuildRow>(
    `select *, ${isHeld('$2')} as held from ${projection.schema}.rebuilds where projection = $1`,
    [projection.name, rebuildLock(projection)],
  );
  const row = rows[0];
  if (!row) return null;
  const { id, started_at, ended_at, events, commit_position: at, head_position: head, error, held } = row;
  const status = ended_at ? (error === null ? 'DONE' : 'FAILED') : held ? 'RUNNING' : 'INTERRUPTED';
  return {
    ...{ id, status, error },
    started_at: started_at.toISOString(),
    ended_at: ended_at?.toISOString() ?? null,
    events: Number(events),
    progress: status === 'DONE' || !head ? 1 : Math.min(1, Number(at ?? 0) / Math.max(1, Number(head))),
  };
}

interface RebuildRow {
  id: string;
  started_at: Date;
  ended_at: Date | null;
  events: string;
  commit_position: string | null;
  head_position: string | null;
  error: string | null;
  held: boolean;
}
