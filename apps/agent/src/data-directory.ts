/** The agent's folder: its identity, and one folder per job. One agent at a time may use it. */
import { identityOf, isAlive } from '@hybrid/steps';
import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export class DataDirectoryError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'DataDirectoryError';
  }
}

export class DataDirectory {
  readonly workspaces: string;

  private constructor(readonly path: string) {
    this.workspaces = join(path, 'workspaces');
  }

  /** Makes the folder where it is missing and takes it; throws DataDirectoryError when it cannot be written or is in use. */
  static async open(path: string): Promise<DataDirectory> {
    const data = new DataDirectory(path);
    try {
      await mkdir(data.workspaces, { recursive: true, mode: 0o700 });
      await chmod(path, 0o700);
      const owner = await data.read('owner');
      if (owner && owner !== (await identityOf(process.pid)) && (await isAlive(owner))) {
        throw new DataDirectoryError(
          `another agent (process ${owner.split(' ')[0]}) uses ${path}: give this one another --data`,
        );
      }
      await data.write('owner', await identityOf(process.pid));
    } catch (cause) {
      if (cause instanceof DataDirectoryError) throw cause;
      throw new DataDirectoryError(
        `the data directory ${path} cannot be used (${(cause as Error).message}): name one that can be written with --data`,
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

  /** Writes a file that only its owner can read; a crash leaves the old one or the new one. */
  async write(name: string, text: string): Promise<void> {
    const target = join(this.path, name);
    await writeFile(`${target}.new`, text, { mode: 0o600, flush: true });
    await rename(`${target}.new`, target);
  }

  async remove(name: string): Promise<void> {
    await rm(join(this.path, name), { force: true });
  }
}
