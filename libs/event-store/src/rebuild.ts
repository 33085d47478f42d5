/**
 * A read model built anew beside the live one: in a schema of its own, from the beginning of the log, while the live one
 * goes on; when it has caught up, one transaction puts it in the live one's place. A rebuild that was killed leaves a
 * schema that nobody reads; the next rebuild, or the next start of a replica, drops it.
 */
import { problem, type ProblemError } from '@hybrid/contracts';
import type { EventStoreDBClient, Position } from '@eventstore/db-client';
import { randomUUID } from 'node:crypto';
import pg, { type Pool, type PoolClient } from 'pg';
import { applyBatch, applyOrPark, type ProjectionLog } from './projection-batch.js';
import { parkedStreams } from './parked.js';
import {
  BOOKKEEPING,
  tryLock,
  lockPreparation,
  prepare,
  readCheckpoint,
  type Projection,
} from './projection.js';
import { inTransaction } from './projection-transaction.js';
import { ahead, headOfLog, readAllBatches } from './read-batches.js';
import type { Batch } from './subscribe.js';

/** A last pass this small is over in a moment: the live tables are locked for one. */
const CLOSE_ENOUGH = 1_000;
/** Queries that hold the live tables are waited for so long, with all others behind us; then they get their turn. */
const LOCK_WAIT = '2s';

/** A process that was stopped keeps nobody from rebuilding for longer. */
const SILENCE = '60s';

interface RebuildOptions {
  client: EventStoreDBClient;
  pool: Pool;
  projection: Projection;
  log: ProjectionLog;
}

/** Held by the one replica that rebuilds; its loss is the end of the rebuild. */
export function rebuildLock({ schema, name }: Projection): string {
  return `rebuild:${schema}.${name}`;
}

function rebuildSchema({ schema, name }: Projection): string {
  return `${schema}_rebuild_${name}`;
}

export class Rebuild {
  private readonly stopping = new AbortController();
  private readonly beside: Projection;
  private events = 0;

  private constructor(
    readonly id: string,
    private readonly options: RebuildOptions,
    private readonly connection: PoolClient,
    private readonly own: Pool,
  ) {
    this.beside = { ...options.projection, schema: rebuildSchema(options.projection) };
  }

  /**
   * Takes the lock and begins; `run` does the work.
   * @throws ProblemError `rebuild_running`, `projection_other_version`.
   */
  static async begin(options: RebuildOptions): Promise<Rebuild> {
    const { pool, projection, client } = options;
    const { schema, name, version } = projection;
    // Of its own: projectors and relays hold most of the service's connections, and queries need the rest.
    const own = new pg.Pool({ ...pool.options, max: 1 });
    const connection = await own.connect();
    try {
      if (!(await tryLock(connection, rebuildLock(projection))))
        throw problem(
          'conflict',
          'rebuild_running',
          `${schema}.${name} is being rebuilt already: wait for its end`,
        );
      const { rows } = await connection.query<{ version: number }>(
        `select version from ${schema}.projections where name = $1`,
        [name],
      );
      if (rows[0]?.version !== version) throw otherVersion(projection, rows[0]?.version);
      const rebuild = new Rebuild(randomUUID(), options, connection, own);
      const head = await headOfLog(client);
      await connection.query(
        `insert into ${schema}.rebuilds (projection, id, version, started_at, head_position)
         values ($1, $2, $3, now(), $4)
         on conflict (projection) do update set id = excluded.id, version = excluded.version, started_at = now(),
           ended_at = null, events = 0, commit_position = null, head_position = excluded.head_position, error = null`,
        [name, rebuild.id, version, head?.commit.toString() ?? null],
      );
      return rebuild;
    } catch (error) {
      connection.release(true);
      await own.end();
      throw error;
    }
  }

  /** To the end; a failure is told to the log and to whoever asks for the state. */
  async run(): Promise<void> {
    const { connection, beside } = this;
    const { projection, log } = this.options;
    const lost = () => this.stopping.abort();
    connection.on('error', lost);
    try {
      await connection.query(
        `set synchronous_commit to off; set idle_session_timeout = '${SILENCE}'; set idle_in_transaction_session_timeout = '${SILENCE}'`,
      );
      await connection.query(`drop schema if exists ${beside.schema} cascade`);
      await prepare(connection, beside, true);
      await this.catchUp();
      await this.switchOver();
      await this.end(null);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      log(
        `rebuild of ${projection.schema}.${projection.name} failed, the live one is as it was: ${why}`,
        'error',
      );
      // The lock's end says it too, where this cannot be written any more.
      await this.end(why).catch(() => undefined);
    } finally {
      // `lost` stays: an error of the connection's end is nobody's.
      connection.release(true);
      await this.own.end();
    }
  }

  /** Gives up; resolves when nothing is written any more is for `run` to say. */
  stop(): void {
    this.stopping.abort();
  }

  private async catchUp(): Promise<void> {
    const { connection, beside } = this;
    const { client, log } = this.options;
    const { signal } = this.stopping;
    for (let read = Infinity; read > CLOSE_ENOUGH;) {
      read = 0;
      let before = await readCheckpoint(connection, beside);
      for await (const batch of ahead(
        readAllBatches({ client, prefixes: beside.prefixes, from: before, signal }),
      )) {
        await applyBatch({ connection, projection: beside, before, batch, signal, log });
        before = batch.position;
        read += batch.events.length;
        await this.progress(batch);
      }
      signal.throwIfAborted();
    }
  }

