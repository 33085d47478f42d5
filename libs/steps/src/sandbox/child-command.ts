/** Runs a program in a process group of its own, so that it can be ended with everything that it started. */
import { spawn, type ChildProcess } from 'node:child_process';
import { pause } from './backoff.js';
import { groupLives, signalReaches } from './process-identity.js';

/** Milliseconds between the polite signal and the other one: what the control plane promises for a cancelled job. */
export const GRACE_MS = 10_000;

/** Milliseconds that killed processes are waited for. */
const DYING_MS = 2_000;

const live = new Set<number>();

export interface GroupOptions {
  cwd: string;
  env: NodeJS.ProcessEnv;
}

/** The child leads a new process group; `ended` resolves with its exit code (128 + n for signal n) or rejects when it cannot be started. */
export function startGroup(
  program: string,
  args: string[],
  options: GroupOptions,
): { child: ChildProcess; ended: Promise<number> } {
  const child = spawn(program, args, { ...options, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? 128 + (SIGNAL_NUMBERS[signal ?? ''] ?? 0)));
  });
  const { pid } = child;
  if (pid !== undefined) {
    live.add(pid);
    const forget = (): void => {
      // The group outlives its leader while it has members.
      if (!signalReaches(-pid)) live.delete(pid);
    };
    ended.then(forget, forget);
  }
  return { child, ended };
}

/** Ends the whole group: SIGTERM, ten seconds of grace, SIGKILL. Resolves when no member is left alive. */
export async function endGroup(pid: number, graceMs = GRACE_MS): Promise<void> {
  const deadline = performance.now() + graceMs;
  if (graceMs > 0) signalGroup(pid, 'SIGTERM');
  while ((await groupLives(pid)) && performance.now() < deadline + DYING_MS) {
    if (performance.now() >= deadline) signalGroup(pid, 'SIGKILL');
    await pause(20);
  }
  // For one that was born while the others were counted.
  signalGroup(pid, 'SIGKILL');
  live.delete(pid);
}

/** At once, for an agent that ends without waiting. */
export function killAllGroups(): void {
  for (const pid of live) signalGroup(pid, 'SIGKILL');
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

const SIGNAL_NUMBERS: Record<string, number> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGPIPE: 13,
  SIGTERM: 15,
};
