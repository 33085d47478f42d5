/** A read model: folds of the log into tables, with rows and checkpoint in one transaction. */
import type { EventStoreDBClient, Position } from '@eventstore/db-client';
import type { Pool, PoolClient } from 'pg';
import { whileLocked } from './lock.js';
import type { StoredEvent } from './stored-event.js';
import { subscribe } from './subscribe.js';

export interface Projection {
  /** Schema of the service that owns the tables. */
  schema: string;
  name: string;
  /** Raise it when tables or folds change: the read model is then built anew. */
  version: number;
  prefixes: string[];
  /** Names without schema. */
  tables: string[];
  /** Creates the tables (`create table …`); runs with the schema as search_path. */
  create: string;
  /** Folds events into rows; must be idempotent over a batch that comes twice. Runs with the schema as search_path. */
  apply(connection: PoolClient, events: StoredEvent[]): Promise<void>;
}

export class Projector {
  private readonly stopping = new AbortController();
  private running: Promise<void> = Promise.resolve();

  constructor(
    private readonly client: EventStoreDBClient,
    private readonly pool: Pool,
    private readonly projection: Projection,
    private readonly log: (message: string) => void,
  ) {}

  /** Creates what is missing, so that queries work from the start; then projects while it holds the lock. */
  async start(): Promise<void> {
    const connection = await this.pool.connect();
    try {
      await prepare(connection, this.projection, await isFree(connection, this.lock));
    } finally {
      // Its search_path is ours now: not for the pool.
      connection.release(true);
    }
    this.running = whileLocked(this.pool, this.lock, this.stopping.signal, this.log, (locked, signal) =>
      this.project(locked, signal),
    );
  }

  private get lock(): string {
    return `projection:${this.projection.schema}.${this.projection.name}`;
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private async project(connection: PoolClient, signal: AbortSignal): Promise<void> {
    const { projection, client, log } = this;
    await prepare(connection, projection, true);
    // What a crash of PostgreSQL takes back is read again from the log: no reason to make the disk wait for it.
    await connection.query('set synchronous_commit to off');
    let before: Position | null = null;
    await subscribe({
      client,
      prefixes: projection.prefixes,
      signal,
      log,
      from: async () => (before = await readCheckpoint(connection, projection)),
      handle: async ({ events, position }) => {
        await connection.query('begin');
        try {
          if (events.length) await projection.apply(connection, events);
          await moveCheckpoint(connection, projection, before, position);
          await connection.query('commit');
          before = position;
        } catch (error) {
          await connection.query('rollback');
          throw error;
        }
      },
    });
  }
}

/** Whether nobody projects at the moment. */
async function isFree(connection: PoolClient, lock: string): Promise<boolean> {
  const { rows } = await connection.query<{ free: boolean }>(
    'select pg_try_advisory_lock(hashtextextended($1, 0)) as free',
    [lock],
  );
  return rows[0]!.free;
}

/**
 * Schema, checkpoint table and tables; drops and recreates them where tables are missing or, if `mayReplace`, of another
 * version. A replica of another version that still projects keeps its tables until it stops.
 */
async function prepare(connection: PoolClient, projection: Projection, mayReplace: boolean): Promise<void> {
  const { schema, name, version, tables, create } = projection;
  await connection.query('begin');
  try {
    await connection.query(`select pg_advisory_xact_lock(hashtextextended('prepare:${schema}', 0))`);
    await connection.query(`create schema if not exists ${schema}`);
    await connection.query(`set search_path to ${schema}`);
    await connection.query(`create table if not exists projections
      (name text primary key, version int not null, commit_position bigint, prepare_position bigint)`);
    const { rows } = await connection.query<{ version: number }>(
      'select version from projections where name = $1',
      [name],
    );
    const missing = await connection.query(
      'select t from unnest($1::text[]) t where to_regclass(t) is null',
      [tables],
    );
    const replace = mayReplace && rows[0]?.version !== version;
    if (replace || missing.rowCount) {
      for (const table of tables) await connection.query(`drop table if exists ${table}`);
      await connection.query(create);
      await connection.query(
        `insert into projections (name, version) values ($1, $2)
         on conflict (name) do update set version = $2, commit_position = null, prepare_position = null`,
        [name, version],
      );
    }
    await connection.query('commit');
  } catch (error) {
    await connection.query('rollback');
    throw error;
  }
}

/** Fails where the tables were made anew meanwhile: they lack what came before, so that it must be read again. */
async function moveCheckpoint(
  connection: PoolClient,
  { schema, name, version }: Projection,
  from: Position | null,
  to: Position,
): Promise<void> {
  const { rowCount } = await connection.query(
    `update projections set commit_position = $3, prepare_position = $4
     where name = $1 and version = $2 and commit_position is not distinct from $5`,
    [name, version, to.commit.toString(), to.prepare.toString(), from?.commit.toString() ?? null],
  );
  if (!rowCount) throw new CheckpointMovedError(schema, name);
}

class CheckpointMovedError extends Error {
  constructor(schema: string, name: string) {
    super(
      `the read model ${schema}.${name} was made anew or moved by another; reading again from its checkpoint`,
    );
    this.name = 'CheckpointMovedError';
  }
}

async function readCheckpoint(connection: PoolClient, { name }: Projection): Promise<Position | null> {
  const { rows } = await connection.query<{
    commit_position: string | null;
    prepare_position: string | null;
  }>('select commit_position, prepare_position from projections where name = $1', [name]);
  const { commit_position: commit, prepare_position: prepare } = rows[0] ?? {};
  return commit && prepare ? { commit: BigInt(commit), prepare: BigInt(prepare) } : null;
}
