/** Unpacks a tar from somewhere else: names, links and sizes are not to be trusted. */
import { constants } from 'node:fs';
import { link, lstat, open, rm, symlink } from 'node:fs/promises';
import { once } from 'node:events';
import { posix } from 'node:path';
import { extract, type Extract, type Header } from 'tar-stream';
import { ArchiveProblem } from './tree-archive.js';
import { linkStaysInside } from './tree-links.js';
import { ifMissing, makeFolderInside } from './workspace-path.js';

const ENTRIES_MAX = 500_000;
/** Bytes, unpacked: a hundred times a large build. A gzip bomb ends here. */
const BYTES_MAX = 16 * 1024 ** 3;

/** Bytes of names and other headers that one entry may have, and of the whole archive before its first and after its last. */
const HEADERS_MAX = 16 * 1024;
const SLACK_BYTES = 4 * 1024 ** 2;
/** Characters: what Linux takes. */
const PATH_MAX = 4_096;

export interface UnpackLimits {
  /** Files, folders and links, folders that are only named in a path too. */
  entries?: number;
  bytes?: number;
}

/**
 * Unpacks into `root`, which exists. Throws ArchiveProblem for a name or link that leads out, a device, or too much;
 * what was unpacked until then stays, inside `root`.
 */
export async function unpackTree(
  archive: AsyncIterable<Buffer>,
  root: string,
  limits: UnpackLimits = {},
): Promise<void> {
  const { entries: entriesMax = ENTRIES_MAX, bytes: bytesMax = BYTES_MAX } = limits;
  const links: { path: string; target: string }[] = [];
  const folders = new Set<string>(['.']);
  let entries = 0;
  let bytes = 0;
  /** Bytes of the archive that the entries so far explain. */
  let explained = SLACK_BYTES;

  const count = (path: string): void => {
    for (let folder = posix.dirname(path); !folders.has(folder); folder = posix.dirname(folder)) {
      folders.add(folder);
      entries++;
    }
    if (!folders.has(path)) entries++;
    if (entries > entriesMax) throw new ArchiveProblem(`the archive has more than ${entriesMax} entries`);
  };

  const take = async (header: Header, content: AsyncIterable<Buffer>): Promise<void> => {
    explained += HEADERS_MAX + (header.size ?? 0);
    const path = safeName(header.name);
    count(path);
    if (header.type === 'directory') folders.add(path);
    switch (header.type) {
      case 'directory':
        await makeFolderInside(root, path);
        break;
      case 'file':
      case 'contiguous-file':
        if ((bytes += header.size ?? 0) > bytesMax)
          throw new ArchiveProblem(`the archive unpacks to more than ${bytesMax} bytes`);
        await writeFileInside(root, path, content, header.mode ?? 0o644);
        break;
      case 'symlink':
        if (!linkStaysInside(path, header.linkname ?? '')) {
          throw new ArchiveProblem(`the archive holds the link ${path}, which leads out of it`);
        }
        links.push({ path, target: header.linkname ?? '' });
        break;
      case 'link':
        await linkInside(root, path, safeName(header.linkname ?? ''));
        break;
      // Not a closed union: the bytes come from somewhere else.
      default:
        throw new ArchiveProblem(`the archive holds ${path}, which is a ${String(header.type)}`);
    }
  };

  const reader = extract();
  const done = new Promise<void>((resolve, reject) => {
    reader.on('finish', resolve);
    reader.on('error', reject);
    reader.on('entry', (header, content, next) => {
      content.on('error', reject);
      take(header, content as AsyncIterable<Buffer>).then(() => {
        content.resume();
        next(null);
      }, reject);
    });
  });
  try {
    await Promise.all([feed(reader, archive, done, () => explained), done]);
  } finally {
    reader.destroy();
  }
  // Links come last: while files are written there is no link of the archive that a path could lead through.
  for (const { path, target } of links) await symlinkInside(root, path, target);
}

/**
 * Writes no faster than entries are taken; stops when `done` says that the archive is refused, or when it holds what no
 * entry explains: zeros without end, or headers without an entry.
 */
async function feed(
  reader: Extract,
  archive: AsyncIterable<Buffer>,
  done: Promise<void>,
  explained: () => number,
): Promise<void> {
  let fed = 0;
  for await (const chunk of archive) {
    if (fed > explained()) throw new ArchiveProblem('the archive holds more than its entries');
    fed += chunk.length;
    if (!reader.write(chunk)) await Promise.race([once(reader, 'drain'), done]);
  }
  reader.end(null);
}

function safeName(name: string): string {
  if (name.length > PATH_MAX)
    throw new ArchiveProblem(`the archive holds a name of ${name.length} characters`);
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (name.startsWith('/') || name.includes('\\') || name.includes('\0') || parts.includes('..')) {
    throw new ArchiveProblem(`the archive holds the name ${JSON.stringify(name)}, which leads out of it`);
  }
  return parts.join('/') || '.';
}

async function writeFileInside(
  root: string,
  path: string,
  content: AsyncIterable<Buffer>,
  mode: number,
): Promise<void> {
  const target = await freePlace(root, path);
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const file = await open(target, flags, mode & 0o100 ? 0o755 : 0o644);
  try {
    for await (const chunk of content) await file.write(chunk);
  } finally {
    await file.close();
  }
}

async function linkInside(root: string, path: string, target: string): Promise<void> {
  const folder = await makeFolderInside(root, posix.dirname(target));
  const source = `${folder}/${posix.basename(target)}`;
  const there = await lstat(source).catch(ifMissing);
  if (!there?.isFile())
    throw new ArchiveProblem(
      `the archive holds the hard link ${path} to ${target}, which is not a file in it`,
    );
  await link(source, await freePlace(root, path));
}

async function symlinkInside(root: string, path: string, target: string): Promise<void> {
  await symlink(target, await freePlace(root, path));
}

/** Absolute path at which nothing stands any more; its folder is a real one inside `root`. */
async function freePlace(root: string, path: string): Promise<string> {
  const folder = await makeFolderInside(root, posix.dirname(path));
  const target = `${folder}/${posix.basename(path)}`;
  const there = await lstat(target).catch(ifMissing);
  if (there?.isDirectory()) throw new ArchiveProblem(`the archive holds the file ${path} where a folder is`);
  if (there) await rm(target);
  return target;
}
