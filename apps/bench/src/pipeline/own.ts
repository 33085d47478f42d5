/** Our own system: standalone, and an agent of each kind that this machine can have. */
import type { RunView } from '@hybrid/contracts';
import { bundleOf, startProcess } from '@hybrid/servers';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Cleanup } from '../queue/cleanup.js';
import { startOwnSystem, type OwnSystem } from '../queue/own-system.js';
import { CAPACITY, FAN, LINE, LINES, STEPS, type CiSystem, type Done, type Work } from './ci-system.js';

/** Milliseconds between two looks at a run. */
const LOOK_MS = 10;

export async function startOwn(
  directory: string,
  cleanup: Cleanup,
  image: string | null,
): Promise<CiSystem[]> {
  const system = await startOwnSystem(directory, cleanup, { standalone: true });
  const agent = async (pool: string, ...args: string[]): Promise<void> => {
    const started = await startProcess({
      name: pool,
      command: process.execPath,
      args: [
        bundleOf('agent'),
        ...['--url', system.url, '--name', pool, '--pool', pool, '--capacity', String(CAPACITY)],
        ...['--join-token-file', join(directory, 'join-token'), '--data', join(directory, pool)],
        ...args,
      ],
      log: join(directory, `${pool}.log`),
    });
    cleanup.add(() => started.stop());
    await started.ready;
  };
  const own = async (pool: string): Promise<CiSystem> => {
    for (const [work, text] of Object.entries(pipelines(pool))) await put(system, `${pool}-${work}`, text);
    return { name: `ours, ${pool}`, run: (work) => run(system, `${pool}-${work}`) };
  };
  await agent('process', '--executor', 'process', '--allow-host');
  const systems = [await own('process')];
  if (image) {
    await agent('docker', '--executor', 'docker', '--default-image', image);
    systems.push(await own('docker'));
  }
  return systems;
}

function pipelines(pool: string): Record<Work, string> {
  const step = (name: string, command: string, more = '') =>
    `  - { name: ${name}, type: step.shell_exec, ${more} config: { commands: [${JSON.stringify(command)}] } }`;
  const text = (work: Work, ...steps: string[]) =>
    [`name: ${pool}-${work}`, `defaults: { pool: ${pool} }`, 'steps:', ...steps, ''].join('\n');
  const chain = Array.from({ length: STEPS }, (_, number) =>
    step(`s${number}`, 'true', number > 0 ? `needs: [s${number - 1}],` : ''),
  );
  const fan = Array.from({ length: FAN }, (_, number) => step(`s${number}`, 'true'));
  return {
    one: text('one', step('s', 'echo hello')),
    steps: text('steps', ...chain),
    fan: text('fan', ...fan),
    log: text('log', step('s', `yes '${LINE}' | head -n ${LINES}`)),
  };
}

async function put(system: OwnSystem, name: string, definition: string): Promise<void> {
  await request(system, 'PUT', `/api/pipelines/${name}`, { definition });
}

async function run(system: OwnSystem, pipeline: string): Promise<Done> {
  const begin = performance.now();
  const { id, steps } = await request<RunView>(system, 'POST', `/api/pipelines/${pipeline}/runs`, {});
  const control = new AbortController();
  const firstLine = firstLineOf(system, steps[0]!.job_id!, control.signal).then(
    () => performance.now() - begin,
    () => null,
  );
  for (;;) {
    const { status } = await request<RunView>(system, 'GET', `/api/runs/${id}`);
    if (status === 'SUCCEEDED') break;
    if (status !== 'RUNNING') throw new Error(`our run ${id} of ${pipeline} ended ${status}`);
    await pause(LOOK_MS);
  }
  const end = performance.now() - begin;
  const shown = await Promise.race([firstLine, pause(1_000, null)]);
  control.abort();
  return { firstLine: shown, end };
}

/** Resolves when a reader of the log gets the first line that the step's command wrote. */
async function firstLineOf(system: OwnSystem, jobId: string, signal: AbortSignal): Promise<void> {
  const response = await fetch(`${system.url}/api/queue/jobs/${jobId}/logs`, {
    headers: { authorization: `Bearer ${system.adminToken}`, accept: 'text/event-stream' },
    signal,
  });
  let seen = '';
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    seen += Buffer.from(chunk).toString();
    if (seen.includes('"stream":"stdout"')) return;
  }
  throw new Error(`the log of job ${jobId} ended without a line of its command`);
}

async function request<T>(system: OwnSystem, method: string, path: string, body?: object): Promise<T> {
  const response = await fetch(system.url + path, {
    method,
    headers: {
      authorization: `Bearer ${system.adminToken}`,
      ...(body && { 'content-type': 'application/json' }),
    },
    body: body && JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}
