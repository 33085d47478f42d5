/**
 * `npm run bench:store [-- --events N,N,…]`: the event store beside its limits, on this machine in one run: the disk's
 * sync, LMDB alone, and the official client against a server that stores nothing; then how it is with long histories.
 */
import { bundleOf, startEventStore, startProcess } from '@hybrid/servers';
import { mkdtemp, rm } from 'node:fs/promises';
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
    'Append, one event a call\n  in flight  what                              p50 ms    p95 ms   per second',
  );
  row(1, 'disk: append and sync', await measureSync(directory, SYNCS));
  const servers = [await noServer(), await syncServer(join(directory, 'synced')), await ourServer(directory)];
  try {
    for (const inFlight of IN_FLIGHT) {
      const count = inFlight === 1 ? SYNCS : 10_000;
      row(inFlight, 'LMDB alone', await measureLmdb(directory, inFlight, count));
      for (const { name, store } of servers) {
        await store.append(inFlight, count / 10);
        row(inFlight, name, await store.append(inFlight, count));
      }
    }
  } finally {
    for (const { stop } of servers) await stop();
  }
}

async function benchReads(directory: string): Promise<void> {
  console.log(`\nRead ${EVENTS} events\n  what                                          events per second`);
  const [none, ours] = [await noServer(), await ourServer(directory)];
  try {
    await ours.store.fill(EVENTS);
    for (const { name, store } of [none, ours]) {
      line(`read $all, ${name}`, await store.readAll(EVENTS));
      line(`subscribe to $all, ${name}`, await store.subscribe(EVENTS));
    }
    line(`in batches, past the client, ${ours.name}`, await ours.store.bulkRead(EVENTS));
  } finally {
    for (const { stop } of [none, ours]) await stop();
  }
}

/** A server of its own process, with a client of its own. */
interface Measured {
  name: string;
  store: MeasuredStore;
  stop(): Promise<void>;
}

function noServer(): Promise<Measured> {
  return benchServer('client, server stores nothing', []);
}

function syncServer(file: string): Promise<Measured> {
  return benchServer('client, server only syncs', [file]);
}

async function benchServer(name: string, args: string[]): Promise<Measured> {
  const server = await startProcess({
    name,
    command: process.execPath,
    args: [bundleOf('bench'), 'no-op-server', ...args],
  });
  const { port } = await server.ready;
  const store = new MeasuredStore(`esdb://127.0.0.1:${String(port)}?tls=false`);
  return { name, store, stop: async () => void (await Promise.all([store.close(), server.kill()])) };
}

async function ourServer(directory: string): Promise<Measured> {
  const dataDir = await mkdtemp(join(directory, 'store-'));
  const server = await startEventStore({ dataDir });
  const store = new MeasuredStore(server.url);
  const stop = async () => {
    await store.close();
    await server.stop();
    await rm(dataDir, { recursive: true });
  };
  return { name: 'hybrid event store', store, stop };
}

function row(inFlight: number, name: string, { p50, p95, rate }: Figures): void {
  const cells = [p50.toFixed(2).padStart(9), p95.toFixed(2).padStart(9), rate.toFixed(0).padStart(12)];
  console.log(`  ${String(inFlight).padStart(9)}  ${name.padEnd(30)}${cells.join(' ')}`);
}

function line(name: string, rate: number): void {
  console.log(`  ${name.padEnd(50)}${rate.toFixed(0).padStart(12)}`);
}
