/** One child process: started with its output kept, known to be ready, stopped in a bounded time, and gone when its parent is. */
import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { createWriteStream, existsSync, mkdirSync, renameSync } from 'node:fs';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { ProcessFailedError } from './errors.js';
import { findProgram } from './programs.js';

export interface ProcessOptions<Ready = Record<string, unknown>> {
  /** For messages: `nats`, `postgres` … */
  name: string;
  command: string;
  args?: string[];
  /** The whole environment of the process; the parent's unless told. */
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** Answers a value once a line of output says that the process serves. Unless told: a JSON line with `"ready":true`. */
  readyLine?: (line: string) => Ready | undefined;
  /** Milliseconds to become ready; 60 s unless told, for a cold and busy machine. */
  readyTimeoutMs?: number;
  onOutput?: (line: string, stream: 'stdout' | 'stderr') => void;
  /** File that receives all output. The file of the start before is kept as `<file>.1`. */
  log?: string;
  /** Writes straight to the parent's terminal; then there is no tail, no log and no ready line. */
  inheritOutput?: boolean;
  /** Start as this user instead (needs root). */
  identity?: ProcessIdentity;
}

export interface ProcessIdentity {
  uid: number;
  gid: number;
  /** Linux capabilities kept in spite of the change of user, such as `dac_read_search`. */
  capabilities?: string[];
}

export interface ProcessExit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface RunningProcess<Ready = Record<string, unknown>> {
  readonly name: string;
  readonly pid: number;
  /** What the ready line said. Rejects with ProcessFailedError when the process ends first or takes too long. */
  readonly ready: Promise<Ready>;
  readonly exited: Promise<ProcessExit>;
  /** The last lines of output, oldest first. */
  tail(): string[];
  /** Asks with `signal` (SIGTERM unless told), then kills after `graceMs` (10 s unless told). Resolves when it is gone. */
  stop(signal?: NodeJS.Signals, graceMs?: number): Promise<ProcessExit>;
  /** SIGKILL. Resolves when it is gone. */
  kill(): Promise<ProcessExit>;
}

/** Enough to see the cause of a crash with its stack. */
const TAIL_LINES = 30;
const READY_TIMEOUT_MS = 60_000;
const STOP_GRACE_MS = 10_000;

const alive = new Set<ChildProcess>();
let exitHooked = false;

function jsonReadyLine(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const value = JSON.parse(line) as Record<string, unknown>;
    return value['ready'] === true ? value : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Starts a process in a session of its own, so that Ctrl-C in the terminal reaches the parent alone and the parent
 * decides the order in which things stop. Throws ProcessFailedError when the program can't be started at all.
 */
export async function startProcess(options: ProcessOptions): Promise<RunningProcess>;
export async function startProcess<Ready>(
  options: ProcessOptions<Ready> & { readyLine: (line: string) => Ready | undefined },
): Promise<RunningProcess<Ready>>;
export async function startProcess(options: ProcessOptions<unknown>): Promise<RunningProcess<unknown>> {
  const { name, log, readyLine = jsonReadyLine, readyTimeoutMs = READY_TIMEOUT_MS } = options;
  const child = spawnDetached(options);
  const logFile = log ? openLog(log) : undefined;
  const tail: string[] = [];
  const exited = new Promise<ProcessExit>((resolve) => {
    // 'close' comes after the last byte of output, but waits for grandchildren that hold the pipes open:
    // the end of the process itself counts, after a moment for its last words, which are read before it is over.
    const end = (code: number | null, signal: NodeJS.Signals | null) => {
      alive.delete(child);
      resolve({ code, signal });
    };
    child.once('close', end);
    child.once('exit', (code, signal) => setTimeout(() => setImmediate(end, code, signal), 200).unref());
  });

  let sayReady: (value: unknown) => void = () => undefined;
  const readyValue = new Promise<unknown>((resolve) => (sayReady = resolve));
  const take = (line: string, stream: 'stdout' | 'stderr') => {
    tail.push(line);
    if (tail.length > TAIL_LINES) tail.shift();
    logFile?.write(`${line}\n`);
    options.onOutput?.(line, stream);
    const value = readyLine(line);
    if (value !== undefined) sayReady(value);
  };
  for (const stream of ['stdout', 'stderr'] as const) {
    const input = child[stream];
    if (input) createInterface({ input }).on('line', (line) => take(line, stream));
  }
  if (options.inheritOutput) sayReady({});
  void exited.then(() => logFile?.end());

  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (cause) => {
      logFile?.end();
      reject(
        new ProcessFailedError(name, `could not be started: ${cause.message}`, [], undefined, { cause }),
      );
    });
  });
  alive.add(child);

  const signalled = async (signal: NodeJS.Signals, graceMs: number): Promise<ProcessExit> => {
    child.kill(signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
    try {
      return await exited;
    } finally {
      clearTimeout(timer);
    }
  };
  const ready = becomesReady(
    name,
    readyValue,
    exited,
    readyTimeoutMs,
    () => child.kill('SIGKILL'),
    tail,
    log,
  );
  return {
    name,
    pid: child.pid!,
    ready,
    exited,
    tail: () => [...tail],
    stop: (signal = 'SIGTERM', graceMs = STOP_GRACE_MS) => signalled(signal, graceMs),
    kill: () => signalled('SIGKILL', 0),
  };
}

