import { randomUUID } from 'node:crypto';
import { lstat, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { DirectoryQueue } from '../queue-config.js';
import type { QueueWriter } from '../user-queue.js';
import { checkPath, ifThere, inWords, prepare, syncFolder, writeDurably } from './folders.js';

/** Files that are written side by side. */
const AT_ONCE = 32;
/** A draft so old is of a writer that died: none takes a minute. */
const ABANDONED_MS = 60 * 60_000;

export class DirectoryWriter implements QueueWriter {
  readonly #path: string;
  #tidied = false;

  constructor({ path }: DirectoryQueue) {
    checkPath(path);
    this.#path = path;
  }

  async verifyAccess(): Promise<void> {
    await prepare(this.#path);
    await inWords(this.#path, async () => {
      const draft = join(this.#path, 'draft', randomUUID());
      await writeDurably(draft, '');
      await rm(draft);
    });
  }

  async send(bodies: readonly string[]): Promise<void> {
    await prepare(this.#path);
    await inWords(this.#path, async () => {
      if (!this.#tidied) await this.#tidy();
      for (let from = 0; from < bodies.length; from += AT_ONCE) {
        await Promise.all(bodies.slice(from, from + AT_ONCE).map((body) => this.#write(body)));
      }
      await syncFolder(join(this.#path, 'new'));
    });
  }

  async close(): Promise<void> {}

  async #write(body: string): Promise<void> {
    const id = `${String(Date.now()).padStart(13, '0')}-${randomUUID()}`;
    const draft = join(this.#path, 'draft', id);
    await writeDurably(draft, body);
    await rename(draft, join(this.#path, 'new', `${id}.0`));
  }

  async #tidy(): Promise<void> {
    this.#tidied = true;
    const folder = join(this.#path, 'draft');
    for (const name of await readdir(folder)) {
      const file = join(folder, name);
      await ifThere(
        lstat(file).then(async ({ mtimeMs }) => {
          if (Date.now() - mtimeMs > ABANDONED_MS) await rm(file, { force: true });
        }),
      );
    }
  }
}
