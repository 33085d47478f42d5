/** What a long history costs: time to start, memory, and the rate of appends and reads, at growing numbers of events. */
import { bundleOf, startProcess } from '@hybrid/servers';
import { mkdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { MeasuredStore } from './measured-store.js';

const APPENDS = 5_000;
const READS = 100_000;

/** Fills one store further and further; prints a line at each of the `sizes` (events, ascending). */
export async function measureHistories(directory: string, sizes: number[]): Promise<void> {
  if (sizes.length === 0) return;
  await mkdir(directory, { recursive: true });
  console.log(
    '\nLong histories\n      events  filled per second  start ms  private MB  mapped MB  disk MB  appends/s (50)  read $all/s',
  );
  let events = 0;
  for (const size of sizes) {
    const filled = await fill(directory, size - events);
    events = size;
    const begin = performance.now();
    const server = await start(directory);
    const startMs = performance.now() - begin;
    const store = new MeasuredStore(server.url);
    const appends = await store.append(50, APPENDS);
    const read = await store.readAll(Math.min(READS, size));
    const { privateMb, mappedMb } = await memory(server.pid);
    await store.close();
    await server.stop();
    const disk = (await stat(join(directory, 'data.mdb'))).size / 1e6;
    const cells = [
      [size, 12],
      [filled, 19],
      [startMs, 10],
      [privateMb, 12],
      [mappedMb, 11],
      [disk, 9],
      [appends.rate, 16],
      [read, 13],
    ] as const;
    console.log(cells.map(([value, width]) => value.toFixed(0).padStart(width)).join(''));
  }
  await rm(directory, { recursive: true });
}

async function fill(directory: string, events: number): Promise<number> {
  const server = await start(directory);
  const store = new MeasuredStore(server.url);
  const rate = await store.fill(events, (done) => process.stderr.write(`\r  ${done} of ${events} events `));
  process.stderr.write('\r');
  await store.close();
  await server.stop();
  return rate;
}

async function start(directory: string) {
  const server = await startProcess({
    name: 'event-store',
    command: process.execPath,
    args: [bundleOf('event-store')],
    env: { ...process.env, EVENT_STORE_DATA: directory, EVENT_STORE_PORT: '0' },
  });
  const { port } = await server.ready;
  return Object.assign(server, { url: `esdb://127.0.0.1:${String(port)}?tls=false` });
}

/** Memory of the process itself, and what of the data file the kernel has mapped for it, which it may take back. */
async function memory(pid: number): Promise<{ privateMb: number; mappedMb: number }> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const of = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? NaN) / 1024;
  return { privateMb: of('RssAnon'), mappedMb: of('RssFile') };
}
