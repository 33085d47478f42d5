/** Objects as files below a directory; what is not whole yet lies in its folder `.uploads`. Many processes may share it. */
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, opendir, readdir, rename, rm, rmdir, stat, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import {
  checkKey,
  StoreProblem,
  type ObjectStore,
  type Range,
  type Source,
  type StoredObject,
} from './object-store.js';
import { fileSha256 } from './transfer.js';

/** Keys do not begin with a dot. */
const UPLOADS = '.uploads';
/** Milliseconds without a write after which whoever wrote is gone: a source that streams from a disk never rests as long. */
const QUIET_MS = 60_000;
/** Milliseconds after which nobody will go on. */
const FORGOTTEN_MS = 7 * 86_400_000;

export class DirectoryStore implements ObjectStore {
  readonly location: string;
  /** Paths of what this process has broken off. */
  readonly #left = new Set<string>();

  /** @param root absolute; made with the first object. */
  constructor(private readonly root: string) {
    this.location = `file://${root}`;
  }

  async put(key: string, source: Source, signal?: AbortSignal): Promise<void> {
    const target = this.#path(key);
    await this.#told(`store ${key}`, async () => {
      const mine = await this.#takeOver(nameOf(key, source));
      await fill(mine, source, signal).catch((error: Error) => {
        this.#left.add(mine);
        throw error;
      });
      if ((await fileSha256(mine)) !== source.sha256) {
        await rm(mine, { force: true });
        throw new StoreProblem(
          'damaged',
          `what was written for ${this.location}/${key} is not what its SHA-256 announced: did it change meanwhile?`,
        );
      }
      await place(mine, target);
    });
  }

  async get(key: string, { offset = 0, length }: Range = {}, signal?: AbortSignal): Promise<Readable> {
    signal?.throwIfAborted();
    const path = this.#path(key);
    const { size } = (await this.head(key)) ?? this.#missing(key);
    const end = Math.min(size, length === undefined ? size : offset + length) - 1;
    if (offset > end) return Readable.from([]);
    return createReadStream(path, { start: offset, end, signal });
  }

  async head(key: string): Promise<StoredObject | undefined> {
    const found = await this.#told(`look at ${key}`, () => stat(this.#path(key)).catch(ifMissing));
    return found?.isFile() ? { key, size: found.size, modified: found.mtime } : undefined;
  }

  async *list(prefix: string): AsyncGenerator<StoredObject> {
    const keys = await this.#told('list what is there', () => this.#keys(prefix));
    for (const key of keys.sort()) {
      const found = await this.head(key);
      if (found) yield found;
    }
  }

  async delete(key: string): Promise<void> {
    const path = this.#path(key);
    await this.#told(`delete ${key}`, async () => {
      await rm(path).catch(ifMissing);
      // Folders that are empty now go too; the first that is not ends it.
      for (let folder = dirname(path); folder !== this.root; folder = dirname(folder))
        if (
          !(await rmdir(folder).then(
            () => true,
            () => false,
          ))
        )
          break;
    });
  }

  /** Makes it the youngest. */
  async touch(key: string, now = new Date()): Promise<void> {
    await utimes(this.#path(key), now, now).catch(ifMissing);
  }

  /**
   * Path of a file of our own to write to, which holds what was written when the same put was broken off. Two that put the
   * same bytes at the same time do not share one: only what nobody writes to any more is taken over.
   */
  async #takeOver(name: string): Promise<string> {
    const folder = join(this.root, UPLOADS);
    const mine = join(folder, `${name}.${randomUUID()}`);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    for (const other of await readdir(folder)) {
      const path = join(folder, other);
      const age = Date.now() - ((await stat(path).catch(ifMissing))?.mtimeMs ?? Date.now());
      if (age > FORGOTTEN_MS) await rm(path, { force: true });
      else if (other.startsWith(name) && (age > QUIET_MS || this.#left.delete(path)))
        if (await rename(path, mine).then(() => true, ifMissing)) break;
    }
    return mine;
  }

  async #keys(prefix: string): Promise<string[]> {
    const below = prefix.slice(0, prefix.lastIndexOf('/') + 1);
    if (below !== '') checkKey(below.slice(0, -1));
    const keys: string[] = [];
    const folders = [below];
    for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
      const entries = await opendir(join(this.root, folder)).catch(ifMissing);
      if (!entries) continue;
      for await (const entry of entries) {
        if (entry.name.startsWith('.')) continue;
        const path = folder + entry.name;
        if (entry.isDirectory()) folders.push(`${path}/`);
        else if (entry.isFile() && path.startsWith(prefix)) keys.push(path);
      }
    }
    return keys;
  }

  #path(key: string): string {
    return join(this.root, checkKey(key));
  }

  #missing(key: string): never {
    throw new StoreProblem('missing', `there is no ${this.location}/${key}`);
  }

  async #told<T>(what: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      const { code, message } = cause as NodeJS.ErrnoException;
      if (typeof code !== 'string' || cause instanceof StoreProblem || code.startsWith('ABORT')) throw cause;
      throw new StoreProblem('refused', `the directory ${this.root} could not ${what}: ${message}`, {
        cause,
      });
    }
  }
}

/** Of the bytes too: what was begun with other bytes is not gone on with. */
function nameOf(key: string, { sha256 }: Source): string {
  return createHash('sha256').update(`${key}\n${sha256}`).digest('hex');
}

/** Appends what is not in `file` yet, durably. */
async function fill(file: string, source: Source, signal?: AbortSignal): Promise<void> {
  const to = await open(file, 'a', 0o600);
  try {
    let { size: at } = await to.stat();
    if (at > source.size) await to.truncate((at = 0));
    for await (const chunk of source.open(at)) {
      signal?.throwIfAborted();
      await to.write(chunk);
    }
    await to.sync();
  } finally {
    await to.close();
  }
}

async function place(file: string, target: string): Promise<void> {
  const folder = dirname(target);
  for (let tries = 3; ; tries--) {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    // A delete may have just removed the folder, as it was empty.
    if ((await rename(file, target).then(() => true, tries > 1 ? ifMissing : undefined)) === true) break;
  }
  await sync(folder);
}

async function sync(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function ifMissing(error: unknown): undefined {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
  throw error;
}
