/**
 * States of long things in a table of the service's schema, so that a process that has just started need not read their
 * whole streams. Disposable: drop the table whenever you like. A snapshot is used only by the version that made it, and
 * only where its stream still says the same.
 */
import type { EventTypes, Fact } from '@hybrid/decider';
import type { Pool } from 'pg';
import { deserialize, serialize } from 'node:v8';
import { foldVersion } from './event-types.js';
import type { Folded } from './thing-reader.js';

export class Snapshots {
  private readonly version: number;
  private prepared: Promise<unknown> | undefined;

  /**
   * @param version raised by hand when the fold or the state changes; new types of events raise it by themselves. 1 to 999.
   * @param events of the noun whose things are kept.
   */
  constructor(
    private readonly pool: Pool,
    private readonly schema: string,
    version: number,
    events: EventTypes<Fact>,
  ) {
    this.version = foldVersion(version, events);
  }

  /** Null where there is none, or none that can be read: the stream has it all. */
  async find<State>(category: string, id: string): Promise<Folded<State> | null> {
    try {
      const { rows } = await this.pool.query<{ folded: Buffer }>(
        `select folded from ${this.schema}.snapshots where category = $1 and id = $2 and version = $3`,
        [category, id, this.version],
      );
      // Not JSON: states hold maps, and texts that JSON in PostgreSQL refuses.
      return rows[0] ? (deserialize(rows[0].folded) as Folded<State>) : null;
    } catch {
      return null;
    }
  }

  /** Never fails: whoever called has its answer already. */
  async keep<State>(category: string, id: string, folded: Folded<State>): Promise<void> {
    try {
      await (this.prepared ??= this.prepare());
      await this.pool.query(
        `insert into ${this.schema}.snapshots (category, id, version, folded) values ($1, $2, $3, $4)
         on conflict (category, id) do update set version = excluded.version, folded = excluded.folded`,
        [category, id, this.version, serialize(folded)],
      );
    } catch {
      this.prepared = undefined;
    }
  }

  private async prepare(): Promise<void> {
    await this.pool.query(`create schema if not exists ${this.schema}`);
    await this.pool.query(
      `create table if not exists ${this.schema}.snapshots
        (category text, id text, version int not null, folded bytea not null, primary key (category, id))`,
    );
  }
}
