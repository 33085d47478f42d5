/** When each key was used last, to the minute, in `identity.key_uses`: told by gateways; no event, and gone at no harm. */
import { Connections } from '@hybrid/service';
import { Injectable } from '@nestjs/common';

export interface KeyUse {
  key_id: string;
  org: string;
  at: string;
}

@Injectable()
export class KeyUses {
  constructor(private readonly connections: Connections) {}

  async prepare(): Promise<void> {
    // `if not exists` alone does not see what a replica that starts at the same time is about to create.
    await this.connections.pool.query(
      `select pg_advisory_xact_lock(hashtext('identity.key_uses'));
       create table if not exists identity.key_uses (id text primary key, org text not null, used_at timestamptz not null)`,
    );
  }

  /** In any order: the latest one stays. */
  async record(uses: KeyUse[]): Promise<void> {
    await this.connections.pool.query(
      `insert into identity.key_uses as u (id, org, used_at)
       select key_id, max(org), date_trunc('minute', max(at))
         from jsonb_to_recordset($1::jsonb) as r(key_id text, org text, at timestamptz)
         -- In one order at all replicas: they lock each other's rows one after the other.
         group by key_id order by key_id
       on conflict (id) do update set used_at = excluded.used_at where excluded.used_at > u.used_at`,
      [JSON.stringify(uses)],
    );
  }

  async last(keyId: string, org: string): Promise<Date | null> {
    const { rows } = await this.connections.pool.query<{ used_at: Date }>(
      'select used_at from identity.key_uses where id = $1 and org = $2',
      [keyId, org],
    );
    return rows[0]?.used_at ?? null;
  }
}
