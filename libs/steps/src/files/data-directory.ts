/** The folder in which an agent or a relay keeps what it must find again. One process at a time may use it. */
import { chmod, mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { identityOf, isAlive } from '../sandbox/process-identity.js';

export class DataDirectoryError extends Error {
  override readonly name = 'DataDirectoryError';
}

export class DataDirectory {
  private constructor(readonly path: string) {}

  /**
   * Makes the folder where it is missing and takes it. Throws DataDirectoryError when it cannot be written or is in use,
   * which names who uses it (`agent`) and the setting that the path is from.
   */
  static async open(path: string, user: string, setting: string): Promise<DataDirectory> {
    const data = new DataDirectory(path);
    try {
      await mkdir(path, { recursive: true, mode: 0o700 });
      await chmod(path, 0o700);
      const owner = await data.read('owner');
      const me = await identityOf(process.pid);
      if (owner && owner !== me && (await isAlive(owner)))
        throw new DataDirectoryError(
          `another ${user} (process ${owner.split(' ')[0]}) uses ${path}: give this one another ${setting}`,
        );
      await data.write('owner', me);
    } catch (cause) {
      if (cause instanceof DataDirectoryError) throw cause;
      throw new DataDirectoryError(
        `${setting} ${path} cannot be used (${(cause as Error).message}): name a folder that can be written`,
        { cause },
      );
    }
    return data;
  }

  /** To read what is there, without making or taking it. */
  static look(path: string): Pick<DataDirectory, 'read'> {
    return new DataDirectory(path);
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
    await writeFile(`${target}.new`, text, { mode: 0o600, flush: true });
    await rename(`${target}.new`, target);
    const folder = await open(this.path);
    await folder.sync().finally(() => folder.close());
  }

  async remove(name: string): Promise<void> {
    await rm(join(this.path, name), { force: true });
  }
}
