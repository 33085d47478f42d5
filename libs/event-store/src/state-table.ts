/** The usual read model: one row per thing with its folded state, and columns to filter by. */
import type { Decider, Fact } from '@hybrid/decider';
import type { PoolClient } from 'pg';
import { foldVersion, understood } from './event-types.js';
import { prepared } from './prepared.js';
import type { Projection } from './projection.js';
import type { StoredEvent } from './stored-event.js';

interface StateTable<State, E extends Fact> {
  schema: string;
  /** Name of the table, and of the projection. */
  table: string;
  /** Raised by hand when the fold or the columns change; new types of events raise it by themselves. 1 to 999. */
  version: number;
  category: string;
  decider: Pick<Decider<State, never, E>, 'initial' | 'events' | 'evolve'>;
  /** Column → its SQL type and its value; null where it has none. `id`, `org`, `created_at`, `revision`, `state` are there already. */
  columns: Record<string, { type: string; value: (state: State) => string | number | null }>;
  /** More columns, which the thing's first event fills once and for all. */
  firstColumns?: Record<string, { type: string; value: (first: StoredEvent) => string | number | null }>;
  /** Columns of each index, each perhaps with `desc`. */
  indexes?: string[][];
  /**
   * Columns of few values, never null: `<table>_counts` holds how many rows there are of each combination in each
   * organisation (`org`, these columns, `things`), exact at every moment.
   */
  counts?: string[];
}

interface Row<State> {
  id: string;
  org: string;
  created_at: string;
  revision: string;
  state: State;
}

/** State must be JSON: it goes into a jsonb column and comes back. */
export function stateTable<State, E extends Fact>(definition: StateTable<State, E>): Projection {
  const {
    schema,
    table,
    version,
    category,
    decider,
    columns,
    firstColumns = {},
    indexes = [],
    counts,
  } = definition;
  const extra = Object.entries(columns);
  const first = Object.entries(firstColumns);
  const declared = [...first, ...extra].map(([name, { type }]) => `${name} ${type}`);
  const changing = ['revision', 'state', ...Object.keys(columns)];
  const all = ['id', 'org', 'created_at', ...Object.keys(firstColumns), ...changing];
  const write = `insert into ${table} (${all.join(', ')})
    select ${all.join(', ')} from jsonb_to_recordset($1::jsonb)
      as r(id text, org text, created_at timestamptz, revision bigint, state jsonb${declared.map((d) => `, ${d}`).join('')})
    on conflict (id) do update set ${changing
      .map((name) => `${name} = excluded.${name}`)
      .join(', ')} where ${table}.revision < excluded.revision`;
  const upsert = counts ? counting(table, ['org', ...counts], write) : write;
  const rowsOf = async (connection: PoolClient, ids: string[]): Promise<Row<State>[]> => {
    if (ids.length === 0) return [];
    const { rows } = await connection.query<Row<State>>(
      prepared(`select id, org, created_at, revision, state from ${table} where id = any($1)`, [ids]),
    );
    return rows;
  };
  return {
    schema,
    name: table,
    version: foldVersion(version, decider.events),
    prefixes: [`${category}-`],
    tables: counts ? [table, `${table}_counts`] : [table],
    create: [
      `create table ${table} (id text primary key, org text not null, created_at timestamptz not null,
        revision bigint not null, state jsonb not null${declared.map((d) => `, ${d}`).join('')})`,
      `create index on ${table} (org, created_at desc, id desc)`,
      ...indexes.map((names) => `create index on ${table} (${names.join(', ')})`),
      ...(counts ? [createCounts(table, ['org', ...counts])] : []),
    ].join(';\n'),
    async apply(connection: PoolClient, events: StoredEvent[]): Promise<void> {
      const byId = new Map<string, StoredEvent[]>();
      for (const stored of events) {
        const list = byId.get(stored.thingId);
        if (list) list.push(stored);
        else byId.set(stored.thingId, [stored]);
      }
      // What begins here is folded from its beginning, whether it has a row already or not: no need to look.
      const begun = [...byId].filter(([, list]) => list[0]!.revision > 0n).map(([id]) => id);
      const before = new Map((await rowsOf(connection, begun)).map((row) => [row.id, row]));
      const after = [...byId].flatMap(([id, list]) => {
        const row = before.get(id);
        const fresh = list.filter(({ revision }) => revision > BigInt(row?.revision ?? -1));
        let state = row?.state ?? decider.initial;
        let begin: StoredEvent | undefined;
        for (const stored of fresh) {
          const known = understood(decider.events, stored);
          if (known) state = decider.evolve(state, known.event);
          if (state !== decider.initial) begin ??= stored;
        }
        // Nothing that this version knows happened to it: no row for lists to stumble over.
        const { org, created_at } = row ?? {
          org: begin?.metadata.org,
          created_at: begin?.created.toISOString(),
        };
        if (org === undefined) return [];
        return {
          id,
          org,
          created_at,
          revision: (fresh.at(-1)?.revision ?? BigInt(row?.revision ?? 0)).toString(),
          state,
          // Of a thing that has a row they stay what they are.
          ...(!row && begin && Object.fromEntries(first.map(([name, { value }]) => [name, value(begin)]))),
          ...Object.fromEntries(extra.map(([name, { value }]) => [name, value(state)])),
        };
      });
      await connection.query(prepared(upsert, [jsonForPostgres(after)]));
    },
  };
}

function createCounts(table: string, columns: string[]): string {
  return `create table ${table}_counts (${columns.map((name) => `${name} text`).join(', ')}, things bigint not null,
    primary key (${columns.join(', ')}))`;
}

/** Writes rows and carries the difference over to their counts: all parts of a statement see the rows as they were before. */
function counting(table: string, columns: string[], write: string): string {
  const names = columns.join(', ');
  return `with written as (${write} returning id, ${names}),
    changes as (
      select ${names}, 1 as by from written
      union all
      select ${columns.map((name) => `${table}.${name}`).join(', ')}, -1 from ${table} join written using (id))
    insert into ${table}_counts as counted (${names}, things)
      select ${names}, sum(by) from changes group by ${names} having sum(by) <> 0
    on conflict (${names}) do update set things = counted.things + excluded.things`;
}

/**
 * JSON without what a jsonb column refuses: NUL and halves of surrogate pairs become U+FFFD. Outputs of a step may hold
 * them, and one such event would stop the read model for ever.
 */
function jsonForPostgres(value: unknown): string {
  // JSON.stringify escapes exactly these; a pair of backslashes is consumed as one, so that `\\u0000` stays text.
  return JSON.stringify(value).replace(/\\(?:\\|u0000|ud[89a-f][0-9a-f]{2})/g, (found) =>
    found === '\\\\' ? found : '\ufffd',
  );
}
