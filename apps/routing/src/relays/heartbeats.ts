/** Last signs of life of relays, in `routing.heartbeats`: shared by replicas, not events, gone and back within seconds. */
import type { RelayHeartbeat } from '@hybrid/contracts';
import { Connections } from '@hybrid/service';
import { Injectable } from '@nestjs/common';
import type { LastHeartbeat } from './relay.view.js';

/** A relay that has not been heard of for some time. */
export interface Silence {
  id: string;
  org: string;
  seconds: number;
}

@Injectable()
export class Heartbeats {
  constructor(private readonly connections: Connections) {}

  async prepare(): Promise<void> {
    // `if not exists` alone does not see what a replica that starts at the same time is about to create.
    await this.connections.pool.query(
      `select pg_advisory_xact_lock(hashtext('routing.heartbeats'));
       create table if not exists routing.heartbeats
         (id text primary key, org text not null, seen_at timestamptz not null, metrics jsonb not null)`,
    );
  }

  /** Relays are few and speak every quarter of a minute: one statement each. */
  async note(relayId: string, org: string, metrics: RelayHeartbeat): Promise<void> {
    await this.connections.pool.query(
      `insert into routing.heartbeats (id, org, seen_at, metrics) values ($1, $2, now(), $3)
       on conflict (id) do update set seen_at = excluded.seen_at, metrics = excluded.metrics`,
      [relayId, org, JSON.stringify(metrics)],
    );
  }

  async last(relayId: string, org: string): Promise<LastHeartbeat | undefined> {
    const { rows } = await this.connections.pool.query<LastHeartbeat>(
      'select seen_at, metrics from routing.heartbeats where id = $1 and org = $2',
      [relayId, org],
    );
    return rows[0];
  }

  /** Relays that are not known as OFFLINE and of which nothing was heard for so long, by PostgreSQL's clock. */
  async silent(forSeconds: number): Promise<Silence[]> {
    const { rows } = await this.connections.pool.query<Silence>(
      `select * from (
         select r.id, r.org,
                extract(epoch from now() - greatest(coalesce(h.seen_at, r.created_at), r.created_at))::float8 as seconds
         from routing.relays r left join routing.heartbeats h using (id, org)
         where r.removed = 'no' and r.status <> 'OFFLINE') quiet
       where seconds >= $1`,
      [forSeconds],
    );
    return rows;
  }
}
