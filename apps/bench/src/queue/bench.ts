/** What every part of the bench has at hand: the clients, the disk, and where progress is told. */
import { bundleOf, startProcess } from '@hybrid/servers';
import type { Cleanup } from './cleanup.js';
import { syncsPerSecond } from './machine.js';
import type { Answer, Work } from './plan.js';

export interface Bench {
  /** On the disk that is measured. */
  directory: string;
  cleanup: Cleanup;
  /** How long a measurement lasts at least. */
  seconds: number;
  /** That wait at most at 50 clients; in proportion at fewer. */
  jobs: number;
  /** Carried out by the process of the clients. @throws Error with what went wrong there. */
  run(work: Work): Promise<Answer>;
  /** fdatasyncs a second, as the disk is now; nothing else must run. */
  syncs(): Promise<number>;
  /** A line of progress, on stderr. */
  say(text: string): void;
}

export async function openBench(
  { directory, seconds, jobs }: Pick<Bench, 'directory' | 'seconds' | 'jobs'>,
  cleanup: Cleanup,
): Promise<Bench> {
  const clients = await startProcess({
    name: 'clients',
    command: process.execPath,
    args: [bundleOf('bench'), 'load'],
  });
  cleanup.add(() => clients.stop());
  const { port } = await clients.ready;
  const begin = performance.now();
  return {
    directory,
    cleanup,
    seconds,
    jobs,
    async run(work) {
      const response = await fetch(`http://127.0.0.1:${String(port)}/run`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(work),
      });
      if (!response.ok)
        throw new Error(`the clients: ${((await response.json()) as { message: string }).message}`);
      return (await response.json()) as Answer;
    },
    syncs: () => syncsPerSecond(directory),
    say(text) {
      const elapsed = ((performance.now() - begin) / 1000).toFixed(0);
      process.stderr.write(`[${elapsed.padStart(4)} s] ${text}\n`);
    },
  };
}
