/** What a read model is, and where it stands: its tables, its version and its checkpoint. */
import type { Position } from '@eventstore/db-client';
import type { Pool, PoolClient } from 'pg';
import { prepared } from './prepared.js';
import { inTransaction } from './projection-transaction.js';
import type { StoredEvent } from './stored-event.js';

export interface Projection {
  /** Schema of the service that owns the tables. */
  schema: string;
  name: string;
  /** Raise it when tables or folds change: the read model is then built anew. */
  version: number;
  prefixes: string[];
  /** Names without schema. */
  tables: string[];
  /** Creates the tables and their indexes, and nothing else; runs with the schema as search_path, and names no schema. */
  create: string;
  /**
   * Folds events into rows; must be idempotent over a batch that comes twice. Runs with the schema as search_path, and
   * names no schema itself: a rebuild runs it in another one.
   */
  apply(connection: PoolClient, events: StoredEvent[]): Promise<void>;
}

/** Held by the one replica that projects. */
export function projectionLock({ schema, name }: Projection): string {
  return `projection:${schema}.${name}`;
}

/** Takes the lock for as long as the connection lives, unless somebody has it. */
export async function tryLock(connection: PoolClient, lock: string): Promise<boolean> {
  const { rows } = await connection.query<{ taken: boolean }>(
    'select pg_try_advisory_lock(hashtextextended($1, 0)) as taken',
    [lock],
  );
  return rows[0]!.taken;
}

/** The tables that every schema of read models has. */
export const BOOKKEEPING = ['projections', 'parked_events', 'rebuilds'];
const TABLES = `
  create table if not exists projections
    (name text primary key, version int not null, commit_position bigint, prepare_position bigint);
  alter table projections add column if not exists parked int not null default 0;
  create table if not exists parked_events
    (projection text not null, stream text not null, revision bigint not null,
     commit_position bigint not null, prepare_position bigint not null, event_id uuid not null,
     reason text not null, first_at timestamptz not null default now(), last_at timestamptz not null default now(),
     tries int not null, primary key (projection, stream, revision));
  create table if not exists rebuilds
    (projection text primary key, id uuid not null, version int not null, started_at timestamptz not null,
     ended_at timestamptz, events bigint not null default 0, commit_position bigint, head_position bigint, error text)`;

/**
 * Schema, checkpoint table and tables; drops and recreates them where tables are missing or, if `mayReplace`, of another
 * version. A replica of another version that still projects keeps its tables until it stops. Sets the search_path.
 */
export async function prepare(
  connection: PoolClient,
  { schema, name, version, tables, create }: Projection,
  mayReplace: boolean,
): Promise<void> {
  await inTransaction(connection, async () => {
    await lockPreparation(connection, schema);
    await connection.query(`create schema if not exists ${schema}`);
    await connection.query(`set search_path to ${schema}`);
    await connection.query(TABLES);
    // Before the tables, as everybody who writes does: the other way round two could wait for each other.
    const { rows } = await connection.query<{ version: number }>(
      'select version from projections where name = $1 for update',
      [name],
    );
    const missing = await connection.query(
      'select t from unnest($1::text[]) t where to_regclass(t) is null',
      [tables],
    );
    const replace = mayReplace && rows[0]?.version !== version;
    if (!replace && !missing.rowCount) return;
    for (const table of tables) await connection.query(`drop table if exists ${table}`);
    await connection.query(create);
    await connection.query('delete from parked_events where projection = $1', [name]);
    await connection.query(
      `insert into projections (name, version) values ($1, $2) on conflict (name) do update
       set version = $2, commit_position = null, prepare_position = null, parked = 0`,
      [name, version],
    );
  });
}

/** Until the end of the transaction nobody else creates or drops tables in the schema. */
export async function lockPreparation(connection: PoolClient, schema: string): Promise<void> {
  await connection.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`prepare:${schema}`]);
}

/**
 * The first statement of whoever writes rows: until the end of the transaction nobody else writes any, as all wait here.
 * Answers how many events are parked.
 * @throws CheckpointMovedError where the tables were made anew meanwhile: they lack what came before, so that it must be
 * read again.
 */
export async function moveCheckpoint(
  connection: PoolClient,
  { schema, name, version }: Projection,
  from: Position | null,
  to: Position,
): Promise<number> {
  const { rows } = await connection.query<{ parked: number }>(
    prepared(
      `update projections set commit_position = $3, prepare_position = $4
       where name = $1 and version = $2 and commit_position is not distinct from $5
       returning parked`,
      [name, version, to.commit.toString(), to.prepare.toString(), from?.commit.toString() ?? null],
    ),
  );
  if (!rows[0]) throw new CheckpointMovedError(schema, name);
  return rows[0].parked;
}

export class CheckpointMovedError extends Error {
  constructor(schema: string, name: string) {
    super(
      `the read model ${schema}.${name} was made anew or moved by another; reading again from its checkpoint`,
    );
    this.name = 'CheckpointMovedError';
  }
}

export async function readCheckpoint(
  connection: Pool | PoolClient,
  { schema, name }: Pick<Projection, 'schema' | 'name'>,
): Promise<Position | null> {
  const { rows } = await connection.query<{
    commit_position: string | null;
    prepare_position: string | null;
  }>(`select commit_position, prepare_position from ${schema}.projections where name = $1`, [name]);
  const { commit_position: commit, prepare_position: prepare } = rows[0] ?? {};
  return commit && prepare ? { commit: BigInt(commit), prepare: BigInt(prepare) } : null;
}
