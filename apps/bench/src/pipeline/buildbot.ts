/** Buildbot, from Debian's packages: a master and a worker on loopback, told of changes as after a push. */
import { findProgram, freePort, startProcess, workspaceRoot } from '@hybrid/servers';
import { execFileSync } from 'node:child_process';
import { copyFile, mkdir } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Cleanup } from '../queue/cleanup.js';
import { CAPACITY, FAN, LINE, LINES, STEPS, type CiSystem, type Done, type Work } from './ci-system.js';

export const NO_BUILDBOT =
  'no buildbot on this machine: it is left out (Debian, Ubuntu: apt-get install buildbot buildbot-worker)';

/** Lines that Buildbot puts before the first one of a command. */
const HEADER_LINES = 5;

interface Told {
  event: 'log' | 'finished';
  lines: number;
  /** 0: success. */
  results: number | null;
}

/** Null where it is not installed. */
export async function startBuildbot(directory: string, cleanup: Cleanup): Promise<CiSystem | null> {
  const [master, worker, twistd] = ['buildbot', 'buildbot-worker', 'twistd3'].map((name) =>
    findProgram(name),
  );
  if (!master || !worker || !twistd) return null;
  await mkdir(directory, { recursive: true });
  const [port, workerPort] = [await freePort(), await freePort()];
  execFileSync(master, ['create-master', '--quiet', '--no-logrotate', 'master'], { cwd: directory });
  await copyFile(
    join(workspaceRoot(), 'apps/bench/buildbot/master.cfg'),
    join(directory, 'master', 'master.cfg'),
  );
  const workerArgs = [
    'create-worker',
    '--quiet',
    '--no-logrotate',
    'worker',
    `127.0.0.1:${workerPort}`,
    'worker',
    'bench',
  ];
  execFileSync(worker, workerArgs, { cwd: directory });
  const env = {
    ...process.env,
    BENCH_PORT: String(port),
    BENCH_WORKER_PORT: String(workerPort),
    BENCH_CAPACITY: String(CAPACITY),
    BENCH_STEPS: String(STEPS),
    BENCH_LINES: String(LINES),
    BENCH_LINE: LINE,
  };
  // As `buildbot start` would, but with what it says on stdout.
  const start = async (name: string, ready: RegExp): Promise<void> => {
    const started = await startProcess({
      name,
      command: twistd,
      args: ['--nodaemon', '--no_save', '--pidfile=', '--logfile=-', '--python=buildbot.tac'],
      cwd: join(directory, name),
      env,
      log: join(directory, `${name}.log`),
      readyLine: (line) => (ready.test(line) ? {} : undefined),
    });
    cleanup.add(() => started.stop());
    await started.ready;
  };
  await start('master', /BuildMaster is running/);
  await start('worker', /Connected to .*; worker is ready/);
  const socket = connect(port, '127.0.0.1');
  cleanup.add(async () => socket.destroy());
  return { name: 'buildbot', run: (work) => run(socket, work) };
}

function run(socket: Socket, work: Work): Promise<Done> {
  const begin = performance.now();
  const count = work === 'fan' ? FAN : 1;
  let finished = 0;
  let firstLine: number | null = null;
  const lines = createInterface({ input: socket });
  return new Promise<Done>((resolve, reject) => {
    socket.once('error', reject);
    lines.on('line', (line) => {
      const { event, lines: logged, results } = JSON.parse(line) as Told;
      if (event === 'log') {
        if (logged > HEADER_LINES) firstLine ??= performance.now() - begin;
        return;
      }
      if (results !== 0) return reject(new Error(`Buildbot: a build ended with ${results}`));
      if (++finished === count) resolve({ firstLine, end: performance.now() - begin });
    });
    socket.write(`${JSON.stringify({ branch: work, count })}\n`);
  }).finally(() => lines.close());
}
