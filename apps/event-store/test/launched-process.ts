/** The built event store as a process of its own. No client is loaded here: two of them cannot live in one process. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { eventually } from '@hybrid/testing';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const sources = join(root, 'apps/event-store/src');
const bundle = join(root, 'dist/event-store/main.js');
const building = join(root, 'dist/event-store.building');

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** Builds the bundle if need be and starts it without waiting, on a free port. `launcher` is a shell's prelude. */
export async function launch(
  environment: Record<string, string>,
  launcher?: string,
): Promise<LaunchedProcess> {
  await build();
  const env = { PATH: process.env['PATH'] ?? '', EVENT_STORE_PORT: '0', ...environment };
  const child = launcher
    ? spawn('bash', ['-c', `${launcher}; exec "$0" "$1"`, process.execPath, bundle], { env })
    : spawn(process.execPath, [bundle], { env });
  return new LaunchedProcess(child);
}

export class LaunchedProcess {
  stdout = '';
  stderr = '';
  readonly exited: Promise<Exit>;

  constructor(private readonly child: ChildProcess) {
    child.stdout?.on('data', (chunk) => (this.stdout += String(chunk)));
    child.stderr?.on('data', (chunk) => (this.stderr += String(chunk)));
    this.exited = new Promise((resolve) => child.on('close', (code, signal) => resolve({ code, signal })));
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** Rejects at once, with what it said, when the process ends instead of becoming ready. */
  async port(): Promise<number> {
    const ready = eventually(() => JSON.parse(this.stdout) as { port: number });
    // Whoever is told of the end does not wait for the other.
    ready.catch(() => undefined);
    const ended = this.exited.then(() => {
      throw new Error(`The event store ended: ${this.stderr}`);
    });
    return (await Promise.race([ready, ended])).port;
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<Exit> {
    this.child.kill(signal);
    return this.exited;
  }
}

/** Path of the program, built if need be. */
export async function builtProgram(): Promise<string> {
  await build();
  return bundle;
}

/** Builds the bundle unless it is newer than its sources; one process at a time, for specs run in parallel. */
async function build(): Promise<void> {
  await eventually(async () => {
    if (isFresh() && !existsSync(building)) return;
    mkdirSync(building, { recursive: false });
    try {
      if (!isFresh())
        await promisify(execFile)(process.execPath, ['tools/build.mjs', 'event-store'], { cwd: root });
    } finally {
      rmdirSync(building);
    }
  });
}

function isFresh(): boolean {
  if (!existsSync(bundle)) return false;
  const built = statSync(bundle).mtimeMs;
  return readdirSync(sources, { recursive: true }).every(
    (file) => statSync(join(sources, String(file))).mtimeMs < built,
  );
}
