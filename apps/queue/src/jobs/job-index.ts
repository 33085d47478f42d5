import { subscribe, Things, type StoredEvent } from '@hybrid/event-store';
import { Connections } from '@hybrid/service';
import type { Position } from '@eventstore/db-client';
import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { jobDecider, type JobCommand } from './job.decider.js';
import type { JobEvent } from './job.events.js';
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
}

/** Keeps this replica's view of the live jobs: seeded from the read model, then fed by the log. */
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
        for (const stored of events) await this.take(stored as StoredEvent<JobEvent>);
        this.position = position;
      },
    });
  }

  /** Live jobs and checkpoint as of one moment, so that start does not read the whole history. */
  private async seed(): Promise<void> {
    const connection = await this.connections.pool.connect();
    try {
      await connection.query('begin isolation level repeatable read read only');
      const { rows: checkpoints } = await connection.query<{
        commit_position: string | null;
        prepare_position: string | null;
      }>(`select commit_position, prepare_position from queue.projections where name = 'jobs'`);
      const { rows } = await connection.query<SeedRow>(
        `select id, org, revision, state from queue.jobs where status in ('QUEUED', 'CLAIMED', 'RUNNING') order by created_at`,
      );
      await connection.query('commit');
      const { commit_position: commit, prepare_position: prepare } = checkpoints[0] ?? {};
      if (!commit || !prepare) return;
      this.position = { commit: BigInt(commit), prepare: BigInt(prepare) };
      for (const { id, org, revision, state } of rows)
        this.put({ id, org, thing: { state, revision: BigInt(revision) } });
    } finally {
      connection.release();
    }
  }

  private async take({ thingId: id, metadata, event, revision }: StoredEvent<JobEvent>): Promise<void> {
    const { org } = metadata;
    const known = this.waiting.get(id);
    if (known && (known.thing.revision ?? -1n) >= revision) return;
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
    this.waiting.put(job, new Date().toISOString());
    this.leases.observe(job.id, job.thing.state);
  }
}
