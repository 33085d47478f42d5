import {
  PRIORITIES,
  type CallContext,
  type QueuePart,
  type QueueStats,
  type ReadStats,
} from '@hybrid/contracts';
import { Connections } from '@hybrid/service';
import { meter } from '@hybrid/telemetry';
import type { BatchObservableResult } from '@opentelemetry/api';
import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { setTimeout as pause } from 'node:timers/promises';
import { jobList } from '../jobs/job-list.projection.js';
import { JobIndex, type JobIndexChange } from '../jobs/job-index.js';
import { caughtUp } from './caught-up.js';
import { Figures } from './figures.js';
import { seedFigures } from './figures.seed.js';

/** Between two tries to take the seed. */
const SEED_AGAIN_MS = 500;

// Whoever may read metrics need not be signed in, so they name no pool (ADR 6): those are in the API.
const waiting = meter.createObservableGauge('hybrid_queue_waiting_jobs', {
  description: 'Jobs that could be claimed now. Every replica reports the same: take one of them, or the max',
});
const running = meter.createObservableGauge('hybrid_queue_running_jobs', {
  description: 'Jobs that an agent has. Every replica reports the same: take one of them, or the max',
});

/**
 * This replica's figures in memory: seeded from the read model, which the start does not wait for, then fed by the index.
 * Exact in counts, as the seed is of one position and what the index tells of is taken over from there.
 */
@Injectable()
export class LiveFigures implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(LiveFigures.name);
  private figures = new Figures();
  /** What the index told of before the seed was there; null: it is there. */
  private early: JobIndexChange[] | null = [];
  /** Commit position that the seed is of; what is not behind it is in it. */
  private seeded = -1n;

  constructor(
    private readonly index: JobIndex,
    private readonly connections: Connections,
  ) {
    index.listen((change) => {
      if (this.early) this.early.push(change);
      else this.take(change);
    });
  }

  onApplicationBootstrap(): void {
    meter.addBatchObservableCallback(this.observe, [waiting, running]);
    void this.begin();
  }

  onApplicationShutdown(): void {
    meter.removeBatchObservableCallback(this.observe, [waiting, running]);
  }

  /** @throws as `reach`. */
  async stats({ window }: ReadStats, call: CallContext): Promise<QueueStats> {
    await this.reach(call);
    return this.figures.read(call.org, Date.now(), window);
  }

  /**
   * Waits until what is answered from here is as new as the call wants it, and for the seed.
   * @throws ProblemError `read_model_behind` when that takes too long.
   */
  reach({ atLeast = -1n }: CallContext): Promise<void> {
    const seen = () => (this.early ? null : this.index.seen);
    return caughtUp(this.connections.eventStore, { seen, prefixes: jobList.prefixes }, atLeast);
  }

  /** Names of the pools that have a live job or had one within a day. */
  poolsOf(org: string): string[] {
    return this.figures.poolsOf(org, Date.now());
  }

  pool(org: string, pool: string): QueuePart & { oldest_wait_seconds: number | null } {
    return this.figures.readPool(org, pool, Date.now());
  }

  /** Until the seed is there, or nobody needs it any more. */
  private async begin(): Promise<void> {
    const { stopping } = this.connections;
    while (this.early && !stopping.aborted) {
      try {
        if (await this.seed()) return;
      } catch (error) {
        const text = error instanceof Error ? error.message : String(error);
        if (!stopping.aborted) this.logger.warn(`figures cannot be read from the read model yet: ${text}`);
      }
      await pause(SEED_AGAIN_MS, undefined, { signal: stopping }).catch(() => undefined);
    }
  }

  /** False: the read model is older than what the index began with, as it is being made anew. */
  private async seed(): Promise<boolean> {
    const figures = new Figures();
    const connection = await this.connections.pool.connect();
    let position: bigint;
    try {
      position = (await seedFigures(figures, connection, Date.now())) ?? -1n;
    } finally {
      connection.release();
    }
    if (position < (this.index.startedFrom ?? -1n)) return false;
    this.figures = figures;
    this.seeded = position;
    const early = this.early ?? [];
    this.early = null;
    for (const change of early) this.take(change);
    return true;
  }

  private take({ stored, org, before, after }: JobIndexChange): void {
    if ((stored.position?.commit ?? -1n) <= this.seeded) return;
    // An event from the future would move the windows there.
    const at = Math.min(stored.created.getTime(), Date.now());
    this.figures.apply({ org, event: stored.event, before, after, at });
  }

  private readonly observe = (result: BatchObservableResult): void => {
    const counts = this.figures.waitingAndRunning(Date.now());
    for (const priority of PRIORITIES) {
      result.observe(waiting, counts[priority].waiting, { priority });
      result.observe(running, counts[priority].running, { priority });
    }
  };
}
