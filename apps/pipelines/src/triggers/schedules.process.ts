import { ProblemError, serviceCall } from '@hybrid/contracts';
import { latestDue, nextDue } from '@hybrid/pipeline';
import { Connections, PeriodicTask } from '@hybrid/service';
import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { Triggers } from './triggers.js';

/** Schedules count in minutes. */
const SWEEP_MS = 1_000;
/** More wait for the next sweep. */
const MAX_DUE = 200;

/**
 * Starts what is due. When that is follows from the events of pipelines and runs by way of `pipelines.triggers`, so that a
 * restart forgets nothing; what was missed while nobody was there runs once, for its latest time. PostgreSQL's clock
 * counts, the same for all replicas, which may sweep side by side: a pipeline and a time make the id of one run.
 */
@Injectable()
export class Schedules implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(Schedules.name);
  private readonly sweeps = new PeriodicTask(
    SWEEP_MS,
    () => this.sweep(),
    (reason) => this.logger.warn(`sweep of schedules: ${reason}`),
  );
  /** Until when what was refused is left alone: told once for each time, and in nobody's way. A restart tells it again. */
  private readonly refused = new Map<string, string>();

  constructor(
    private readonly connections: Connections,
    private readonly triggers: Triggers,
  ) {}

  onApplicationBootstrap(): void {
    this.sweeps.start();
  }

  onApplicationShutdown(): Promise<void> {
    return this.sweeps.stop();
  }

  private async sweep(): Promise<void> {
    const at = new Date().toISOString();
    for (const [id, until] of this.refused) if (until <= at) this.refused.delete(id);
    const { rows } = await this.connections.pool.query<DueRow>(
      `select id, org, pipeline, source as cron, due, now() from pipelines.triggers
        where due <= now() and not id = any($1) order by due limit ${MAX_DUE}`,
      [[...this.refused.keys()]],
    );
    for (const row of rows) {
      if (this.connections.stopping.aborted) return;
      try {
        await this.start(row);
      } catch (error) {
        // The others would wait as long, and in vain.
        if (error instanceof ProblemError && error.problem.kind === 'unavailable') throw error;
        this.logger.error(
          `the schedule ${row.cron} of ${row.pipeline} cannot be started: ${error instanceof Error ? error.message : String(error)}`,
        );
      }
    }
  }

  private async start({ id, org, pipeline, cron, due, now }: DueRow): Promise<void> {
    const at = latestDue(cron, now.toISOString()) ?? due.toISOString();
    const why = await this.triggers.due(pipeline, cron, at, serviceCall('pipelines', org, randomUUID()));
    if (why === null) return;
    this.refused.set(id, nextDue(cron, at) ?? at);
    this.logger.error(`the schedule ${cron} of ${pipeline}, due at ${at}, starts nothing: ${why}`);
  }
}

interface DueRow {
  id: string;
  org: string;
  pipeline: string;
  cron: string;
  due: Date;
  now: Date;
}
