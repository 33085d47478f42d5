import { ProblemError, serviceCall } from '@hybrid/contracts';
import { Connections } from '@hybrid/service';
import { Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { JobIndex } from './job-index.js';
import { Jobs } from './jobs.js';

/** A lost agent's job is back within one lease plus one sweep. */
const SWEEP_MS = 5_000;

/** Sends ExpireLease for every job whose agent was not heard of for a lease. Replicas may do so side by side. */
@Injectable()
export class ExpiredLeases implements OnModuleInit, OnApplicationShutdown {
  private readonly logger = new Logger(ExpiredLeases.name);
  private timer?: NodeJS.Timeout;
  private lastSweep = performance.now();
  private sweeping = false;

  constructor(
    private readonly index: JobIndex,
    private readonly jobs: Jobs,
    private readonly connections: Connections,
  ) {}

  onModuleInit(): void {
    this.timer = setInterval(() => void this.tick(), SWEEP_MS);
    void this.watchConnection();
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  /**
   * Answers how many jobs it took from their agents. Nothing is kept in between: what could not be expired is found again
   * by the next sweep. @throws ProblemError where the event store is away; a failure of one job's is logged.
   */
  async sweep(): Promise<number> {
    let requeued = 0;
    for (const { jobId, attempt } of this.index.leases.expired()) {
      const org = this.index.waiting.get(jobId)?.org;
      if (!org) continue;
      try {
        const { events } = await this.jobs.expire(jobId, attempt, serviceCall('queue', org, randomUUID()));
        if (!events.length) continue;
        requeued++;
        this.logger.warn(`job ${jobId}: attempt ${attempt} lost its agent`);
      } catch (error) {
        // The others would wait as long, and in vain.
        if (error instanceof ProblemError && error.problem.kind === 'unavailable') throw error;
        this.logger.error(`job ${jobId}: the lease of attempt ${attempt} cannot be ended: ${text(error)}`);
      }
    }
    return requeued;
  }

  private async tick(): Promise<void> {
    const now = performance.now();
    // The process stood still, so renewals may wait unread: whoever was not looking has seen nobody miss a lease.
    if (now - this.lastSweep > 2 * SWEEP_MS) this.index.leases.startOver(now);
    this.lastSweep = now;
    if (this.sweeping) return;
    this.sweeping = true;
    try {
      await this.sweep();
    } catch (error) {
      this.logger.warn(`sweep of expired leases: ${text(error)}`);
    } finally {
      this.sweeping = false;
    }
  }

  /** Renewals come over NATS: without it nobody's lease may be judged. */
  private async watchConnection(): Promise<void> {
    for await (const { type } of this.connections.nats.status()) {
      if (type === 'disconnect') clearInterval(this.timer);
      if (type === 'reconnect') {
        this.index.leases.startOver();
        this.lastSweep = performance.now();
        clearInterval(this.timer);
        this.timer = setInterval(() => void this.tick(), SWEEP_MS);
      }
    }
  }
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
