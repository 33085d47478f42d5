/**
 * Last signs of life, in `agents.heartbeats`: shared by replicas, not events, gone and back within seconds. They are
 * noted in memory and written together, one statement for all agents, so that a heartbeat costs no I/O of its own.
 */
import type { Heartbeat } from '@hybrid/contracts';
import { Connections } from '@hybrid/service';
import { Injectable, Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import type { LastHeartbeat } from './agent.view.js';

interface Noted {
  org: string;
  /** `performance.now()`: an old note is written with its age, as only PostgreSQL's clock counts. */
  at: number;
  metrics: Omit<Heartbeat, 'running'>;
  running: number;
}

/** An agent that has not been heard of for some time. */
export interface Silence {
  id: string;
  org: string;
  seconds: number;
}

/** Lists are behind by so much; short beside the five seconds between heartbeats. */
const WRITE_MS = 500;

@Injectable()
export class Heartbeats implements BeforeApplicationShutdown {
  private readonly logger = new Logger(Heartbeats.name);
  private noted = new Map<string, Noted>();
  private timer?: NodeJS.Timeout;
  private writing: Promise<void> = Promise.resolve();
  private failing = false;
  private closed = false;

  constructor(private readonly connections: Connections) {}

  async prepare(): Promise<void> {
    // `if not exists` alone does not see what a replica that starts at the same time is about to create.
    await this.connections.pool.query(
      `select pg_advisory_xact_lock(hashtext('agents.heartbeats'));
       create table if not exists agents.heartbeats
         (id text primary key, org text not null, seen_at timestamptz not null, metrics jsonb not null, running int not null)`,
    );
  }

  /** Until heartbeats are written again, silence says nothing. */
  get areLost(): boolean {
    return this.failing;
  }

  note(agentId: string, org: string, { running = [], ...metrics }: Heartbeat): void {
    this.noted.set(agentId, { org, at: performance.now(), metrics, running: running.length });
    this.later();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.closed = true;
    await this.write();
  }

  async last(agentId: string, org: string): Promise<LastHeartbeat | undefined> {
    const { rows } = await this.connections.pool.query<LastHeartbeat>(
      'select seen_at, metrics, running from agents.heartbeats where id = $1 and org = $2',
      [agentId, org],
    );
    return rows[0];
  }

  /**
   * Agents of which nothing was heard for so long, by PostgreSQL's clock, but those that are dead or have stopped.
   * @param since seconds since the epoch: nobody is silent for longer than since then. Unless told: since now.
   * @returns with `now`, in seconds since the epoch.
   */
  async silent(since: number | null, forSeconds: number): Promise<{ now: number; silences: Silence[] }> {
    const { rows } = await this.connections.pool.query<{ now: number; silences: Silence[] }>(
      `with quiet as (
         select a.id, a.org, extract(epoch from now() - greatest(coalesce(h.seen_at, a.created_at),
                  coalesce(to_timestamp($1), now())))::float8 as seconds
         from agents.agents a left join agents.heartbeats h using (id, org)
         where a.deregistered = 'no' and a.status <> 'DEAD' and a.state->>'stopped' <> 'true')
       select extract(epoch from now())::float8 as now,
              coalesce((select jsonb_agg(quiet) from quiet where seconds >= $2), '[]') as silences`,
      [since, forSeconds],
    );
    return rows[0]!;
  }

  private later(): void {
    if (!this.closed) this.timer ??= setTimeout(() => void this.write(), WRITE_MS);
  }

  /** One at a time, so that what is older cannot come last. */
  private write(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    return (this.writing = this.writing.then(() => this.writeNoted()));
  }

  private async writeNoted(): Promise<void> {
    const batch = this.noted;
    if (batch.size === 0) return;
    this.noted = new Map();
    try {
      await this.upsert(batch);
      this.failing = false;
    } catch (error) {
      if (!this.failing)
        this.logger.warn(
          `heartbeats are not written: ${error instanceof Error ? error.message : String(error)}; trying again`,
        );
      this.failing = true;
      this.noted = new Map([...batch, ...this.noted]);
      this.later();
    }
  }

  private async upsert(batch: Map<string, Noted>): Promise<void> {
    const now = performance.now();
    const rows = [...batch]
      // In one order at all replicas: they lock each other's rows one after the other.
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([id, { at, ...note }]) => ({ id, age: (now - at) / 1000, ...note }));
    // A row of the future is of a clock that was set back since.
    await this.connections.pool.query(
      `insert into agents.heartbeats as h (id, org, seen_at, metrics, running)
       select id, org, now() - make_interval(secs => age), metrics, running
         from jsonb_to_recordset($1::jsonb) as r(id text, org text, age float8, metrics jsonb, running int)
       on conflict (id) do update set seen_at = excluded.seen_at, metrics = excluded.metrics, running = excluded.running
         where excluded.seen_at > h.seen_at or h.seen_at > now()`,
      [JSON.stringify(rows)],
    );
  }
}
