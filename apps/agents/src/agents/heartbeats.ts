/** Last signs of life, in `agents.heartbeats`: shared by replicas, not events, gone and back within seconds. */
import type { Heartbeat } from '@hybrid/contracts';
import { Connections } from '@hybrid/service';
import { Injectable } from '@nestjs/common';
import type { HealthStatus } from './agent.events.js';
import type { LastHeartbeat } from './agent.view.js';

/** An agent whose health differs from what its silence says. */
export interface Silence {
  id: string;
  org: string;
  health: HealthStatus;
  seconds: number;
}

/** Seconds of silence: three, six and sixty missed heartbeats. */
const DEGRADED_AFTER = 15;
const OFFLINE_AFTER = 30;
const DEAD_AFTER = 300;

@Injectable()
export class Heartbeats {
  constructor(private readonly connections: Connections) {}

  async prepare(): Promise<void> {
    await this.connections.pool.query(
      `create table if not exists agents.heartbeats
         (id text primary key, org text not null, seen_at timestamptz not null, metrics jsonb not null, running int not null)`,
    );
  }

  async record(agentId: string, org: string, heartbeat: Heartbeat): Promise<void> {
    const { running = [], ...metrics } = heartbeat;
    await this.connections.pool.query(
      `insert into agents.heartbeats (id, org, seen_at, metrics, running) values ($1, $4, now(), $2, $3)
       on conflict (id) do update set seen_at = now(), metrics = excluded.metrics, running = excluded.running`,
      [agentId, JSON.stringify(metrics), running.length, org],
    );
  }

  async last(agentId: string, org: string): Promise<LastHeartbeat | undefined> {
    const { rows } = await this.connections.pool.query<LastHeartbeat>(
      'select seen_at, metrics, running from agents.heartbeats where id = $1 and org = $2',
      [agentId, org],
    );
    return rows[0];
  }

  /** Agents that have become quieter than their status says. One clock for all: PostgreSQL's. */
  async silent(): Promise<Silence[]> {
    const { rows } = await this.connections.pool.query<Silence>(
      `with quiet as (
         select a.id, a.org, a.state->>'health' as known,
                extract(epoch from now() - coalesce(h.seen_at, a.created_at))::int as seconds
         from agents.agents a left join agents.heartbeats h using (id, org)
         where a.deregistered = 'no' and a.state->>'health' <> 'DEAD'),
       judged as (
         select *, case when seconds > $3 then 'DEAD' when seconds > $2 then 'OFFLINE' when seconds > $1 then 'DEGRADED' end
           as health from quiet)
       select id, org, health, seconds from judged
       where health is not null and health <> known and not (known = 'OFFLINE' and health = 'DEGRADED')`,
      [DEGRADED_AFTER, OFFLINE_AFTER, DEAD_AFTER],
    );
    return rows;
  }
}
