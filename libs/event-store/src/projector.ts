/** Keeps a read model up to date: folds of the log into tables, with rows and checkpoint in one transaction. */
import type { ProjectionView, RebuildView, ReplayedProjection } from '@hybrid/contracts';
import type { EventStoreDBClient, Position } from '@eventstore/db-client';
import type { Pool, PoolClient } from 'pg';
import { whileLocked, type LockOptions } from './lock.js';
import { applyBatch, type ProjectionLog } from './projection-batch.js';
import { tryLock, prepare, projectionLock, readCheckpoint, type Projection } from './projection.js';
import { observeProjection } from './projection-metrics.js';
import { projectionView, rebuildView } from './projection-status.js';
import { replayParked } from './parked-replay.js';
import { dropLeftovers, Rebuild } from './rebuild.js';
import { subscribe } from './subscribe.js';

/** A busy log then costs fifty transactions a second and not hundreds; whoever waits for a list looks as seldom. */
const PACE_MS = 20;

export class Projector {
  private readonly stopping = new AbortController();
  private running: Promise<void> = Promise.resolve();
  private rebuilding?: { rebuild: Rebuild; ended: Promise<void> };
  private stopObserving = () => {};

  constructor(
    readonly client: EventStoreDBClient,
    readonly pool: Pool,
    readonly projection: Projection,
    readonly log: ProjectionLog,
    private readonly lock: LockOptions = {},
  ) {}

  /** Creates what is missing, so that queries work from the start; then projects while it holds the lock. */
  async start(): Promise<void> {
    const { projection } = this;
    const lock = projectionLock(projection);
    const connection = await this.pool.connect();
    try {
      await prepare(connection, projection, await tryLock(connection, lock));
      await dropLeftovers(connection, projection);
    } finally {
      // Its search_path and its locks are ours: not for the pool.
      connection.release(true);
    }
    this.stopObserving = observeProjection(this.client, this.pool, projection);
    this.running = whileLocked(
      this.pool,
      lock,
      this.stopping.signal,
      this.log,
      (locked, signal) => this.project(locked, signal),
      this.lock,
    );
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    this.stopObserving();
    this.rebuilding?.rebuild.stop();
    await Promise.all([this.running, this.rebuilding?.ended]);
  }

  view(): Promise<ProjectionView> {
    return projectionView(this, this.projection);
  }

  /** Begins to build the read model anew beside the live one, and goes on with it until `stop`. */
  async rebuild(): Promise<RebuildView> {
    const rebuild = await Rebuild.begin(this);
    // Nobody has the lock of another one, so that the one before has ended.
    this.rebuilding = { rebuild, ended: rebuild.run() };
    return (await rebuildView(this.pool, this.projection))!;
  }

  /** Applies what is parked again. */
  replay(): Promise<ReplayedProjection> {
    return replayParked(this);
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
      paceMs: PACE_MS,
      signal,
      log,
      from: async () => (before = await readCheckpoint(connection, projection)),
      handle: async (batch) => {
        await applyBatch({ connection, projection, before, batch, signal, log });
        before = batch.position;
      },
    });
  }
}
