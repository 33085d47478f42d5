/** The one directory that holds everything: made, checked for space, locked against a second launcher. */
import { chmod, mkdir, readFile, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { keptSecret } from '@hybrid/servers';
import { LaunchError } from './errors.js';

export interface DataDirectory {
  readonly path: string;
  /** Path of a folder in it. */
  folder(name: string): string;
  readonly adminTokenFile: string;
  readonly joinTokenFile: string;
  /** The installation's keys; the gateway makes it. */
  readonly keysFile: string;
  /** Gives up the lock. */
  release(): void;
}

/** PostgreSQL alone writes 40 MB at its first start; with less than this something fails in the middle of the work. */
const LEAST_FREE_BYTES = 200 * 1024 * 1024;

/** Throws LaunchError when the directory cannot be used. */
export async function openDataDirectory(
  path: string,
  adminToken: string | undefined,
): Promise<DataDirectory> {
  try {
    await makeDirectory(path);
    // PostgreSQL runs as another user when this is root and must pass through; what is in here is closed by itself.
    await chmod(path, process.getuid?.() === 0 ? 0o711 : 0o700);
  } catch (cause) {
    throw unusable(path, cause);
  }
  await checkSpace(path);
  const release = await lock(path);
  try {
    for (const name of ['logs', 'nats', 'event-store', 'artifacts', 'agent']) {
      await mkdir(join(path, name), { recursive: true, mode: 0o700 });
    }
    const adminTokenFile = join(path, 'admin-token');
    const joinTokenFile = join(path, 'join-token');
    if (adminToken === undefined) await keptSecret(adminTokenFile);
    else await writeFile(adminTokenFile, `${adminToken}\n`, { mode: 0o600 });
    await chmod(adminTokenFile, 0o600);
    await keptSecret(joinTokenFile);
    const keysFile = join(path, 'installation-keys');
    return { path, folder: (name) => join(path, name), adminTokenFile, joinTokenFile, keysFile, release };
  } catch (cause) {
    release();
    throw cause instanceof LaunchError ? cause : unusable(path, cause);
  }
}

/** Node's own recursive mkdir never returns where a file system refuses new names with ENOENT, as /proc does. */
async function makeDirectory(path: string): Promise<void> {
  const code = await mkdir(path).then(
    () => undefined,
    (error: NodeJS.ErrnoException) => error.code,
  );
  if (code === undefined) return;
  if (code === 'EEXIST' && (await stat(path)).isDirectory()) return;
  if (code === 'ENOENT' && !existsSync(dirname(path))) await makeDirectory(dirname(path));
  await mkdir(path);
}

async function checkSpace(path: string): Promise<void> {
  const { bavail, bsize } = await statfs(path);
  const free = bavail * bsize;
  if (free >= LEAST_FREE_BYTES) return;
  const megabytes = (bytes: number) => Math.floor(bytes / 1024 / 1024);
  throw new LaunchError(
    `the disk of ${path} has ${megabytes(free)} MB free, and ${megabytes(LEAST_FREE_BYTES)} MB are needed: ` +
      'free some, or set HYBRID_DATA to a directory on another disk',
  );
}

interface Owner {
  pid: number;
  /** When the process started, in the kernel's ticks: tells it from a later one with the same id. */
  started: string | undefined;
}

async function lock(path: string): Promise<() => void> {
  const file = join(path, 'launcher.lock');
  const me: Owner = { pid: process.pid, started: startOf(process.pid) };
  for (;;) {
    try {
      await writeFile(file, `${JSON.stringify(me)}\n`, { flag: 'wx', mode: 0o600 });
      return () => rmSync(file, { force: true });
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw unusable(path, cause);
    }
    const owner = parseOwner(await readFile(file, 'utf8').catch(() => ''));
    if (owner && isRunning(owner)) {
      throw new LaunchError(
        `${path} is in use by another \`npm start\` (process ${owner.pid}): stop that one, or set HYBRID_DATA to another directory`,
      );
    }
    // Left behind by a launcher that was killed.
    await rm(file, { force: true });
  }
}

function parseOwner(text: string): Owner | undefined {
  try {
    return JSON.parse(text) as Owner;
  } catch {
    return undefined;
  }
}

function isRunning({ pid, started }: Owner): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return startOf(pid) === started;
}

function startOf(pid: number): string | undefined {
  try {
    // The name in parentheses may hold spaces; start time is the 20th field after it.
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ')[19];
  } catch {
    return undefined;
  }
}

function unusable(path: string, cause: unknown): LaunchError {
  const reason = (cause as Error).message;
  return new LaunchError(
    `${path} cannot be used for data (${reason}): set HYBRID_DATA to a directory that you may write to`,
    {
      cause,
    },
  );
}
