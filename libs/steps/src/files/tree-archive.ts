/** Folders as tar: packed so that the same tree gives the same bytes, unpacked so that nothing lands outside the target. */
import { once } from 'node:events';
import { createReadStream, type Stats } from 'node:fs';
import { lstat, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { pack, type Header, type Pack } from 'tar-stream';
import { linkStaysInside } from './tree-links.js';

export class ArchiveProblem extends Error {
  override readonly name = 'ArchiveProblem';
}

export interface PackOptions {
  /** Links out of the tree: refused in an artifact, kept in a sandbox that has its own root. */
  outsideLinks: 'refuse' | 'keep';
  /** Path in the archive of what is packed; its root unless told. */
  under?: string;
  /** The folders above `under` are packed too. */
  parents?: boolean;
  /** Root unless told. */
  owner?: Owner;
  /** By the path in the tree; everything unless told. A folder that is left out is still entered where `enters` says so. */
  only?: { keeps(path: string): boolean; enters(folder: string): boolean };
}

export interface Owner {
  uid: number;
  gid: number;
}

const ROOT: Owner = { uid: 0, gid: 0 };

/** The tree below `folder`, or one file, as tar: sorted, without times of change; only the executable bit of the modes is kept. */
export async function* packTree(folder: string, options: PackOptions): AsyncGenerator<Buffer> {
  const archive = pack();
  const filling = addTop(archive, folder, options).then(
    () => archive.finalize(),
    (error: Error) => archive.destroy(error),
  );
  yield* archive as AsyncIterable<Buffer>;
  await filling;
}

/** Several trees as one tar, each `under` a path of its own. */
export async function* packTrees(
  trees: { from: string; under: string }[],
  options: Pick<PackOptions, 'outsideLinks'>,
): AsyncGenerator<Buffer> {
  const archive = pack();
  const fill = async (): Promise<void> => {
    for (const { from, under } of trees) await addTop(archive, from, { ...options, under });
  };
  const filling = fill().then(
    () => archive.finalize(),
    (error: Error) => archive.destroy(error),
  );
  yield* archive as AsyncIterable<Buffer>;
  await filling;
}

/** Files of the given names and texts as tar; a name that ends with `/` is a folder. */
export async function* packTexts(files: Record<string, string>, owner: Owner = ROOT): AsyncGenerator<Buffer> {
  const archive = pack();
  for (const [name, text] of Object.entries(files)) {
    if (name.endsWith('/')) archive.entry(header(name, { type: 'directory', mode: 0o755, ...owner }));
    else archive.entry(header(name, { mode: 0o644, ...owner }), text);
  }
  archive.finalize();
  yield* archive as AsyncIterable<Buffer>;
}

async function addTop(archive: Pack, top: string, options: PackOptions): Promise<void> {
  const { under = '', parents = false, owner = ROOT } = options;
  const stats = await lstat(top);
  const parts = under.split('/').filter((part) => part !== '');
  const folders = parts.slice(0, stats.isDirectory() ? undefined : -1);
  for (let depth = parents ? 1 : Math.max(folders.length, 1); depth <= folders.length; depth++)
    archive.entry(header(folders.slice(0, depth).join('/'), { type: 'directory', mode: 0o755, ...owner }));
  if (stats.isFile()) return addFile(archive, top, parts.join('/'), stats, owner);
  await addFolder(archive, top, '', { ...options, under: parts.join('/') });
}

async function addFolder(archive: Pack, root: string, relative: string, options: PackOptions): Promise<void> {
  const { under, owner = ROOT, only } = options;
  for (const name of (await readdir(join(root, relative))).sort()) {
    const path = relative ? `${relative}/${name}` : name;
    const stats = await lstat(join(root, path));
    const packed = under ? `${under}/${path}` : path;
    const kept = only?.keeps(path) ?? true;
    if (stats.isDirectory()) {
      if (kept) archive.entry(header(packed, { type: 'directory', mode: 0o755, ...owner }));
      if (kept || only?.enters(path)) await addFolder(archive, root, path, options);
    } else if (kept && stats.isSymbolicLink()) {
      const linkname = await readlink(join(root, path));
      if (options.outsideLinks === 'refuse' && !linkStaysInside(path, linkname)) {
        throw new ArchiveProblem(
          `${path} is a link out of the folder, to ${linkname}: an artifact must hold what it needs`,
        );
      }
      archive.entry(header(packed, { type: 'symlink', linkname, mode: 0o777, ...owner }));
    } else if (kept && stats.isFile()) await addFile(archive, join(root, path), packed, stats, owner);
    // Sockets, pipes and devices have no content to keep.
  }
}

async function addFile(archive: Pack, file: string, path: string, stats: Stats, owner: Owner): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const entry = archive.entry(
      header(path, { size: stats.size, mode: stats.mode & 0o100 ? 0o755 : 0o644, ...owner }),
      (error?: Error | null) => (error ? reject(error) : resolve()),
    );
    fill(entry, file, stats.size).catch(reject);
  });
}

async function fill(entry: ReturnType<Pack['entry']>, file: string, size: number): Promise<void> {
  if (size > 0) {
    const abandoned = once(entry, 'close').then(() => {
      throw new ArchiveProblem(`packing ${file} was broken off`);
    });
    abandoned.catch(() => undefined);
    // A file that grows meanwhile is packed as it was when its size was read.
    for await (const chunk of createReadStream(file, { end: size - 1 }) as AsyncIterable<Buffer>) {
      if (!entry.write(chunk)) await Promise.race([once(entry, 'drain'), abandoned]);
    }
  }
  entry.end(null);
}

function header(name: string, rest: Partial<Header>): Partial<Header> & { name: string } {
  return { name, mtime: new Date(0), ...ROOT, uname: '', gname: '', ...rest };
}
