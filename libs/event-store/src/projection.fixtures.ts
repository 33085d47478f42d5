/** Read models of counters for the specs of this library: each in a schema, and a category of streams, of its own. */
import { jsonEvent } from '@eventstore/db-client';
import { randomUUID } from 'node:crypto';
import { counterDecider, type CounterEvent, type CounterState } from './counter.fixtures.js';
import { callBy, type Platform } from './platform.fixtures.js';
import type { Projection } from './projection.js';
import { Projector } from './projector.js';
import { stateTable } from './state-table.js';
import { metadataOf } from './stored-event.js';

export interface Said {
  message: string;
  severity: 'warning' | 'error';
}

export interface ReadModels {
  schema: string;
  counters: Projection;
  said: Said[];
  /** Starts one replica that keeps the read model. */
  keep(projection?: Projection): Promise<Projector>;
  /** Appends to counters, in one write per counter; in the order given. */
  add(events: { id: string; by: number; note?: string }[]): Promise<void>;
  query<Row extends Record<string, unknown>>(sql: string): Promise<Row[]>;
  sums(): Promise<Record<string, number>>;
  /** Every column of every row, in the order of ids. */
  everything(): Promise<Record<string, unknown>[]>;
  stop(): Promise<void>;
}

/** @param fold called before each event is folded; what it throws, the fold throws. */
export function readModels(platform: Platform, fold: (event: CounterEvent) => void = () => {}): ReadModels {
  const schema = `s${randomUUID().slice(0, 8)}`;
  const { eventStore, pool } = platform.connections;
  const said: Said[] = [];
  const kept: Projector[] = [];
  const counters = countersOf(schema, (state, event) => {
    fold(event);
    return counterDecider.evolve(state, event);
  });
  const query: ReadModels['query'] = async <Row extends Record<string, unknown>>(sql: string) =>
    (await pool.query<Row>(sql)).rows;
  return {
    schema,
    counters,
    said,
    query,
    async keep(projection = counters) {
      const projector = new Projector(eventStore, pool, projection, (message, severity = 'warning') =>
        said.push({ message, severity }),
      );
      kept.push(projector);
      await projector.start();
      return projector;
    },
    async add(events) {
      const metadata = metadataOf(callBy('someone'), undefined);
      const streams = new Map<string, { by: number; note: string }[]>();
      for (const { id, by, note = '' } of events) {
        const list = streams.get(id);
        if (list) list.push({ by, note });
        else streams.set(id, [{ by, note }]);
      }
      await Promise.all(
        [...streams].map(([id, added]) =>
          eventStore.appendToStream(
            `${schema}-${id}`,
            added.map((data) => jsonEvent({ type: 'Added', data, metadata } as never)),
          ),
        ),
      );
    },
    async sums() {
      const rows = await query<{ id: string; sum: number }>(`select id, sum from ${schema}.counters`);
      return Object.fromEntries(rows.map(({ id, sum }) => [id, sum]));
    },
    everything: () => query(`select * from ${schema}.counters order by id`),
    async stop() {
      for (const projector of kept) await projector.stop();
    },
  };
}

/** The schema is the category, too. */
export function countersOf(
  schema: string,
  evolve: (state: CounterState, event: CounterEvent) => CounterState = counterDecider.evolve,
): Projection {
  return stateTable({
    schema,
    table: 'counters',
    version: 1,
    category: schema,
    decider: { ...counterDecider, evolve },
    columns: { sum: { type: 'int', value: ({ sum }) => sum } },
    indexes: [['sum']],
  });
}

/** Adds up: an event that came twice, or never, shows. */
export function tallyOf(schema: string): Projection {
  return {
    schema,
    name: 'tally',
    version: 1,
    prefixes: [`${schema}-`],
    tables: ['tallies'],
    create: 'create table tallies (total int not null); insert into tallies values (0)',
    async apply(connection, events) {
      await connection.query('update tallies set total = total + $1', [events.length]);
    },
  };
}