  private async progress({ events, position }: Batch): Promise<void> {
    const { schema, name } = this.options.projection;
    this.events += events.length;
    await this.connection.query(
      `update ${schema}.rebuilds set events = $3, commit_position = $4,
         head_position = greatest(head_position, $4) where projection = $1 and id = $2`,
      [name, this.id, this.events, position.commit.toString()],
    );
  }

  /** Queries see the old rows until the commit and the new ones after it, never fewer events than before. */
  private async switchOver(): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        return await inTransaction(this.connection, () => this.replaceLive());
      } catch (error) {
        this.stopping.signal.throwIfAborted();
        // A long query, or a deadlock with one: nothing is lost, and the others may go first.
        const { code } = error as { code?: string };
        if (!(code === '55P03' || code === '40P01')) throw error;
        if (tries === MAX_SWITCH_TRIES) throw new TablesBusyError(this.options.projection, error);
        await this.catchUp();
      }
    }
  }

  private async replaceLive(): Promise<void> {
    const { connection, beside } = this;
    const { schema, name, version, tables } = this.options.projection;
    await connection.query(`set local lock_timeout = '${LOCK_WAIT}'; set local synchronous_commit to on`);
    await lockPreparation(connection, schema);
    // The live one's next batch waits here, and finds its checkpoint moved.
    const { rows } = await connection.query<{ version: number }>(
      `select version from ${schema}.projections where name = $1 for update`,
      [name],
    );
    if (rows[0]?.version !== version) throw otherVersion(this.options.projection, rows[0]?.version);
    const position = await this.passLive();
    for (const table of tables) {
      await connection.query(`drop table if exists ${schema}.${table}`);
      await connection.query(`alter table ${beside.schema}.${table} set schema ${schema}`);
    }
    await connection.query(`delete from ${schema}.parked_events where projection = $1`, [name]);
    await connection.query(
      `insert into ${schema}.parked_events select * from ${beside.schema}.parked_events`,
    );
    await connection.query(
      `update ${schema}.projections live set commit_position = $2, prepare_position = $3, parked = beside.parked
       from ${beside.schema}.projections beside where live.name = $1 and beside.name = $1`,
      [name, position?.commit.toString() ?? null, position?.prepare.toString() ?? null],
    );
    // Not `cascade`: what `create` made beside its tables would be gone, and with it the columns that use it.
    await connection.query(
      `drop table ${BOOKKEEPING.map((table) => `${beside.schema}.${table}`).join()}; drop schema ${beside.schema}`,
    );
  }

  /** Takes what the live one has and we have not yet, so that no query goes back in time; answers where we are. */
  private async passLive(): Promise<Position | null> {
    const { connection, beside } = this;
    const { client, projection, log } = this.options;
    const live = await readCheckpoint(connection, projection);
    let position = await readCheckpoint(connection, beside);
    if (!live || (position && position.commit >= live.commit)) return position;
    const { signal } = this.stopping;
    for await (const batch of readAllBatches({ client, prefixes: beside.prefixes, from: position, signal })) {
      const streams = [...new Set(batch.events.map(({ streamId }) => streamId))];
      const blocked = await parkedStreams(connection, beside, streams);
      await applyOrPark({ connection, projection: beside, log }, batch.events, blocked);
      this.events += batch.events.length;
      position = batch.position;
    }
    signal.throwIfAborted();
    // A store that says only where its last event is: the live one looked at no less than we did.
    return position && position.commit >= live.commit ? position : live;
  }

  private async end(error: string | null): Promise<void> {
    const { schema, name } = this.options.projection;
    await this.connection.query(
      `update ${schema}.rebuilds set ended_at = now(), events = $3, error = $4 where projection = $1 and id = $2`,
      [name, this.id, this.events, error],
    );
  }
}

/** During a roll-out two versions of a service run, and the tables are of one of them. */
export function otherVersion({ schema, name, version }: Projection, live: number | undefined): ProblemError {
  return problem(
    'conflict',
    'projection_other_version',
    `${schema}.${name} has version ${live ?? 'none'} and this replica knows ${version}: try again when all replicas are of one version`,
  );
}

/** So many times in a row longer than LOCK_WAIT: then somebody has to look at that query. */
const MAX_SWITCH_TRIES = 30;

class TablesBusyError extends Error {
  override readonly name = 'TablesBusyError';
  constructor({ schema, name }: Projection, cause: unknown) {
    super(
      `queries have kept the tables of ${schema}.${name} for ${MAX_SWITCH_TRIES} times ${LOCK_WAIT}: end them (pg_stat_activity shows them), then rebuild again`,
      { cause },
    );
  }
}

/** Drops what a killed rebuild left; leaves a running one alone. */
export async function dropLeftovers(connection: PoolClient, projection: Projection): Promise<void> {
  const lock = rebuildLock(projection);
  if (!(await tryLock(connection, lock))) return;
  await connection.query(`drop schema if exists ${rebuildSchema(projection)} cascade`);
  await connection.query('select pg_advisory_unlock(hashtextextended($1, 0))', [lock]);
}
