/** `npm run bench`: enqueue, claim and complete at 1 and 10 clients, ours and a peer's, on this machine in one run. */
import { bundleOf, startEventStore, startNats, startPostgres, startProcess } from '@hybrid/servers';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { measure, type Figures } from './latency.js';
import { ownQueue, pgBossQueue, type MeasuredQueue } from './queues.js';

const WARM_UP = 200;
const RUNS = [
  { clients: 1, count: 500 },
  { clients: 10, count: 3000 },
];

const directory = await mkdtemp(join(tmpdir(), 'hybrid-bench-'));
const [nats, postgres, eventStore] = await Promise.all([
  startNats({ dataDir: join(directory, 'nats') }),
  startPostgres({ dataDir: join(directory, 'postgres') }),
  startEventStore({ dataDir: join(directory, 'event-store') }),
]);
const adminFile = join(directory, 'admin-token');
const joinFile = join(directory, 'join-token');
const standalone = await startProcess({
  name: 'standalone',
  command: process.execPath,
  args: [bundleOf('standalone')],
  env: {
    ...process.env,
    NATS_URL: nats.url,
    DATABASE_URL: postgres.url,
    EVENTSTORE_URL: eventStore.url,
    HYBRID_PORT: '0',
    HYBRID_ADMIN_TOKEN_FILE: adminFile,
    HYBRID_JOIN_TOKEN_FILE: joinFile,
    HYBRID_ARTIFACTS: join(directory, 'artifacts'),
  },
});
try {
  const { port } = await standalone.ready;
  console.log(`memory of standalone before: ${await memory(standalone.pid)} MB`);
  const [admin, join] = await Promise.all(
    [adminFile, joinFile].map(async (file) => (await readFile(file, 'utf8')).trim()),
  );
  await report(await ownQueue(`http://127.0.0.1:${String(port)}`, admin!, join!));
  console.log(`memory of standalone after: ${await memory(standalone.pid)} MB\n`);
  await report(await pgBossQueue(postgres.url));
} finally {
  await standalone.stop();
  await Promise.all([eventStore.stop(), postgres.stop(), nats.stop()]);
  await rm(directory, { recursive: true, force: true });
}

async function report(queue: MeasuredQueue): Promise<void> {
  console.log(`\n${queue.name}\n  clients  operation      p50 ms    p95 ms   per second`);
  await round(queue, 10, WARM_UP);
  for (const { clients, count } of RUNS)
    for (const [operation, figures] of Object.entries(await round(queue, clients, count))) {
      const { p50, p95, rate } = figures;
      const cells = [p50.toFixed(2).padStart(9), p95.toFixed(2).padStart(9), rate.toFixed(0).padStart(12)];
      console.log(`  ${String(clients).padStart(7)}  ${operation.padEnd(10)}${cells.join(' ')}`);
    }
  await queue.close();
}

/** So many jobs are enqueued, then all claimed, then all completed. */
async function round(queue: MeasuredQueue, clients: number, count: number): Promise<Record<string, Figures>> {
  const completions: (() => Promise<unknown>)[] = [];
  return {
    enqueue: await measure(clients, count, () => queue.enqueue()),
    claim: await measure(clients, count, async () => completions.push(await queue.claim())),
    complete: await measure(clients, count, (turn) => completions[turn]!()),
  };
}

/** Resident memory in MB. */
async function memory(pid: number): Promise<string> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const kilobytes = /VmRSS:\s+(\d+)/.exec(status)?.[1];
  return kilobytes ? (Number(kilobytes) / 1024).toFixed(0) : 'unknown';
}
