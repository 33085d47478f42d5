/** What a commit alone does not hold: submodules, and the large files that Git LFS keeps elsewhere. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Git } from './git.js';

const LFS = {
  'filter.lfs.clean': 'git-lfs clean -- %f',
  'filter.lfs.smudge': 'git-lfs smudge -- %f',
  'filter.lfs.process': 'git-lfs filter-process',
  'filter.lfs.required': 'true',
};

interface SubmoduleOptions {
  submodules: boolean;
  /** Commits of history; 0 for all of it. */
  depth: number;
  /** The repository lies on this machine: only then may its submodules, too. */
  local: boolean;
  log(text: string): void;
}

export async function fetchSubmodules(
  git: Git,
  workspace: string,
  { submodules, depth, local, log }: SubmoduleOptions,
): Promise<void> {
  const wanted = await stat(join(workspace, '.gitmodules')).catch(() => undefined);
  if (!wanted?.isFile()) return;
  if (!submodules) {
    log("the repository has submodules, which are left out: the agent's setting git-submodules fetches them");
    return;
  }
  // A file of somebody's repository must not have others of this machine copied.
  const env = { GIT_ALLOW_PROTOCOL: `${local ? 'file:' : ''}git:http:https:ssh` };
  const update = (...deep: string[]): Promise<string> =>
    git.run(workspace, ['submodule', 'update', '--init', '--recursive', '--quiet', ...deep], env);
  try {
    await update(...(depth > 0 ? [`--depth=${depth}`] : []));
  } catch (error) {
    if (depth === 0 || (error as Error).name === 'GitMissing') throw error;
    // Not every server gives a commit by its SHA.
    await update();
  }
}

export async function fetchLargeFiles(
  git: Git,
  workspace: string,
  log: (text: string) => void,
): Promise<void> {
  const files =
    (await git.run(workspace, ['ls-files', '-z', '--', ':(attr:filter=lfs)'])).split('\0').length - 1;
  if (files === 0) return;
  const installed = await git.run(workspace, ['lfs', 'version']).then(
    () => true,
    () => false,
  );
  if (!installed) {
    log(`${files} file(s) are kept in Git LFS and stay pointers: git-lfs is not installed on this agent`);
    return;
  }
  const config = Object.entries(LFS).flatMap(([key, value]) => ['-c', `${key}=${value}`]);
  await git.run(workspace, [...config, 'lfs', 'pull'], { GIT_LFS_SKIP_SMUDGE: '0' });
}
