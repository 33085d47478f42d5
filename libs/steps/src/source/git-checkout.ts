/** Puts the tree of a commit into an empty folder. */
import type { Source } from '@hybrid/contracts';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { abortable } from '../abortable.js';
import { StepProblem } from '../step.js';
import { gitAccess } from './git-credentials.js';
import { fetchLargeFiles, fetchSubmodules } from './git-extras.js';
import { mirrored, removeMirror } from './git-mirrors.js';
import { Git, GitMissing } from './git.js';
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

/** The user's own, and trust in repositories of other users of this machine: nothing in them is run. */
const CONFIG = '[include]\n\tpath = ~/.gitconfig\n[safe]\n\tdirectory = *\n';
const FULL_SHA = /^([0-9a-f]{40}|[0-9a-f]{64})$/;

/** Full SHA of what was checked out. Throws StepProblem with git's own words. */
export async function checkOut(checkout: Checkout): Promise<string> {
  const { source, workspace, scratch, signal, settings = PLAIN_SOURCES, log = () => undefined } = checkout;
  checkSource(source);
  const { repository, own } = withoutPassword(source.repository);
  const access = await gitAccess(settings, own, scratch, signal);
  const config = join(scratch, 'gitconfig');
  await writeFile(config, `${CONFIG}${access.config}`, { mode: 0o600 });
  const git = new Git({ config, env: access.env, signal });
  try {
    await git.run(workspace, ['init', '--quiet', '--template=']);
    await git.run(workspace, ['config', 'remote.origin.url', repository]);
    await fetchCommit(git, { ...source, repository }, workspace, settings, source.repository);
    const local = isLocal(repository);
    await fetchSubmodules(git, workspace, { ...settings, local, log });
    await fetchLargeFiles(git, workspace, log);
    return (await git.run(workspace, ['rev-parse', 'HEAD'])).trim();
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof StepProblem ? error : problemWith(source, error);
  } finally {
    await access.forget();
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

/** The repository without the name and password that it may hold. */
export function publicName(repository: string): string {
  // Up to the last @: a password may hold others.
  return repository.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/?#]*@/i, '$1');
}

/** User and password of an address of http or https are given to git in another way than in its arguments. */
function withoutPassword(repository: string): {
  repository: string;
  own?: { origin: string; username: string; password: string };
} {
  if (!/^https?:\/\/[^/]*@/i.test(repository) || !URL.canParse(repository)) return { repository };
  const { origin, username, password } = new URL(repository);
  const given = { origin, username: decodeURIComponent(username), password: decodeURIComponent(password) };
  return { repository: publicName(repository), own: given };
}

function isLocal(repository: string): boolean {
  return /^file:/i.test(repository) || !/^([a-z][a-z0-9+.-]*:\/\/|[^/]+:)/i.test(repository);
}

/** Refuses what git would take for an option, a helper program or a refspec. */
function checkSource({ repository, commit, ref }: Source): void {
  if (repository.startsWith('-') || /^[A-Za-z0-9]+::/.test(repository) || /[\p{Cc}]/u.test(repository)) {
    throw new StepProblem(
      `the repository ${JSON.stringify(publicName(repository))} is refused: give a path or a URL of http, https, ssh, git or file`,
    );
  }
  if (commit !== undefined && !/^[0-9a-f]{7,64}$/.test(commit))
    throw new StepProblem(`${JSON.stringify(commit)} is not a commit`);
  if (ref !== undefined && !/^[A-Za-z0-9_][^\s:~^?*[\\]*$/.test(ref))
    throw new StepProblem(`${JSON.stringify(ref)} is not a branch or tag`);
}

function problemWith({ repository, commit, ref }: Source, cause: unknown): StepProblem {
  const what = `${commit ?? ref ?? 'HEAD'} of ${publicName(repository)}`;
  const reason = (cause as Error).message.replaceAll(repository, publicName(repository));
  const hint = /Host key verification failed/.test(reason)
    ? '; the host is not in known_hosts: add it (ssh-keyscan), or set git-accept-new-hosts'
    : '';
  return new StepProblem(`${what} cannot be checked out: ${reason}${hint}`, { cause });
}
