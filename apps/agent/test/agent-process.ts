/** The real agent as its own process, from the bundle that is shipped. */
import { eventually } from '@hybrid/testing';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdir, readdir, rmdir, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const app = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const root = resolve(app, '../..');
const bundle = join(root, 'dist/agent/main.js');

/** Bundles the agent if its sources are newer; one spec at a time. */
export async function buildAgent(): Promise<void> {
  const lock = join(root, 'dist/agent.lock');
  await mkdir(join(root, 'dist'), { recursive: true });
  await eventually(() => mkdir(lock), 30_000);
  try {
    const changed = await newest(join(app, 'src'));
    const built = await stat(bundle).catch(() => null);
    if (built && built.mtimeMs > changed) return;
    const { status, stderr } = spawnSync(process.execPath, [join(root, 'tools/build.mjs'), 'agent'], {
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`the agent cannot be bundled: ${stderr}`);
  } finally {
    await rmdir(lock);
  }
}

export interface AgentProcess {
  child: ChildProcess;
  /** What it wrote so far. */
  readonly stdout: string;
  readonly stderr: string;
  /** Exit code, or minus one after a signal. */
  ended: Promise<number>;
}

/** Starts the agent; `env` is all of its environment but PATH, HOME and where Docker is. */
export function startAgent(args: string[], env: Record<string, string> = {}): AgentProcess {
  const child = spawn(process.execPath, [bundle, ...args], {
    env: {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      DOCKER_HOST: process.env['DOCKER_HOST'],
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const written = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8');
    child[stream].on('data', (text: string) => (written[stream] += text));
  }
  return {
    child,
    get stdout() {
      return written.stdout;
    },
    get stderr() {
      return written.stderr;
    },
    ended: new Promise((end) => child.once('close', (code) => end(code ?? -1))),
  };
}

async function newest(folder: string): Promise<number> {
  const files = await readdir(folder, { recursive: true });
  const times = await Promise.all(files.map(async (file) => (await stat(join(folder, file))).mtimeMs));
  return Math.max(...times);
}
