/** The relay's folder: its key, its registration, the journal. One relay at a time may use it. */
import { identityOf, isAlive } from '@hybrid/steps';
import { chmod, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFolder } from './journal/segment.js';
import { SettingsError } from './settings-error.js';

export class DataDirectory {
  readonly journal: string;

  private constructor(readonly path: string) {
    this.journal = join(path, 'journal');
  }

  /** Makes the folder where it is missing and takes it. Throws SettingsError when it cannot be written or is in use. */
  static async open(path: string): Promise<DataDirectory> {
    const data = new DataDirectory(path);
    try {
      await mkdir(path, { recursive: true, mode: 0o700 });
      await chmod(path, 0o700);
      const owner = await data.read('owner');
      const me = await identityOf(process.pid);
      if (owner && owner !== me && (await isAlive(owner)))
        throw new SettingsError(
          `another relay (process ${owner.split(' ')[0]}) uses ${path}: give this one another relay.data`,
        );
      await data.write('owner', me);
    } catch (cause) {
      if (cause instanceof SettingsError) throw cause;
      throw new SettingsError(
        `relay.data ${path} cannot be used (${(cause as Error).message}): name a folder that can be written`,
        { cause },
      );
    }
    return data;
  }

  /** Text of a file in the folder; nothing where it is missing. */
  async read(name: string): Promise<string | undefined> {
    try {
      return await readFile(join(this.path, name), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** Writes a file that only its owner can read; a crash or a loss of power leaves the old one or the new one. */
  async write(name: string, text: string): Promise<void> {
    const target = join(this.path, name);
    const file = await open(`${target}.new`, 'w', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(`${target}.new`, target);
    await syncFolder(this.path);
  }

  async remove(name: string): Promise<void> {
    await rm(join(this.path, name), { force: true });
  }
}
