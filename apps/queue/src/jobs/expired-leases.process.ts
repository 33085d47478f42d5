import { ProblemError, serviceCall } from '@hybrid/contracts';
import { Connections } from '@hybrid/service';
import { Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { JobIndex } from './job-index.js';
import { Jobs } from './jobs.js';
import { sideBySide } from './side-by-side.js';

/** A lost agent's job is back within one lease plus one sweep. */
const SWEEP_MS = 1_000;
/** Far above a hiccup of the machine, and below what an agent's renewals leave of a lease. */
const STOOD_STILL_MS = 5_000;

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
    return this.expire(this.index.leases.expired());
  }

  /** The agent will not come back: its jobs need not wait for their leases. Answers and throws as `sweep`. */
  async loseAgent(agentId: string, reason: string, org: string): Promise<number> {
    const held = this.index.leases.heldBy(agentId);
    return this.expire(
      held.filter(({ jobId }) => this.index.get(jobId)?.org === org),
      reason,
    );
  }

  private async expire(attempts: { jobId: string; attempt: number }[], reason?: string): Promise<number> {
    const ended = await sideBySide(attempts, async ({ jobId, attempt }) => {
      const org = this.index.get(jobId)?.org;
      if (!org) return false;
      try {
        const call = serviceCall('queue', org, randomUUID());
        if (!(await this.jobs.expire(jobId, attempt, reason, call))) return false;
        this.logger.warn(`job ${jobId}: attempt ${attempt} lost its agent`);
        return true;
      } catch (error) {
        // The others would wait as long, and in vain.
        if (error instanceof ProblemError && error.problem.kind === 'unavailable') throw error;
        this.logger.error(`job ${jobId}: the lease of attempt ${attempt} cannot be ended: ${text(error)}`);
        return false;
      }
    });
    return ended.filter((one) => one).length;
  }

  private async tick(): Promise<void> {
    const now = performance.now();
    // The process stood still, so renewals may wait unread: whoever was not looking has seen nobody miss a lease.
    if (now - this.lastSweep > STOOD_STILL_MS) this.index.leases.startOver(now);
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
