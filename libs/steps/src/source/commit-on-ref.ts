/**
 * Whether a commit is on the branch or tag that a run names, as the remote has it: who starts a run may name any two.
 * Only the history is looked at, in a repository of its own that no step sees.
 */
import type { Source } from '@hybrid/contracts';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { StepProblem } from '../step.js';
import { withGit, type GitSession } from './git-session.js';
import { GitMissing, type Git } from './git.js';
import { publicName } from './repository.js';

const FULL_SHA = /^([0-9a-f]{40}|[0-9a-f]{64})$/;
/** Commits of history: most are the newest, or nearly; then all of it. */
const DEPTHS = [100, 2 ** 31 - 1];
/** Commits alone, where the server knows how. */
const HISTORY_ALONE = '--filter=tree:0';

/**
 * Full SHA of the source's commit, or of the tip where it names none. Where a branch and a tag have the same name it must
 * be on both, as git may mean either. Throws StepProblem where it is not, or git cannot tell.
 */
export async function commitOnRef(session: GitSession): Promise<string> {
  const { source, signal } = session;
  const wanted = source.commit;
  if (wanted !== undefined && !FULL_SHA.test(wanted))
    throw refused(source, 'give the whole SHA: a shortened one may stand for another commit');
  try {
    return await withGit(session, async (git, repository) => {
      const tips = await tipsOf(git, session, repository);
      const [tip] = tips.values();
      if (tip === undefined) throw refused(source, 'there is no such branch or tag');
      const commit = wanted ?? tip;
      const others = [...tips].filter(([, sha]) => sha !== commit);
      for (const [ref] of others)
        if (!(await hasCommit(git, session, repository, ref, commit)))
          throw refused(source, `${commit} is not on ${ref}`);
      return commit;
    });
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof StepProblem) throw error;
    const reason = (error as Error).message.replaceAll(source.repository, publicName(source.repository));
    throw refused(source, `git cannot tell: ${reason}`, error);
  }
}

/** Commits by full name of the ref. */
async function tipsOf(
  git: Git,
  { source, scratch }: GitSession,
  repository: string,
): Promise<Map<string, string>> {
  const ref = source.ref ?? 'HEAD';
  const names = ref.startsWith('refs/') ? [ref] : [`refs/heads/${ref}`, `refs/tags/${ref}`];
  // A tag of its own is told twice: as itself, and with ^{} as the commit that it stands for.
  const patterns = names.flatMap((name) => [name, `${name}^{}`]);
  const lines = (await git.run(scratch, ['ls-remote', '--', repository, ...patterns])).split('\n');
  const told = new Map(lines.map((line) => line.split('\t')).map(([sha = '', name = '']) => [name, sha]));
  return new Map(
    names.flatMap((name) => {
      const sha = told.get(`${name}^{}`) ?? told.get(name);
      return sha === undefined ? [] : [[name, sha]];
    }),
  );
}

async function hasCommit(
  git: Git,
  { scratch }: GitSession,
  repository: string,
  ref: string,
  commit: string,
): Promise<boolean> {
  const folder = join(scratch, 'history');
  try {
    await mkdir(folder);
    await git.run(folder, ['init', '--quiet', '--template=']);
    await git.run(folder, ['config', 'remote.origin.url', repository]);
    for (const depth of DEPTHS) {
      const how = ['--quiet', '--no-tags', `--depth=${depth}`, HISTORY_ALONE];
      await git.run(folder, ['fetch', ...how, 'origin', `+${ref}:refs/tip`]);
      if (await isAncestor(git, folder, commit)) return true;
    }
    return false;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function isAncestor(git: Git, folder: string, commit: string): Promise<boolean> {
  // Of what it leaves out git would fetch what it misses: a commit that is on no branch, and all that is before it.
  const nothingMore = { GIT_ALLOW_PROTOCOL: 'none' };
  return git.run(folder, ['merge-base', '--is-ancestor', commit, 'refs/tip'], nothingMore).then(
    () => true,
    (error: Error) => {
      if (error instanceof GitMissing) throw error;
      git.signal.throwIfAborted();
      return false;
    },
  );
}

function refused({ repository, commit, ref }: Source, why: string, cause?: unknown): StepProblem {
  return new StepProblem(
    `${commit ?? 'the commit'} is not known to be on ${ref ?? 'a branch'} of ${publicName(repository)}: ${why}`,
    { cause },
  );
}
