/** How much lies on each queue, as whoever polls it last saw: in `routing.backlogs`, shared by replicas, no event. */
import { Connections } from '@hybrid/service';
import { Injectable } from '@nestjs/common';
import type { Backlog } from './connection.view.js';

/** What is older says nothing any more: nobody polls. */
const KEEP_SECONDS = 60;

@Injectable()
export class Backlogs {
  constructor(private readonly connections: Connections) {}

  async prepare(): Promise<void> {
    // `if not exists` alone does not see what a replica that starts at the same time is about to create.
    await this.connections.pool.query(
      `select pg_advisory_xact_lock(hashtext('routing.backlogs'));
       create table if not exists routing.backlogs
         (id text primary key, org text not null, seen_at timestamptz not null, messages bigint, oldest_seconds float8)`,
    );
  }

  async note(id: string, org: string, { messages, oldest_seconds }: Backlog): Promise<void> {
    await this.connections.pool.query(
      `insert into routing.backlogs (id, org, seen_at, messages, oldest_seconds) values ($1, $2, now(), $3, $4)
       on conflict (id) do update
         set seen_at = excluded.seen_at, messages = excluded.messages, oldest_seconds = excluded.oldest_seconds`,
      [id, org, messages, oldest_seconds],
    );
  }

  async of(ids: string[]): Promise<Map<string, Backlog>> {
    const { rows } = await this.connections.pool.query<{
      id: string;
      messages: string | null;
      oldest_seconds: number | null;
    }>(
      `select id, messages, oldest_seconds from routing.backlogs
       where id = any($1) and seen_at > now() - make_interval(secs => ${KEEP_SECONDS})`,
      [ids],
    );
    return new Map(
      rows.map(({ id, messages, oldest_seconds }) => [
        id,
        { messages: messages === null ? null : Number(messages), oldest_seconds },
      ]),
    );
  }
}
