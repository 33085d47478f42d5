/** Enqueue, claim, start, complete and the whole life, by 1, 10 and 50 clients: each system in turn at each number. */
import type { Bench } from './bench.js';
import { cellsOf, type Answer, type Cell, type Target } from './plan.js';

export const CLIENTS = [1, 10, 50];
const MOST_CLIENTS = 50;
const SLICES = 3;
/** Steps of a pipeline take longer; at this, ten agents claim a hundred jobs a second. */
const WORKING = { clients: 10, workMs: 100 };
const WARM_UP = { clients: 10, jobs: 500 };

export interface MeasuredSystem {
  name: string;
  /** For so many clients. */
  target(clients: number): Promise<Target>;
  pids(): Record<string, number>;
  /** Whether its jobs have a start between claim and completion: ours have. */
  starts: boolean;
}

export interface Throughput {
  system: string;
  clients: number;
  /** fdatasyncs a second, right before each slice. */
  syncs: number[];
  cells: Record<string, Cell>;
  empty: number;
}

/** In slices, each system in turn: what the machine does beside meets all of them. */
export async function measureThroughput(bench: Bench, systems: MeasuredSystem[]): Promise<Throughput[]> {
  for (const system of systems) {
    bench.say(`warming up ${system.name}`);
    const [target, pids] = [await system.target(WARM_UP.clients), system.pids()];
    await bench.run({ kind: 'rounds', target, pids, ...WARM_UP, seconds: bench.seconds });
  }
  const measured: Throughput[] = [];
  for (const clients of CLIENTS) {
    const slices = new Map<MeasuredSystem, Slice[]>(systems.map((system) => [system, []]));
    for (let slice = 0; slice < SLICES; slice++)
      for (const [system, done] of slices) done.push(await measureSlice(bench, system, clients, slice));
    for (const [{ name }, done] of slices) {
      const answers = done.flatMap(({ answers }) => answers);
      const syncs = done.map((slice) => slice.syncs);
      const empty = answers.reduce((sum, answer) => sum + answer.empty, 0);
      measured.push({ system: name, clients, syncs, cells: cellsOf(answers), empty });
    }
  }
  return measured;
}

interface Slice {
  syncs: number;
  answers: Answer[];
}

async function measureSlice(
  bench: Bench,
  system: MeasuredSystem,
  clients: number,
  slice: number,
): Promise<Slice> {
  const syncs = await bench.syncs();
  bench.say(
    `${clients} clients, ${slice + 1}/${SLICES}: ${system.name} (the disk: ${syncs.toFixed(0)} syncs/s)`,
  );
  const shared = { target: await system.target(clients), pids: system.pids(), clients };
  const seconds = bench.seconds / SLICES;
  const answers = [
    await bench.run({
      kind: 'rounds',
      ...shared,
      jobs: Math.ceil((bench.jobs * clients) / MOST_CLIENTS),
      seconds: seconds * 3,
    }),
    await bench.run({ kind: 'lives', ...shared, seconds, withStart: true }),
  ];
  if (system.starts) answers.push(await bench.run({ kind: 'lives', ...shared, seconds, withStart: false }));
  if (clients === WORKING.clients) {
    const times = Math.ceil((seconds * 1000) / WORKING.workMs);
    answers.push(await bench.run({ kind: 'work', ...shared, ...WORKING, times }));
  }
  return { syncs, answers };
}
