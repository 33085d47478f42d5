/**
 * `npm run bench:pipeline`: from a push to the first line of a log, what a step costs, a fan-out, and a long log; beside
 * Buildbot, which does the same jobs in the same run, in turn. All on loopback, sources left out on both sides.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { figuresOf } from '../latency.js';
import { Cleanup } from '../queue/cleanup.js';
import { machine } from '../queue/machine.js';
import { number, table } from '../queue/table.js';
import { makeImage, NO_DOCKER } from './bench-image.js';
import { NO_BUILDBOT, startBuildbot } from './buildbot.js';
import { CAPACITY, FAN, LINES, STEPS, type CiSystem, type Work } from './ci-system.js';
import { startOwn } from './own.js';

/** So often each kind of work is done by each system; the first time of each, for warming up, does not count. */
const TIMES: Record<Work, number> = { one: 20, steps: 3, fan: 2, log: 3 };

export async function benchPipeline(args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: { json: { type: 'boolean' }, quick: { type: 'boolean' } } });
  const directory = await mkdtemp(join(tmpdir(), 'hybrid-bench-pipeline-'));
  const cleanup = new Cleanup();
  cleanup.add(() => rm(directory, { recursive: true, force: true }));
  const interrupt = () => void cleanup.run().finally(() => process.exit(130));
  process.once('SIGINT', interrupt);
  const say = (text: string) => process.stderr.write(`${text}\n`);
  try {
    const image = makeImage(directory, cleanup);
    if (!image) say(NO_DOCKER);
    const peer = await startBuildbot(join(directory, 'buildbot'), cleanup);
    if (!peer) say(NO_BUILDBOT);
    const systems = [...(await startOwn(join(directory, 'own'), cleanup, image)), ...(peer ? [peer] : [])];
    const measured = await measureAll(systems, values.quick ? 1 : 0, say);
    if (values.json)
      console.log(JSON.stringify({ at: new Date().toISOString(), machine: machine(), measured }));
    else console.log(report(measured));
  } finally {
    process.off('SIGINT', interrupt);
    await cleanup.run();
  }
}

interface Measured {
  system: string;
  /** Milliseconds of each time, by work. */
  firstLines: number[];
  ends: Record<Work, number[]>;
}

/** In turn, so that what else the machine does meets all of them. */
async function measureAll(
  systems: CiSystem[],
  times: number,
  say: (text: string) => void,
): Promise<Measured[]> {
  const all = systems.map(({ name }): Measured => ({
    system: name,
    firstLines: [],
    ends: { one: [], steps: [], fan: [], log: [] },
  }));
  for (const work of Object.keys(TIMES) as Work[])
    for (let time = 0; time <= (times || TIMES[work]); time++)
      for (const [index, system] of systems.entries()) {
        const { firstLine, end } = await system.run(work);
        say(`${work}, ${time === 0 ? 'to warm up' : `time ${time}`}: ${system.name} ${number(end)} ms`);
        if (time === 0) continue;
        all[index]!.ends[work].push(end);
        if (work === 'one' && firstLine !== null) all[index]!.firstLines.push(firstLine);
      }
  return all;
}

function report(measured: Measured[]): string {
  const { cpus, cpu, memoryGb, node } = machine();
  const head = [
    'system',
    'push to first line p50',
    'p95',
    'each of 20 steps',
    `${FAN} at once`,
    'lines/s of a log',
  ];
  const rows = measured.map(({ system, firstLines, ends }) => {
    const { p50, p95 } = figuresOf({ latencies: firstLines, seconds: 1 });
    const best = (work: Work) => Math.min(...ends[work]);
    const lines = (LINES * 1000) / best('log');
    return [
      system,
      `${number(p50)} ms`,
      `${number(p95)} ms`,
      `${number(best('steps') / STEPS)} ms`,
      `${number(best('fan'))} ms`,
      `${number(lines)}`,
    ];
  });
  return [
    `${new Date().toISOString()}: ${cpus} × ${cpu}, ${memoryGb} GB, Node ${node}.`,
    table(`Pipelines, ${CAPACITY} at a time; all but the first line: the best of some times`, [
      head,
      ...rows,
    ]),
  ].join('\n\n');
}
