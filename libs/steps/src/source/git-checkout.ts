/** Puts the tree of a commit into an empty folder. */
import type { Source } from '@hybrid/contracts';
import { abortable } from '../abortable.js';
import { StepProblem } from '../step.js';
import { fetchLargeFiles, fetchSubmodules } from './git-extras.js';
import { mirrored, removeMirror } from './git-mirrors.js';
import { withGit } from './git-session.js';
import { GitMissing, type Git } from './git.js';
import { isLocal, publicName } from './repository.js';
import { PLAIN_SOURCES, type SourceSettings } from './source-settings.js';

export interface Checkout {
  source: Source;
  /** Absolute path of an empty folder. */
  workspace: string;
  scratch: string;
  settings?: SourceSettings;
  log?(text: string): void;
  signal: AbortSignal;
}

const FULL_SHA = /^([0-9a-f]{40}|[0-9a-f]{64})$/;

/** Full SHA of what was checked out. Throws StepProblem with git's own words. */
export async function checkOut(checkout: Checkout): Promise<string> {
  const { source, workspace, scratch, signal, settings = PLAIN_SOURCES, log = () => undefined } = checkout;
  try {
    return await withGit({ source, scratch, settings, signal }, async (git, repository) => {
      await git.run(workspace, ['init', '--quiet', '--template=']);
      await git.run(workspace, ['config', 'remote.origin.url', repository]);
      await fetchCommit(git, { ...source, repository }, workspace, settings, source.repository);
      const local = isLocal(repository);
      await fetchSubmodules(git, workspace, { ...settings, local, log });
      await fetchLargeFiles(git, workspace, log);
      return (await git.run(workspace, ['rev-parse', 'HEAD'])).trim();
    });
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof StepProblem ? error : problemWith(source, error);
  }
}

async function fetchCommit(
  git: Git,
  { repository, commit, ref }: Source,
  workspace: string,
  { depth, mirrors }: SourceSettings,
  identity: string,
): Promise<void> {
  const wanted = commit ?? ref ?? 'HEAD';
  const deep = depth > 0 ? [`--depth=${depth}`] : [];
  const fetch = async (from: string, what: string): Promise<void> => {
    await git.run(workspace, ['fetch', '--quiet', '--no-tags', ...deep, '--', from, what]);
    await git.run(workspace, ['checkout', '--quiet', '--detach', 'FETCH_HEAD']);
  };
  const isCommit = commit !== undefined;
  if (mirrors !== undefined && !isLocal(repository) && (!isCommit || FULL_SHA.test(commit))) {
    const request = { repository, identity, wanted, isCommit, depth };
    // Whatever is wrong with it, a fetch without it tells better, or mends it.
    const found = await abortable(mirrored(git, mirrors, request), git.signal).catch((error: Error) => {
      git.signal.throwIfAborted();
      return unlessMissing(error);
    });
    const copied =
      found && (await fetch(`file://${found.mirror}`, found.ref).then(() => true, unlessMissing));
    if (copied) return;
    if (found) await removeMirror(found.mirror);
  }
  try {
    await fetch(repository, wanted);
  } catch (error) {
    // Not every server gives a commit by its SHA, and none by a shortened one: everything, then.
    if (commit === undefined || error instanceof GitMissing) throw error;
    await git.run(workspace, ['fetch', '--quiet', '--', repository, '+refs/*:refs/remotes/origin/*']);
    await git.run(workspace, ['checkout', '--quiet', '--detach', commit]);
  }
}

function unlessMissing(error: Error): undefined {
  if (error instanceof GitMissing || error instanceof StepProblem) throw error;
  return undefined;
}

function problemWith({ repository, commit, ref }: Source, cause: unknown): StepProblem {
  const what = `${commit ?? ref ?? 'HEAD'} of ${publicName(repository)}`;
  const reason = (cause as Error).message.replaceAll(repository, publicName(repository));
  const hint = /Host key verification failed/.test(reason)
    ? '; the host is not in known_hosts: add it (ssh-keyscan), or set git-accept-new-hosts'
    : '';
  return new StepProblem(`${what} cannot be checked out: ${reason}${hint}`, { cause });
}
