/** Files into a container before it starts, and out of it when it has ended. */
import type Docker from 'dockerode';
import { mkdir, readFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { addAbortSignal, Readable } from 'node:stream';
import { packTexts, packTree, type Owner } from '../files/tree-archive.js';
import { unpackTree, type UnpackLimits } from '../files/tree-unpack.js';
import { StepProblem } from '../step.js';
import { createContainer, DockerProblem, statusOf, wordsOf } from './docker-engine.js';

/** Folder in the container for what must not lie in the workspace. */
export const OWN = '/hybrid';
/** Bytes that a file of ours may have. */
const OWN_FILE_MAX = 2 * 1024 * 1024;
/** Bytes of /etc/passwd and /etc/group. */
const USERS_MAX = 4 * 1024 * 1024;

/** Who the script is in its container. */
export interface SandboxUser extends Owner {
  home: string;
}

export class ContainerFiles {
  #copies = 0;

  constructor(
    private readonly container: Docker.Container,
    /** Folder of this machine for copies. */
    private readonly scratch: string,
    private readonly workDir: string,
    private readonly user: SandboxUser,
    /** Ends copies, which reject with its reason then. */
    private readonly signal: AbortSignal,
  ) {}

  /** Makes the workspace the user's own: the engine makes folders for volumes root's. */
  async ownWorkspace(engine: Docker): Promise<void> {
    if (this.#owner === undefined) return;
    // In a tar for the folder itself the engine leaves its owner alone, and it takes none for the folder above where the
    // root can only be read: a second container, never started, lends its root.
    const { Image, Config } = await this.container.inspect();
    const lender = await createContainer(engine, {
      Image,
      Labels: Config.Labels,
      Cmd: ['-'],
      HostConfig: { VolumesFrom: [this.container.id] },
    });
    try {
      const folder = packTexts({ [`${this.workDir.slice(1)}/`]: '' }, this.#owner);
      await send(lender, folder, '/', this.signal);
    } finally {
      await lender.remove({ v: true });
    }
  }

  /** Copies the file or folder `from` of this machine to `to`, relative to the workspace, absolute, or `~/…`. */
  async put(from: string, to: string): Promise<void> {
    const target = this.#absolute(to);
    // Under a root that can only be read the engine takes archives into volumes alone.
    const base = [this.workDir, OWN].find((folder) => target === folder || target.startsWith(`${folder}/`));
    const owner = this.#owner;
    const tree = packTree(from, {
      outsideLinks: 'keep',
      under: posix.relative(base ?? '/', target),
      parents: base !== undefined,
      owner,
    });
    try {
      await send(this.container, tree, base ?? '/', this.signal);
    } catch (cause) {
      this.signal.throwIfAborted();
      throw new DockerProblem(`${to} cannot be put into the container: ${wordsOf(cause)}`, {
        cause,
      });
    }
  }

  /** Puts texts into our own folder; a name that ends with `/` is a folder. */
  async putOwn(files: Record<string, string>): Promise<void> {
    await send(this.container, packTexts(files, this.#owner), OWN, this.signal);
  }

  /** Path on this machine of a copy of the file or folder `path`; nothing where it is missing. */
  async collect(path: string): Promise<string | undefined> {
    const target = this.#absolute(path);
    const folder = join(this.scratch, 'collected', String(++this.#copies));
    if (!(await fetchInto(this.container, target, folder, this.signal))) return undefined;
    return join(folder, posix.basename(target));
  }

  async ownFile(name: string): Promise<string> {
    const folder = join(this.scratch, 'own');
    const limits = { entries: 1, bytes: OWN_FILE_MAX };
    await fetchInto(this.container, `${OWN}/${name}`, folder, this.signal, limits);
    return readFile(join(folder, name), 'utf8');
  }

  /** Nothing for root: the folders of an image are root's already. */
  get #owner(): Owner | undefined {
    const { uid, gid } = this.user;
    return uid === 0 && gid === 0 ? undefined : { uid, gid };
  }

  #absolute(path: string): string {
    if (path === '~' || path.startsWith('~/')) return posix.join(this.user.home, path.slice(1));
    return posix.resolve(this.workDir, path);
  }
}

async function send(
  container: Docker.Container,
  archive: AsyncGenerator<Buffer>,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  const body = Readable.from(archive, { objectMode: false });
  try {
    await container.putArchive(body, { path, abortSignal: signal });
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    // The library leaves it open, and the file that it reads.
    body.destroy();
  }
}

/**
 * Numbers and home of `user` (`name`, `uid`, `name:group`, `uid:gid`) by the image's own lists, which only names and a
 * number alone need. Throws StepProblem for an unknown name.
 */
export async function userIn(
  container: Docker.Container,
  user: string,
  scratch: string,
  signal: AbortSignal,
): Promise<SandboxUser> {
  if (/^(0|root)(:0|:root)?$/.test(user)) return { uid: 0, gid: 0, home: '/root' };
  const [name = '', group] = user.split(':');
  const whole = /^\d+$/;
  const found = (await entries(container, 'passwd', scratch, signal)).find(
    (entry) => entry[whole.test(name) ? 2 : 0] === name,
  );
  if (!found && !whole.test(name)) throw new StepProblem(`the image has no user ${name} (config.user)`);
  const [, , uid = name, itsGroup = '0', , home = '/'] = found ?? [];
  if (group === undefined || whole.test(group))
    return { uid: Number(uid), gid: Number(group ?? itsGroup), home };
  const gid = (await entries(container, 'group', scratch, signal)).find((entry) => entry[0] === group)?.[2];
  if (gid === undefined) throw new StepProblem(`the image has no group ${group} (config.user)`);
  return { uid: Number(uid), gid: Number(gid), home };
}

async function entries(
  container: Docker.Container,
  list: string,
  scratch: string,
  signal: AbortSignal,
): Promise<string[][]> {
  const folder = join(scratch, 'users');
  const limits = { entries: 1, bytes: USERS_MAX };
  if (!(await fetchInto(container, `/etc/${list}`, folder, signal, limits))) return [];
  return (await readFile(join(folder, list), 'utf8')).split('\n').map((line) => line.split(':'));
}

async function fetchInto(
  container: Docker.Container,
  path: string,
  folder: string,
  signal: AbortSignal,
  limits: UnpackLimits = {},
): Promise<boolean> {
  let archive: NodeJS.ReadableStream;
  try {
    archive = await container.getArchive({ path, abortSignal: signal });
  } catch (error) {
    signal.throwIfAborted();
    if (statusOf(error) === 404) return false;
    throw error;
  }
  await mkdir(folder, { recursive: true });
  // Of the answer the library lets go when it has begun.
  addAbortSignal(signal, archive as Readable);
  try {
    await unpackTree(archive as Readable, folder, limits);
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
  return true;
}
