/**
 * The data directory belongs to one process at a time: a lock file names it.
 *
 * A process is known by its id, its start time and the machine's boot, so that a lock left by a killed process is
 * taken over even when its id has been given to another. Between machines or containers that share the directory but
 * not their process ids it cannot protect.
 */
import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

const LOCK = 'event-store.lock';

/** The directory cannot be used; the message says why and what to do. */
export class DataDirectoryError extends Error {
  override readonly name = 'DataDirectoryError';
}

/** Makes the directory if need be and locks it; answers how to unlock it. Throws DataDirectoryError. */
export function lockDataDirectory(directory: string): () => void {
  const lock = join(directory, LOCK);
  const mine = processMark(process.pid) ?? `${process.pid}`;
  try {
    mkdirSync(directory, { recursive: true });
    for (;;) {
      const holder = tryLock(lock, mine);
      if (holder === undefined) break;
      if (isAlive(holder))
        throw new DataDirectoryError(
          `${directory} is in use by process ${pidOf(holder)}. Stop that process, or set EVENT_STORE_DATA to another directory.`,
        );
      removeStale(lock, holder);
    }
  } catch (cause) {
    if (cause instanceof DataDirectoryError) throw cause;
    throw new DataDirectoryError(`Cannot use ${directory}: ${reasonOf(cause)}. ${remedyOf(cause)}`, {
      cause,
    });
  }
  return () => {
    if (readMark(lock) === mine) rmSync(lock, { force: true });
  };
}

/** Id of the process that uses the directory, if one does. */
export function holderOf(directory: string): number | undefined {
  const mark = readMark(join(directory, LOCK));
  return mark !== undefined && isAlive(mark) ? pidOf(mark) : undefined;
}

/** Makes the names of the files in the directory, and its own, survive a power cut; LMDB syncs only what is in them. */
export function syncDirectory(directory: string): void {
  // Windows cannot open directories, and keeps names by itself.
  if (process.platform === 'win32') return;
  for (const path of [directory, dirname(directory)]) {
    try {
      const handle = openSync(path, 'r');
      fsyncSync(handle);
      closeSync(handle);
    } catch (error) {
      // A parent that we may not read was not made by us, so its names are old and safe.
      if (!['EACCES', 'EPERM'].includes(codeOf(error) ?? '')) throw error;
    }
  }
}

/** Creates the lock, complete or not at all; answers who holds it when it is there. */
function tryLock(lock: string, mine: string): string | undefined {
  const draft = `${lock}.${process.pid}`;
  writeFileSync(draft, mine);
  try {
    linkSync(draft, lock);
    return undefined;
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    return readMark(lock) ?? '';
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Moves a dead process's lock away; one that another process has taken in the meantime is put back. */
function removeStale(lock: string, holder: string): void {
  const aside = `${lock}.stale.${process.pid}`;
  try {
    renameSync(lock, aside);
    if (readMark(aside) !== holder) linkSync(aside, lock);
  } catch (error) {
    if (!['ENOENT', 'EEXIST'].includes(codeOf(error) ?? '')) throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}

function readMark(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function pidOf(mark: string): number {
  return Number(mark.split(' ')[0]);
}

function isAlive(mark: string): boolean {
  const pid = pidOf(mark);
  if (!Number.isInteger(pid) || pid <= 0 || mark === '') return false;
  const now = processMark(pid);
  if (now !== undefined) return now === mark;
  // No /proc: the id alone has to do, and our own id can only be an earlier process's.
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return !hasProc();
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}

/** "pid starttime boot", where the system tells. */
function processMark(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // A zombie is dead; only its parent has not noticed yet.
    if (state === 'Z' || state === 'X') return undefined;
    const start = fields[18];
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${pid} ${start} ${boot}`;
  } catch {
    return undefined;
  }
}

function hasProc(): boolean {
  return processMark(process.pid) !== undefined;
}

function codeOf(error: unknown): string | undefined {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : undefined;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function remedyOf(error: unknown): string {
  switch (codeOf(error)) {
    case 'ENOSPC':
      return 'The disk is full: free some space.';
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return 'Give this user the right to write there, or set EVENT_STORE_DATA to another directory.';
    default:
      return 'Set EVENT_STORE_DATA to a directory that can be written.';
  }
}
