import { subscribe, Things, understood, type StoredEvent } from '@hybrid/event-store';
import { Connections } from '@hybrid/service';
import type { Position } from '@eventstore/db-client';
import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { jobDecider, type JobCommand } from './job.decider.js';
import { jobEvents, type JobEvent } from './job.events.js';
import { jobList } from './job-list.projection.js';
import { Leases } from './leases.js';
import { jobPublisher } from './job.publisher.js';
import { noJob, type JobState } from './job.state.js';
import { WaitingJobs, type WaitingJob } from './waiting-jobs.js';

interface SeedRow {
  id: string;
  org: string;
  revision: string;
  state: JobState;
  /** PostgreSQL does not hold all texts as they were. */
  altered: boolean;
}

/**
 * Keeps this replica's view of the live jobs: seeded from the read model, then fed by the log. The seed only spares the
 * reading of the whole log: it is taken as of one position, and only from a read model of this very version.
 */
@Injectable()
export class JobIndex implements OnModuleInit {
  readonly waiting = new WaitingJobs();
  readonly leases = new Leases();
  private readonly logger = new Logger(JobIndex.name);
  private readonly things: Things<JobState, JobCommand, JobEvent>;
  private position: Position | null = null;

  constructor(private readonly connections: Connections) {
    this.things = new Things(connections.eventStore, 'job', jobDecider);
    connections.stopping.addEventListener('abort', () => this.waiting.wakeAll());
  }

  async onModuleInit(): Promise<void> {
    await this.connections.project(jobList);
    this.connections.publish(jobPublisher);
    await this.seed();
    void subscribe({
      client: this.connections.eventStore,
      prefixes: ['job-'],
      signal: this.connections.stopping,
      log: (message) => this.logger.warn(message),
      from: () => this.position,
      handle: async ({ events, position }) => {
        for (const stored of events) await this.take(stored);
        this.position = position;
      },
    });
  }

  /** Live jobs and checkpoint as of one moment, so that start does not read the whole history. */
  private async seed(): Promise<void> {
    const connection = await this.connections.pool.connect();
    try {
      await connection.query('begin isolation level repeatable read read only');
      // Before the first look: a table that another replica puts in its place meanwhile would be empty to this one.
      await connection.query('lock table queue.projections, queue.jobs in access share mode');
      const { rows: checkpoints } = await connection.query<{
        commit_position: string | null;
        prepare_position: string | null;
      }>(
        `select commit_position, prepare_position from queue.projections where name = 'jobs' and version = $1`,
        [jobList.version],
      );
      const { rows } = await connection.query<SeedRow>(
        `select id, org, revision, state, strpos(state::text, U&'\\FFFD') > 0 as altered from queue.jobs
         where status in ('QUEUED', 'CLAIMED', 'RUNNING') order by created_at, id`,
      );
      await connection.query('commit');
      const { commit_position: commit, prepare_position: prepare } = checkpoints[0] ?? {};
      if (!commit || !prepare) return;
      this.position = { commit: BigInt(commit), prepare: BigInt(prepare) };
      for (const { id, org, revision, state, altered } of rows) {
        const thing = altered ? await this.things.load(id, org) : { state, revision: BigInt(revision) };
        this.put({ id, org, thing });
      }
    } finally {
      connection.release();
    }
  }

  private async take(stored: StoredEvent): Promise<void> {
    const { thingId: id, metadata, revision } = stored;
    const { org } = metadata;
    const known = this.waiting.get(id);
    if (known && (known.thing.revision ?? -1n) >= revision) return;
    const event = understood(jobEvents, stored)?.event;
    if (!event) {
      // Of a newer version: nothing is known of it but that the next event stands after it.
      if (known)
        this.waiting.put({ ...known, thing: { ...known.thing, revision } }, new Date().toISOString());
      return;
    }
    if (event.type === 'JobEnqueued')
      this.put({
        id,
        org,
        traceparent: metadata.traceparent,
        thing: { state: jobDecider.evolve(noJob, event), revision },
      });
    else if (known)
      this.put({ ...known, thing: { state: jobDecider.evolve(known.thing.state, event), revision } });
    // Back from an end that this replica has forgotten.
    else if (event.type === 'JobRequeued') this.put({ id, org, thing: await this.things.load(id, org) });
  }

  private put(job: WaitingJob): void {
    // Enqueued by a newer version, in a way that this one does not know: not this replica's to give away.
    if (!job.thing.state.job) return;
    this.waiting.put(job, new Date().toISOString());
    this.leases.observe(job.id, job.thing.state);
  }
}
