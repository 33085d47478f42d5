import type { ProcessExit, RunningProcess } from './process.js';

/** A server of which one process runs at a time, always at the same address. */
export interface Server {
  readonly name: string;
  /** The current process; another one after `restart`. */
  readonly process: RunningProcess<unknown>;
  /** Orderly, in reverse of how it was started; kills it after `graceMs`. */
  stop(graceMs?: number): Promise<ProcessExit>;
  /** SIGKILL: what a crash of the machine looks like to it. */
  kill(): Promise<ProcessExit>;
  /** Starts it anew with the same data and address (after a stop if it still runs); resolves when it serves. */
  restart(): Promise<void>;
}

export interface ServerWithUrl extends Server {
  /** For clients; holds the password where there is one: never print it. */
  readonly url: string;
  readonly port: number;
}

/** Starts a server; `start` must resolve only when the process serves, and leave nothing running when it rejects. */
export async function startServer(
  name: string,
  start: () => Promise<RunningProcess<unknown>>,
  stopSignal: NodeJS.Signals = 'SIGTERM',
): Promise<Server> {
  let current = await start();
  return {
    name,
    get process() {
      return current;
    },
    stop: (graceMs) => current.stop(stopSignal, graceMs),
    kill: () => current.kill(),
    async restart() {
      await current.stop(stopSignal);
      current = await start();
    },
  };
}
