import { subscribe, Things, understood, type StoredEvent, type Thing } from '@hybrid/event-store';
import type { PoolPause } from '@hybrid/contracts';
import { Connections } from '@hybrid/service';
import type { Position } from '@eventstore/db-client';
import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { jobPoolEvents } from '../pools/job-pool.events.js';
import { queuePublisher } from '../queue.publisher.js';
import { QueueSettings } from '../queue.settings.js';
import { Schedule } from '../schedule/schedule.js';
import { jobDecider, type JobCommand } from './job.decider.js';
import { jobEvents, type JobEvent } from './job.events.js';
import { jobList } from './job-list.projection.js';
import { readSeed } from './job-seed.js';
import { noJob, type JobState } from './job.state.js';
import { Leases } from './leases.js';

/** A job that waits or runs. */
export interface LiveJob {
  readonly id: string;
  readonly org: string;
  /** Commit position of its JobEnqueued: its place in the line, for ever. */
  readonly arrived: bigint;
  /** Trace context of the event that enqueued it, if this replica saw it. */
  readonly traceparent?: string;
  /** As the log has it. */
  thing: Thing<JobState>;
  /** As this replica wrote it, while the log has not come so far. */
  ahead?: Thing<JobState>;
}

/** One event of a job, applied. */
export interface JobIndexChange {
  stored: StoredEvent<JobEvent>;
  org: string;
  jobId: string;
  /** Null: there was no such job. */
  before: JobState | null;
  after: JobState;
}

/** How long the start waits for the log to be followed: after that it goes on by itself. */
const FIRST_LOOK_MS = 5_000;

/**
 * This replica's view of the live jobs, and the schedule made of them: seeded from the read model, then fed by the log.
 * The seed only spares the reading of the whole log: it is taken as of one position, and only from a read model of this
 * very version.
 */
@Injectable()
export class JobIndex implements OnModuleInit {
  /** Names this replica, and with it the numbers of its schedule's decisions; another at each start. */
  readonly replica = randomUUID();
  readonly schedule: Schedule;
  readonly leases = new Leases();
  private readonly logger = new Logger(JobIndex.name);
  private readonly things: Things<JobState, JobCommand, JobEvent>;
  private readonly live = new Map<string, LiveJob>();
  private readonly pauses = new Map<string, Map<string, PoolPause>>();
  private readonly listeners: ((change: JobIndexChange) => void)[] = [];
  private readonly watchers: ((org: string, pool: string | null) => void)[] = [];
  private position: Position | null = null;
  private applied = -1n;
  private lastEvent = -1n;
  private start: bigint | null = null;
  private follows = false;
  /** Milliseconds since the epoch when performance.now() was 0. */
  private clock = Date.now() - performance.now();
  private hasHeard = false;

  constructor(
    private readonly connections: Connections,
    settings: QueueSettings,
  ) {
    this.things = new Things(connections.eventStore, 'job', jobDecider);
    this.schedule = new Schedule({ ageingSeconds: settings.HYBRID_QUEUE_AGEING_SECONDS });
  }

  /** Commit position up to which every event is applied; -1: none is. */
  get seen(): bigint {
    return this.applied;
  }

  /** Commit position that the seed was taken at: listeners hear of everything behind it. Null: of everything. */
  get startedFrom(): bigint | null {
    return this.start;
  }

  /** What the log says comes at once; false while the event store is away, and while old events are read. */
  get following(): boolean {
    return this.follows;
  }

  /**
   * Milliseconds since the epoch by the event store's clock, as its events tell it, and by this process's monotonic clock
   * between them: no replica's wall clock, however wrong, keeps a job back or gives it out early. Until the first event
   * comes, PostgreSQL's clock has to do.
   */
  now(): number {
    return Math.ceil(performance.now() + this.clock);
  }

  get(id: string): LiveJob | undefined {
    return this.live.get(id);
  }

  all(): Iterable<LiveJob> {
    return this.live.values();
  }

  /** The newest that is known of a live job of the organisation. */
  known(id: string, org: string): Thing<JobState> | undefined {
    const job = this.live.get(id);
    return job?.org === org ? (job.ahead ?? job.thing) : undefined;
  }

  /** What this replica appended, for commands that come before the log tells of it. */
  wrote(id: string, { state, revision }: Thing<JobState>): void {
    const job = this.live.get(id);
    if (job && (revision ?? -1n) > (job.thing.revision ?? -1n)) job.ahead = { state, revision };
  }

  pausesOf(org: string): ReadonlyMap<string, PoolPause> {
    return this.pauses.get(org) ?? new Map<string, PoolPause>();
  }

  /** Called for every event of a job behind the seed, once, in the order of the log. */
  listen(listener: (change: JobIndexChange) => void): void {
    this.listeners.push(listener);
  }

  /** Called when there may be something to claim that was not there before: in the pool, or, null, in any of the organisation's. */
  watch(watcher: (org: string, pool: string | null) => void): void {
    this.watchers.push(watcher);
  }

  async onModuleInit(): Promise<void> {
    await this.connections.project(jobList);
    this.connections.publish(queuePublisher);
    await this.seed();
    await new Promise<void>((ready) => {
      // The log may be long, or the event store away: neither keeps the others from starting.
      const timer = setTimeout(ready, FIRST_LOOK_MS);
      void subscribe({
        client: this.connections.eventStore,
        prefixes: jobList.prefixes,
        signal: this.connections.stopping,
        log: (message) => this.logger.warn(message),
        from: () => this.position,
        handle: (batch) => this.take(batch.events, batch.position),
        following: (now) => {
          this.follows = now;
          clearTimeout(timer);
          ready();
        },
      });
    });
  }

