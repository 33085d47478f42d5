/**
 * A queue in a folder: `draft` (being written), `new` (waits), `taken` (a reader has it), `aside` (for people).
 * Each change is one rename, so that whoever is killed leaves every message in exactly one of them. All that is to be
 * known of a message stands in its file's name: `<sent, ms>-<uuid>.<deliveries>`, in `taken` with `.<taken until, ms>`.
 */
import { constants, type Dir } from 'node:fs';
import { chmod, lstat, mkdir, open, opendir, realpath } from 'node:fs/promises';
import { isAbsolute, join, resolve } from 'node:path';
import { QueueError } from '../user-queue.js';

/** Of one listing: what is beyond comes in a later one. */
const MAX_LISTED = 100_000;
/** Above every delivery; what is larger was put there by somebody else. */
const MAX_BYTES = 1024 * 1024;
const NAME = /^((\d{13})-[0-9a-f-]{36})\.(\d{1,9})(?:\.(\d{13}))?$/;

export type Folder = 'draft' | 'new' | 'taken' | 'aside';
const FOLDERS: readonly Folder[] = ['draft', 'new', 'taken', 'aside'];

export interface FileName {
  id: string;
  sentAtMs: number;
  deliveries: number;
  untilMs: number;
}

export function parseName(name: string): FileName | undefined {
  const [, id, sent, deliveries, until] = NAME.exec(name) ?? [];
  if (id === undefined) return undefined;
  return { id, sentAtMs: Number(sent), deliveries: Number(deliveries), untilMs: Number(until ?? 0) };
}

/** Absolute, and nothing else by another name. @throws QueueError `queue_misconfigured` */
export function checkPath(path: string): void {
  if (!isAbsolute(path) || resolve(path) !== path || path.includes('\0') || path === '/')
    throw new QueueError(
      'queue_misconfigured',
      `${path} is no queue: name an absolute folder, without .. or a / at its end`,
    );
}

/**
 * Before each operation, since somebody else may write in the folder: no symbolic link leads out of it. Makes what is
 * within it, but not itself. @throws QueueError
 */
export async function prepare(path: string): Promise<void> {
  await inWords(path, async () => {
    if ((await realpath(path)) !== path)
      throw new QueueError(
        'queue_misconfigured',
        `${path} goes over a symbolic link: name the folder itself`,
      );
    for (const folder of FOLDERS) {
      const within = join(path, folder);
      await mkdir(within).then(
        // Both sides write in it, by their group, whatever the umask of the one that came first.
        () => chmod(within, 0o2770),
        (error: NodeJS.ErrnoException) => {
          if (error.code !== 'EEXIST') throw error;
        },
      );
      if (!(await lstat(within)).isDirectory())
        throw new QueueError('queue_misconfigured', `${within} is no folder: take it away, it is made anew`);
    }
  });
}

/** Names of messages, the oldest first; of other files nothing is said. */
export async function list(path: string, folder: Folder): Promise<string[]> {
  const names: string[] = [];
  const entries: Dir = await opendir(join(path, folder), { bufferSize: 1_000 });
  for await (const { name } of entries) {
    if (NAME.test(name) && names.push(name) >= MAX_LISTED) break;
  }
  return names.sort();
}

/** Undefined for what is no file of a message: a link, a pipe, too large. */
export async function readMessage(file: string): Promise<string | undefined> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  const handle = await open(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ELOOP' || error.code === 'ENXIO') return undefined;
      throw error;
    },
  );
  try {
    const about = await handle?.stat();
    return about?.isFile() && about.size <= MAX_BYTES ? await handle?.readFile('utf8') : undefined;
  } finally {
    await handle?.close();
  }
}

export async function writeDurably(file: string, text: string): Promise<void> {
  const handle = await open(file, 'wx', 0o660);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes renames into and out of a folder outlive a loss of power. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Whether it was there: another may have been faster. */
export async function ifThere(change: Promise<unknown>): Promise<boolean> {
  return change.then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );
}

/** What the disk says, as a QueueError. */
export async function inWords<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof QueueError) throw cause;
    const { code = 'unknown' } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR')
      throw new QueueError(
        'queue_missing',
        `the folder ${path} is not there: make it (mkdir -p -m 2770 ${path})`,
        { cause },
      );
    if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
      throw new QueueError(
        'queue_denied',
        `the folder ${path} refuses (${code}): relay and control plane both need to read and write in it and its folders, by one group`,
        { cause },
      );
    throw new QueueError('queue_unavailable', `the folder ${path} cannot be used now (${code})`, { cause });
  }
}
