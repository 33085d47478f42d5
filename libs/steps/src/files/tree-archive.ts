/** Folders as tar: packed so that the same tree gives the same bytes, unpacked so that nothing lands outside the target. */
import { once } from 'node:events';
import { createReadStream, type Stats } from 'node:fs';
import { lstat, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { pack, type Header, type Pack } from 'tar-stream';
import { linkStaysInside } from './tree-links.js';

export class ArchiveProblem extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ArchiveProblem';
  }
}

export interface PackOptions {
  /** Links out of the tree: refused in an artifact, kept in a sandbox that has its own root. */
  outsideLinks: 'refuse' | 'keep';
}

/** The tree below `folder` as tar, sorted, owned by root, without times of change; only the executable bit of the modes is kept. */
export async function* packTree(folder: string, options: PackOptions): AsyncGenerator<Buffer> {
  const archive = pack();
  const filling = addFolder(archive, folder, '', options).then(
    () => archive.finalize(),
    (error: Error) => archive.destroy(error),
  );
  yield* archive as AsyncIterable<Buffer>;
  await filling;
}

/** Files of the given names and texts as tar, in folders that are made. */
export async function* packTexts(files: Record<string, string>): AsyncGenerator<Buffer> {
  const archive = pack();
  for (const [name, text] of Object.entries(files)) archive.entry(header(name, { mode: 0o644 }), text);
  archive.finalize();
  yield* archive as AsyncIterable<Buffer>;
}

async function addFolder(archive: Pack, root: string, relative: string, options: PackOptions): Promise<void> {
  for (const name of (await readdir(join(root, relative))).sort()) {
    const path = relative ? `${relative}/${name}` : name;
    const stats = await lstat(join(root, path));
    if (stats.isDirectory()) {
      archive.entry(header(path, { type: 'directory', mode: 0o755 }));
      await addFolder(archive, root, path, options);
    } else if (stats.isSymbolicLink()) {
      const linkname = await readlink(join(root, path));
      if (options.outsideLinks === 'refuse' && !linkStaysInside(path, linkname)) {
        throw new ArchiveProblem(
          `${path} is a link out of the folder, to ${linkname}: an artifact must hold what it needs`,
        );
      }
      archive.entry(header(path, { type: 'symlink', linkname, mode: 0o777 }));
    } else if (stats.isFile()) await addFile(archive, join(root, path), path, stats);
    // Sockets, pipes and devices have no content to keep.
  }
}

async function addFile(archive: Pack, file: string, path: string, stats: Stats): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const entry = archive.entry(
      header(path, { size: stats.size, mode: stats.mode & 0o100 ? 0o755 : 0o644 }),
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
  return { name, mtime: new Date(0), uid: 0, gid: 0, uname: '', gname: '', ...rest };
}
