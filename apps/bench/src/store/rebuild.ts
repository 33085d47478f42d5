/** How fast a read model is built anew from the log: the table of a noun with four events a thing. */
import { connectEventStore, connectPostgres, Projector, stateTable } from '@hybrid/event-store';
import { startEventStore, startPostgres } from '@hybrid/servers';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { MeasuredStore, seconds } from './measured-store.js';

interface Counted {
  events: number;
  last: unknown;
}

/** Prints events a second from an empty table to the end of the log. */
export async function measureRebuild(directory: string, events: number): Promise<void> {
  await mkdir(directory, { recursive: true });
  const [postgres, server] = await Promise.all([
    startPostgres({ dataDir: join(directory, 'postgres') }),
    startEventStore({ dataDir: join(directory, 'store') }),
  ]);
  const store = new MeasuredStore(server.url);
  const pool = connectPostgres(postgres.url, 'bench');
  try {
    await store.fill(events);
    const projection = stateTable<Counted, { type: string; data: object }>({
      schema: 'bench',
      table: 'jobs',
      version: 1,
      category: 'job',
      decider: {
        initial: { events: 0, last: null },
        events: { today: { JobEnqueued: true } },
        evolve: ({ events }, { data }) => ({ events: events + 1, last: data }),
      },
      columns: { events: { type: 'int', value: (state) => state.events } },
    });
    const projector = new Projector(connectEventStore(server.url), pool, projection, console.error);
    await projector.start();
    const live = performance.now();
    await until(async () => (await projector.view()).lag_events === 0);
    console.log(
      `\nRead model: ${(events / seconds(live)).toFixed(0)} events per second as it follows the log`,
    );
    const begin = performance.now();
    await projector.rebuild();
    await until(async () => (await projector.view()).rebuild?.status !== 'RUNNING');
    const { rebuild } = await projector.view();
    if (rebuild?.status !== 'DONE') throw new Error(`The rebuild failed: ${rebuild?.error}`);
    console.log(`Read model: ${(events / seconds(begin)).toFixed(0)} events per second as it is rebuilt`);
    await projector.stop();
  } finally {
    await store.close();
    await pool.end();
    // One after the other: connections need a moment to end, and PostgreSQL would complain.
    await server.stop();
    await postgres.stop();
  }
}

async function until(reached: () => Promise<boolean>): Promise<void> {
  while (!(await reached())) await new Promise((wake) => setTimeout(wake, 20));
}
