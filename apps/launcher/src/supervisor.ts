/** Starts a server again when it dies, unless it dies too often. */
import { setTimeout as pause } from 'node:timers/promises';
import type { ProcessExit, Server } from '@hybrid/servers';
import { LaunchError } from './errors.js';

export interface SupervisionOptions {
  say: (text: string) => void;
  /** Ends the supervision; abort before stopping the server on purpose. */
  signal: AbortSignal;
  /** Pause before the first new start, in milliseconds; doubles with each one in the same minute. 1 s unless told. */
  firstPauseMs?: number;
}

/** More than this in a minute is no accident. */
const MOST_STARTS_A_MINUTE = 5;
const FIRST_PAUSE_MS = 1_000;

/** Resolves when `signal` aborts; rejects with LaunchError, which holds the server's last words, when it dies too often. */
export async function supervise(server: Server, options: SupervisionOptions): Promise<void> {
  const { say, signal, firstPauseMs = FIRST_PAUSE_MS } = options;
  const aborted = new Promise<'aborted'>((resolve) =>
    signal.addEventListener('abort', () => resolve('aborted')),
  );
  let starts: number[] = [];
  while (!signal.aborted) {
    const exit = await Promise.race([server.process.exited, aborted]);
    if (exit === 'aborted') return;
    const now = performance.now();
    starts = starts.filter((time) => now - time < 60_000);
    if (starts.length >= MOST_STARTS_A_MINUTE) throw diesTooOften(server);
    const wait = firstPauseMs * 2 ** starts.length;
    starts.push(now);
    say(`${server.name} ended unexpectedly (${describe(exit)}); it is started again in ${wait / 1000} s`);
    await pause(wait, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    try {
      await server.restart();
      say(`${server.name} is up again`);
    } catch (error) {
      // Its end is counted by the next turn: the process of the failed start is over, too.
      say((error as Error).message);
    }
  }
}

export function describe({ code, signal }: ProcessExit): string {
  return signal ?? `exit code ${code}`;
}

function diesTooOften(server: Server): LaunchError {
  const words = server.process.tail().map((line) => `  | ${line}`);
  return new LaunchError(
    [
      `${server.name} ended ${MOST_STARTS_A_MINUTE + 1} times within a minute; its last words:`,
      ...words,
    ].join('\n'),
  );
}
