import { ProblemError, serviceCall } from '@hybrid/contracts';
import { Connections, PeriodicTask } from '@hybrid/service';
import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { Runs } from './runs.js';

/** Deadlines count in seconds. */
const SWEEP_MS = 1_000;
/** More wait for the next sweep. */
const MAX_DUE = 200;

/**
 * Ends what is not over in time: runs, their cleaning up, gates. When that is stands in the events and from there in the
 * list of runs, so that a restart forgets nothing. PostgreSQL's clock counts, the same for all replicas, which may sweep
 * side by side: a deadline that was passed already changes nothing.
 */
@Injectable()
export class RunDeadlines implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(RunDeadlines.name);
  private readonly sweeps = new PeriodicTask(
    SWEEP_MS,
    () => this.sweep(),
    (reason) => this.logger.warn(`sweep of runs' deadlines: ${reason}`),
  );

  constructor(
    private readonly connections: Connections,
    private readonly runs: Runs,
  ) {}

  onApplicationBootstrap(): void {
    this.sweeps.start();
  }

  onApplicationShutdown(): Promise<void> {
    return this.sweeps.stop();
  }

  private async sweep(): Promise<void> {
    const { rows } = await this.connections.pool.query<{ id: string; org: string; now: Date }>(
      `select id, org, now() from pipelines.runs where due <= now() order by due limit ${MAX_DUE}`,
    );
    for (const { id, org, now } of rows) {
      if (this.connections.stopping.aborted) return;
      try {
        await this.runs.passDeadlines(id, now.toISOString(), serviceCall('pipelines', org, randomUUID()));
      } catch (error) {
        // The others would wait as long, and in vain.
        if (error instanceof ProblemError && error.problem.kind === 'unavailable') throw error;
        this.logger.error(
          `run ${id}: its deadline cannot be passed: ${error instanceof Error ? error.message : String(error)}`,
        );
      }
    }
  }
}