function becomesReady(
  name: string,
  readyValue: Promise<unknown>,
  exited: Promise<ProcessExit>,
  timeoutMs: number,
  giveUp: () => void,
  tail: string[],
  log: string | undefined,
): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      giveUp();
      reject(new ProcessFailedError(name, `was not ready within ${timeoutMs / 1000} s`, [...tail], log));
    }, timeoutMs);
    timer.unref();
  });
  const ended = exited.then(({ code, signal }): never => {
    throw new ProcessFailedError(
      name,
      `ended before it was ready, with ${signal ?? `exit code ${code}`}`,
      [...tail],
      log,
    );
  });
  const ready = Promise.race([readyValue, ended, tooLate]).finally(() => clearTimeout(timer));
  // Nobody has to wait for readiness; who does still sees the failure.
  ready.catch(() => undefined);
  return ready;
}

function spawnDetached({
  command,
  args = [],
  env,
  cwd,
  identity,
  inheritOutput,
}: ProcessOptions<unknown>): ChildProcess {
  if (!exitHooked) {
    exitHooked = true;
    process.on('exit', () => alive.forEach((child) => child.kill('SIGKILL')));
  }
  const output = inheritOutput ? 'inherit' : 'pipe';
  const options: SpawnOptions = {
    env: env ?? process.env,
    cwd,
    detached: true,
    stdio: ['ignore', output, output],
  };
  // util-linux' setpriv makes the kernel end the child when the parent dies, even by SIGKILL. It execs: the pid stays.
  const setpriv = process.platform === 'linux' ? findProgram('setpriv') : undefined;
  if (!setpriv) return spawn(command, args, { ...options, uid: identity?.uid, gid: identity?.gid });
  const user = identity ? ['--reuid', `${identity.uid}`, '--regid', `${identity.gid}`, '--clear-groups'] : [];
  const kept = identity?.capabilities?.map((capability) => `+${capability}`).join(',');
  const capabilities = kept ? ['--inh-caps', kept, '--ambient-caps', kept] : [];
  return spawn(setpriv, ['--pdeathsig', 'TERM', ...user, ...capabilities, '--', command, ...args], options);
}

function openLog(file: string) {
  mkdirSync(dirname(file), { recursive: true });
  if (existsSync(file)) renameSync(file, `${file}.1`);
  // A full disk must not end the parent: the output is still in `tail`.
  return createWriteStream(file, { flags: 'a', mode: 0o600 }).on('error', () => undefined);
}
