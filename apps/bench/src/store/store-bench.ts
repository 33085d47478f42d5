/**
 * `npm run bench:store [-- --events N,N,…]`: the event store beside its limits, on this machine in one run: the disk's
 * sync, LMDB alone, and the official client against a server that stores nothing; then how it is with long histories.
 */
import { bundleOf, startEventStore, startProcess } from '@hybrid/servers';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Figures } from '../latency.js';
import { measureLmdb, measureSync } from './limits.js';
import { MeasuredStore } from './measured-store.js';
import { measureRebuild } from './rebuild.js';
import { measureHistories } from './histories.js';

const IN_FLIGHT = [1, 10, 50, 200];
const SYNCS = 2_000;
const EVENTS = 100_000;
const HISTORIES = '10000,1000000,10000000';

export async function benchStore(args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: { events: { type: 'string', default: HISTORIES } } });
  const histories = values.events.split(',').map(Number);
  if (!histories.every((events) => Number.isInteger(events) && events >= 0))
    throw new Error(`--events ${values.events}: numbers of events, with commas between; 0 for none`);
  const directory = await mkdtemp(join(tmpdir(), 'hybrid-bench-store-'));
  try {
    await benchAppends(directory);
    await benchReads(directory);
    await measureRebuild(join(directory, 'rebuild'), EVENTS);
    await measureHistories(join(directory, 'histories'), histories.filter(Boolean));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function benchAppends(directory: string): Promise<void> {
  console.log(
    'Append, one event a call\n  in flight  what                        p50 ms    p95 ms   per second',
  );
  row(1, 'disk: append and sync', await measureSync(directory, SYNCS));
  await withStores(directory, async (stores) => {
    for (const inFlight of IN_FLIGHT) {
      const count = inFlight === 1 ? SYNCS : 10_000;
      row(inFlight, 'LMDB alone', await measureLmdb(directory, inFlight, count));
      for (const { name, store } of stores) {
        await store.append(inFlight, count / 10);
        row(inFlight, name, await store.append(inFlight, count));
      }
    }
  });
}

async function benchReads(directory: string): Promise<void> {
  console.log(`\nRead ${EVENTS} events\n  what                                          events per second`);
  await withStores(directory, async (stores) => {
    for (const { name, store } of stores) {
      if (name === OURS) await store.fill(EVENTS);
      line(`read $all, ${name}`, await store.readAll(EVENTS));
      line(`subscribe to $all, ${name}`, await store.subscribe(EVENTS));
      if (name === OURS) line(`in batches, past the client, ${name}`, await store.bulkRead(EVENTS));
    }
  });
}

const OURS = 'hybrid event store';

/** Our store and the one that stores nothing, each its own process, each with its own client. */
async function withStores(
  directory: string,
  work: (stores: { name: string; store: MeasuredStore }[]) => Promise<void>,
): Promise<void> {
  const dataDir = join(directory, 'store');
  await mkdir(dataDir, { recursive: true });
  const ours = await startEventStore({ dataDir });
  const none = await startProcess({
    name: 'no-op server',
    command: process.execPath,
    args: [bundleOf('bench'), 'no-op-server'],
  });
  const { port } = await none.ready;
  const stores = [
    {
      name: 'client, server stores nothing',
      store: new MeasuredStore(`esdb://127.0.0.1:${String(port)}?tls=false`),
    },
    { name: OURS, store: new MeasuredStore(ours.url) },
  ];
  try {
    await work(stores);
  } finally {
    await Promise.all(stores.map(({ store }) => store.close()));
    await none.kill();
    await ours.stop();
    await rm(dataDir, { recursive: true });
  }
}

function row(inFlight: number, name: string, { p50, p95, rate }: Figures): void {
  const cells = [p50.toFixed(2).padStart(9), p95.toFixed(2).padStart(9), rate.toFixed(0).padStart(12)];
  console.log(`  ${String(inFlight).padStart(9)}  ${name.padEnd(30)}${cells.join(' ')}`);
}

function line(name: string, rate: number): void {
  console.log(`  ${name.padEnd(50)}${rate.toFixed(0).padStart(12)}`);
}