  private async seed(): Promise<void> {
    const { rows } = await this.connections.pool.query<{ now: Date }>('select clock_timestamp() as now');
    this.clock = rows[0]!.now.getTime() - performance.now();
    const seed = await readSeed(this.connections.pool);
    if (!seed) return;
    this.position = seed.position;
    this.applied = this.start = seed.position.commit;
    for (const { id, org, arrived, revision, state, altered } of seed.jobs) {
      const exact = altered ? stateAt(await this.things.history(id), revision) : state;
      this.put({ id, org, arrived, thing: { state: exact, revision } });
    }
    for (const { org, pool, pipelineId, position } of seed.turns)
      this.schedule.served(org, pool, pipelineId, position);
    for (const { org, pool, pause } of seed.pauses) this.pause(org, pool, pause);
  }

  private async take(events: StoredEvent[], position: Position): Promise<void> {
    for (const stored of events) {
      const commit = stored.position!.commit;
      // A batch whose handling failed comes again from its beginning.
      if (commit <= this.lastEvent) continue;
      this.setClock(stored.created);
      if (stored.category === 'jobPool') this.takePause(stored);
      else {
        const understandable = understood(jobEvents, stored);
        let known = this.live.get(stored.thingId);
        if (!known && understandable?.event.type === 'JobRequeued') known = await this.recall(stored);
        this.takeEvent(stored, understandable, known);
      }
      this.lastEvent = commit;
      if (commit > this.applied) this.applied = commit;
    }
    this.position = position;
    if (position.commit > this.applied) this.applied = position.commit;
  }

  /** An event that comes at once says what time it is; an older one, that it is later. */
  private setClock(created: Date): void {
    const told = created.getTime() - performance.now();
    this.clock = this.follows && !this.hasHeard ? told : Math.max(this.clock, told);
    this.hasHeard ||= this.follows;
  }

  private takeEvent(
    stored: StoredEvent,
    understandable: StoredEvent<JobEvent> | null,
    known: LiveJob | undefined,
  ): void {
    const { thingId: id, metadata, revision } = stored;
    if (known && (known.thing.revision ?? -1n) >= revision) return;
    if (!understandable) {
      // Of a newer version, which says that nobody needs to know it here: but the next event stands after it.
      if (known) this.put(Object.assign(known, { thing: { ...known.thing, revision } }));
      return;
    }
    const { event } = understandable;
    if (!known && event.type !== 'JobEnqueued') return;
    const before = known?.thing.state ?? null;
    const thing = { state: jobDecider.evolve(before ?? noJob, event), revision };
    const { org, traceparent } = metadata;
    const arrived = stored.position!.commit;
    const job = known ? Object.assign(known, { thing }) : { id, org, arrived, traceparent, thing };
    if (event.type === 'JobClaimed' && event.data.decision) {
      const { pool, pipeline_id } = event.data.decision;
      this.schedule.served(job.org, pool, pipeline_id, stored.position!.commit);
    }
    this.put(job);
    for (const listener of this.listeners)
      listener({ stored: understandable, org: job.org, jobId: id, before, after: thing.state });
    const { status, job: enqueued } = thing.state;
    if (enqueued?.concurrency) this.changed(job.org, null);
    else if (enqueued && status === 'QUEUED') this.changed(job.org, enqueued.pool);
  }

  /** A job that is back from an end, after which this replica forgot it: as it was before this event. */
  private async recall(stored: StoredEvent): Promise<LiveJob | undefined> {
    const { thingId: id, metadata } = stored;
    const revision = stored.revision - 1n;
    const history = await this.things.history(id);
    const state = stateAt(history, revision);
    if (!state.job) return undefined;
    // Its place in the line, which an event store of before 22.10 does not say of single streams: then it goes to the end.
    const { commit: arrived } = history[0]?.position ?? stored.position!;
    return { id, org: metadata.org, arrived, thing: { state, revision } };
  }

  private takePause(stored: StoredEvent): void {
    const event = understood(jobPoolEvents, stored)?.event;
    if (!event) return;
    const { org } = stored.metadata;
    if (event.type === 'JobPoolResumed') {
      this.pause(org, event.data.pool, null);
      this.changed(org, event.data.pool);
    } else {
      const { pool, reason, by, at } = event.data;
      this.pause(org, pool, { reason, by, at });
    }
  }

  private pause(org: string, pool: string, pause: PoolPause | null): void {
    this.schedule.pause(org, pool, pause);
    let paused = this.pauses.get(org);
    if (!paused) this.pauses.set(org, (paused = new Map<string, PoolPause>()));
    if (pause) paused.set(pool, pause);
    else paused.delete(pool);
  }

  private put(job: LiveJob): void {
    const { state, revision } = job.thing;
    // Enqueued by a newer version, in a way that this one does not know: not this replica's to give away.
    if (!state.job) return;
    if (state.final) this.live.delete(job.id);
    else this.live.set(job.id, job);
    if ((job.ahead?.revision ?? -1n) <= (revision ?? -1n)) job.ahead = undefined;
    this.leases.observe(job.id, state);
    const { id, org, arrived } = job;
    this.schedule.observe({ id, org, arrived, state });
  }

  private changed(org: string, pool: string | null): void {
    for (const watcher of this.watchers) watcher(org, pool);
  }
}

function stateAt(history: StoredEvent<JobEvent>[], revision: bigint): JobState {
  const then = history.filter((stored) => stored.revision <= revision);
  return then.reduce((state, { event }) => jobDecider.evolve(state, event), noJob);
}
