/** What the steps of a local run begin with: a copy of the working tree, so that they cannot change the user's files. */
import { constants } from 'node:fs';
import { copyFile, cp, lstat, mkdir, mkdtemp, readlink, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { Source } from '@hybrid/contracts';
import { CommandError } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import { git, gitAnswer } from '../git-repository.js';

/** Files that are copied at a time. */
const AT_A_TIME = 32;

export interface Place {
  /** Absolute: the top of the working tree, or the folder itself where there is no repository. */
  top: string;
  isRepository: boolean;
  commit: string | undefined;
  branch: string | undefined;
}

export async function placeOf(path: string): Promise<Place> {
  const there = await lstat(path).catch((cause: unknown) => {
    throw new CommandError(`${path} is not there (--repo)`, EXIT.wrongUsage, { cause });
  });
  if (!there.isDirectory() && !there.isSymbolicLink())
    throw new CommandError(`${path} is no folder (--repo)`, EXIT.wrongUsage);
  const top = await gitAnswer(path, ['rev-parse', '--show-toplevel']);
  if (top === undefined)
    return { top: resolve(path), isRepository: false, commit: undefined, branch: undefined };
  return {
    top,
    isRepository: true,
    commit: await gitAnswer(top, ['rev-parse', '--verify', '--quiet', 'HEAD^{commit}']),
    branch: await gitAnswer(top, ['symbolic-ref', '--quiet', '--short', 'HEAD']),
  };
}

export function sourceOf({ top, commit, branch }: Place): Source {
  return { repository: top, ...(commit && { commit }), ...(branch && { ref: branch }) };
}

/**
 * Copies the files that git would add, as they are now, into `snapshot`; with the commit that they are based on as its
 * git history, as an agent's checkout has it. Answers how many files that were.
 */
export async function takeSnapshot(place: Place, snapshot: string): Promise<number> {
  await mkdir(snapshot, { recursive: true, mode: 0o700 });
  const files = await filesOf(place.top, place.isRepository);
  for (let from = 0; from < files.length; from += AT_A_TIME)
    await Promise.all(files.slice(from, from + AT_A_TIME).map((file) => copyOne(place.top, snapshot, file)));
  if (place.commit !== undefined) await giveHistory(place, snapshot);
  return files.length;
}

/** Into a step's empty workspace. */
export async function copySnapshot(snapshot: string, workspace: string): Promise<void> {
  await cp(snapshot, workspace, {
    recursive: true,
    verbatimSymlinks: true,
    mode: constants.COPYFILE_FICLONE,
  });
}

/** Relative to `folder`: tracked or new, and not ignored; those of submodules too. */
async function filesOf(folder: string, isRepository: boolean): Promise<string[]> {
  const listed = isRepository
    ? await git(folder, ['ls-files', '-z', '--cached', '--others', '--exclude-standard'])
    : await listWithoutRepository(folder);
  const files: string[] = [];
  // A file in conflict is listed three times, and one that was removed is listed, too.
  for (const name of new Set(listed.split('\0'))) {
    const there = name && (await lstat(join(folder, name)).catch(() => undefined));
    if (!there) continue;
    if (!there.isDirectory()) files.push(name);
    else if (await lstat(join(folder, name, '.git')).catch(() => undefined)) {
      // A submodule, or a repository that lies in this one.
      files.push(...(await filesOf(join(folder, name), true)).map((file) => join(name, file)));
    }
  }
  return files;
}

/** A folder outside of git: its .gitignore counts all the same. */
async function listWithoutRepository(folder: string): Promise<string> {
  const empty = await mkdtemp(join(tmpdir(), 'hybrid-exec-'));
  try {
    await git(empty, ['init', '--quiet', '--bare', '.']);
    return await git(folder, [
      `--git-dir=${empty}`,
      `--work-tree=${folder}`,
      'ls-files',
      '-z',
      '--others',
      '--exclude-standard',
    ]);
  } finally {
    await rm(empty, { recursive: true, force: true });
  }
}

async function copyOne(from: string, to: string, file: string): Promise<void> {
  const [source, target] = [join(from, file), join(to, file)];
  await mkdir(dirname(target), { recursive: true });
  const stats = await lstat(source).catch(() => undefined);
  if (stats?.isSymbolicLink()) await symlink(await readlink(source), target);
  else if (stats?.isFile()) await copyFile(source, target, constants.COPYFILE_FICLONE);
}

/** Steps that ask git which commit this is get an answer; the changes show as changes. */
async function giveHistory({ top, commit, branch }: Place, snapshot: string): Promise<void> {
  try {
    await git(snapshot, ['init', '--quiet', '--template=', `--initial-branch=${branch ?? 'main'}`]);
    await git(snapshot, ['fetch', '--quiet', '--no-tags', '--depth=1', '--', top, 'HEAD']);
    await git(snapshot, ['update-ref', '--no-deref', 'HEAD', commit!]);
    await git(snapshot, ['read-tree', 'HEAD']);
  } catch {
    // Such as a partial clone, which cannot be fetched from: the files are what matters.
    await rm(join(snapshot, '.git'), { recursive: true, force: true });
  }
}
