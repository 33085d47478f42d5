/**
 * Copies of repositories that the agent keeps, so that the steps of a run fetch a commit once. A mirror holds the commits
 * that were asked for, as deep as the agent's setting says; what a step gets is copied out of it, so that nothing of the
 * mirror is in reach of the step.
 */
import { createHash } from 'node:crypto';
import { mkdir, readdir, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import type { Git } from './git.js';

/** Milliseconds without use after which a mirror is removed. */
const UNUSED_MS = 14 * 24 * 60 * 60 * 1000;
/** Commits that are kept; git's own housekeeping removes the others in time. */
const COMMITS_MAX = 200;
const REFS = 'refs/hybrid/';
/** A folder is taken for a repository only where that is said: see Git. */
const IN_HERE = '--git-dir=.';

export interface Wanted {
  repository: string;
  /** The whole address: who came with another password has another mirror. */
  identity: string;
  wanted: string;
  isCommit: boolean;
  /** Commits of history; 0 for all of it. */
  depth: number;
}

/** By folder: who changes a mirror waits for who did before. */
const turns = new Map<string, Promise<unknown>>();
const swept = new Set<string>();

/**
 * Path of a mirror in which `refs/hybrid/<SHA>` is the commit that `wanted` (a full SHA, or a branch or tag) stands for.
 * Throws what git says.
 */
export async function mirrored(
  git: Git,
  folder: string,
  { repository, identity, wanted, isCommit, depth }: Wanted,
): Promise<{ mirror: string; ref: string }> {
  const name = createHash('sha256').update(`${identity}\n${depth}`).digest('hex').slice(0, 40);
  const mirror = join(folder, `${name}.git`);
  return inTurn(mirror, async () => {
    await open(git, folder, mirror);
    const known = `${REFS}${wanted}`;
    if (isCommit && (await has(git, mirror, known))) return { mirror, ref: known };
    const deep = depth > 0 ? [`--depth=${depth}`] : [];
    const refspec = isCommit ? `+${wanted}:${known}` : wanted;
    await git.run(mirror, [IN_HERE, 'fetch', '--quiet', '--no-tags', ...deep, '--', repository, refspec]);
    if (isCommit) return { mirror, ref: known };
    const sha = (await git.run(mirror, [IN_HERE, 'rev-parse', '--verify', 'FETCH_HEAD^{commit}'])).trim();
    await git.run(mirror, [IN_HERE, 'update-ref', `${REFS}${sha}`, sha]);
    return { mirror, ref: `${REFS}${sha}` };
  });
}

async function open(git: Git, folder: string, mirror: string): Promise<void> {
  if (!swept.has(mirror)) {
    swept.add(mirror);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await removeUnused(folder);
    // Left by an agent that was killed; nobody else writes here.
    await rm(join(mirror, 'shallow.lock'), { force: true });
  }
  if (!(await exists(join(mirror, 'HEAD')))) {
    await git.run(folder, ['init', '--quiet', '--bare', '--template=', mirror]);
    for (const [key, value] of [
      ['gc.autoDetach', 'false'],
      ['uploadpack.allowAnySHA1InWant', 'true'],
    ] as const)
      await git.run(mirror, [IN_HERE, 'config', key, value]);
  }
  const now = new Date();
  await utimes(mirror, now, now);
  await forgetOldest(git, mirror);
}

async function forgetOldest(git: Git, mirror: string): Promise<void> {
  const folder = join(mirror, REFS);
  const names = await readdir(folder).catch(() => []);
  if (names.length <= COMMITS_MAX) return;
  const aged = await Promise.all(
    names.map(async (name) => ({ name, at: (await stat(join(folder, name))).mtimeMs })),
  );
  const oldest = aged.sort((a, b) => a.at - b.at).slice(0, names.length - COMMITS_MAX / 2);
  for (const { name } of oldest) await git.run(mirror, [IN_HERE, 'update-ref', '-d', REFS + name]);
}

async function removeUnused(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    if (Date.now() - (await stat(path)).mtimeMs > UNUSED_MS) await rm(path, { recursive: true, force: true });
  }
}

/** What is there but cannot be used is made anew. */
export async function removeMirror(mirror: string): Promise<void> {
  await inTurn(mirror, () => rm(mirror, { recursive: true, force: true }));
}

async function has(git: Git, mirror: string, ref: string): Promise<boolean> {
  return git.run(mirror, [IN_HERE, 'cat-file', '-e', `${ref}^{commit}`]).then(
    () => true,
    (error: Error) => {
      if (error.name === 'GitMissing') throw error;
      return false;
    },
  );
}

async function inTurn<T>(mirror: string, work: () => Promise<T>): Promise<T> {
  const before = turns.get(mirror) ?? Promise.resolve();
  const own = before.then(work, work);
  const settled = own.catch(() => undefined);
  turns.set(mirror, settled);
  void settled.then(() => {
    if (turns.get(mirror) === settled) turns.delete(mirror);
  });
  return own;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
