/**
 * `npm run bench:queue [-- options]`: the queue beside its peers, on this machine in one run, through HTTP, with every
 * server syncing what it answers. What is measured and how to read it: docs/benchmarks.md.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { openBench, type Bench } from './bench.js';
import { Cleanup } from './cleanup.js';
import { measureCall, measureHistories, type HistoryFigures } from './long-history.js';
import { isInMemory, machine } from './machine.js';
import { startOwnSystem, type OwnSystem } from './own-system.js';
import { startPeers } from './peers/peers.js';
import type { Cell } from './plan.js';
import { measureConflicts, measurePushes, type Conflicts, type Push } from './replicas.js';
import { report } from './report.js';
import { measureThroughput, type MeasuredSystem, type Throughput } from './throughput.js';

const PARTS = ['throughput', 'replicas', 'history'];

const USAGE = `npm run bench:queue [-- options]
  --parts throughput,replicas,history   what to measure; all unless told
  --history 1000,100000   ended jobs to measure with; 1000000 takes some minutes and about 6 GB more
  --seconds 2             how long a measurement lasts at least
  --jobs 3000             that wait at most at 50 clients, in proportion at fewer; a claim of some costs more with more
  --directory DIR         on the disk to measure; the temporary directory unless told
  --json FILE             write the figures there too
`;

/** Everything that was measured; what a part that was left out would have given is empty. */
export interface Results {
  at: string;
  machine: ReturnType<typeof machine>;
  throughput: Throughput[];
  conflicts: Conflicts[];
  push: Push[];
  heartbeat: Cell | null;
  history: HistoryFigures[];
}

export async function benchQueue(args: string[]): Promise<void> {
  const options = readOptions(args);
  if (!options) {
    process.stderr.write(USAGE);
    process.exitCode = 2;
    return;
  }
  const directory = await mkdtemp(join(options.directory, 'hybrid-bench-'));
  const cleanup = new Cleanup();
  cleanup.add(() => rm(directory, { recursive: true, force: true }));
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      process.stderr.write('stopping\n');
      void cleanup.run().finally(() => process.exit(130));
    });
  try {
    const bench = await openBench({ ...options, directory }, cleanup);
    if (await isInMemory(directory))
      bench.say(
        `WARNING: ${directory} is in memory, where a sync costs nothing: name a disk with --directory`,
      );
    const results = newResults();
    try {
      await measureParts(bench, options, results);
    } finally {
      // Also when something failed on the way: minutes of measurements are worth showing.
      console.log(report(results));
      if (options.json) await writeFile(options.json, `${JSON.stringify(results, null, 2)}\n`);
    }
  } finally {
    await cleanup.run();
  }
}

interface Options {
  parts: string[];
  history: number[];
  seconds: number;
  jobs: number;
  directory: string;
  json: string | undefined;
}

/** Null: they are not to be understood. */
function readOptions(args: string[]): Options | null {
  const text = (value: string) => ({ type: 'string', default: value }) as const;
  try {
    const { values } = parseArgs({
      args,
      options: {
        parts: text(PARTS.join(',')),
        history: text('1000,100000'),
        seconds: text('2'),
        jobs: text('3000'),
        directory: text(tmpdir()),
        json: { type: 'string' },
      },
    });
    const parts = values.parts.split(',');
    const history = values.history.split(',').map(Number);
    const [seconds, jobs] = [Number(values.seconds), Number(values.jobs)];
    const ascends = history.every(
      (size, index) => Number.isInteger(size) && size > (history[index - 1] ?? 0),
    );
    if (!parts.every((part) => PARTS.includes(part)) || !ascends || !(seconds > 0) || !(jobs >= 50))
      return null;
    return { parts, history, seconds, jobs, directory: resolve(values.directory), json: values.json };
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    return null;
  }
}

function newResults(): Results {
  const at = new Date().toISOString();
  return { at, machine: machine(), throughput: [], conflicts: [], push: [], heartbeat: null, history: [] };
}

async function measureParts(bench: Bench, { parts, history }: Options, results: Results): Promise<void> {
  if (parts.includes('throughput')) await measureSystems(bench, results);
  if (parts.includes('replicas')) await measureReplicas(bench, results);
  if (parts.includes('history')) await measureHistories(bench, history, results.history);
}

/** All run at the same time, and are measured in turn: an idle one takes about nothing. */
async function measureSystems(bench: Bench, results: Results): Promise<void> {
  const part = new Cleanup();
  bench.cleanup.add(() => part.run());
  const start = (name: string, options?: { standalone: boolean }) =>
    startOwnSystem(join(bench.directory, name), part, options);
  try {
    bench.say('starting ours, three times, and the peers');
    const [one, three] = [await start('one'), await start('three')];
    await three.scaleQueue(3);
    const standalone = await start('standalone', { standalone: true });
    const peers = await startPeers(bench.directory, part, bench.say);
    results.throughput = await measureThroughput(bench, [
      ourSystem('hybrid ×1', one),
      ourSystem('hybrid ×3', three),
      ourSystem('standalone', standalone),
      ...peers.map(({ name, target, pids }) => ({
        name,
        target: async () => target,
        pids: () => pids,
        starts: false,
      })),
    ]);
    results.heartbeat = await measureCall(bench, one, 'heartbeat', 1);
  } finally {
    await part.run();
  }
}

async function measureReplicas(bench: Bench, results: Results): Promise<void> {
  const own = await startOwnSystem(join(bench.directory, 'replicas'), bench.cleanup);
  try {
    for (const count of [1, 3, 5]) {
      await own.scaleQueue(count);
      results.conflicts.push(...(await measureConflicts(bench, own, count)));
      if (count < 5) results.push.push(...(await measurePushes(bench, own, count)));
    }
  } finally {
    await own.stop();
  }
}

function ourSystem(name: string, own: OwnSystem): MeasuredSystem {
  return { name, target: (clients) => own.target(clients), pids: () => own.pids(), starts: true };
}
