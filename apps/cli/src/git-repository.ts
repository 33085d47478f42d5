/** What a run needs to know of a git repository: where it is, which commit, and a file at that commit. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { filesNamedIn } from './definition-files.js';
import { CommandError, UsageError } from './errors.js';
import { EXIT } from './exit-codes.js';
import { SIGNATURE_SUFFIX } from './pipeline-definition.js';

export interface Snapshot {
  /** What the agent clones: an absolute path or the URL as it was given. */
  repository: string;
  commit: string;
  /** Branch or tag, if the commit was reached by one. */
  ref: string | undefined;
  /** Uncommitted changes, which a run does not see. */
  dirty: boolean;
  /** Text of the definition at the commit; `undefined` when it is not there. */
  file: string | undefined;
  /** Of the definition at the commit, by the customer's key. */
  signature: string | undefined;
  /** Files of the commit that the definition names, by their paths. */
  files: Record<string, string>;
}

export interface WantedDefinition {
  /** Path from the repository's root. */
  file: string;
  /** Instead of it. */
  text?: string;
}

const run = promisify(execFile);
/** A definition is at most 500,000 characters, and longer ones get a good message later; a list of files is larger. */
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

/**
 * Settings of a repository can name programs to run; none of them may run only because somebody asked for a run.
 * The owner check is lifted because the user named the repository.
 */
const HARMLESS = ['-c', 'core.fsmonitor=false', '-c', 'core.hooksPath=/dev/null', '-c', 'safe.directory=*'];

/** What git tells the programs that it starts: in a hook, `-C` alone would not lead elsewhere. */
const OF_ANOTHER_REPOSITORY = /^GIT_(DIR|WORK_TREE|INDEX_FILE|OBJECT_DIRECTORY|COMMON_DIR|PREFIX)$/;

/** What git prints. Rejects with git's own words in `stderr`. */
export async function git(directory: string, args: string[]): Promise<string> {
  const own = Object.entries(process.env).filter(([name]) => !OF_ANOTHER_REPOSITORY.test(name));
  const { stdout } = await run('git', [...HARMLESS, '-C', directory, ...args], {
    env: { ...Object.fromEntries(own), GIT_TERMINAL_PROMPT: '0', LC_ALL: 'C' },
    maxBuffer: MAX_OUTPUT_BYTES,
  });
  return stdout;
}

/** Trimmed; `undefined` where git fails or prints nothing. */
export async function gitAnswer(directory: string, args: string[]): Promise<string | undefined> {
  return git(directory, args).then(
    (text) => text.trim() || undefined,
    () => undefined,
  );
}

/** Reads a local or a remote repository. Throws CommandError with what to do. */
export async function readRepository(
  address: string,
  ref: string | undefined,
  file: WantedDefinition,
): Promise<Snapshot> {
  if (address.startsWith('-') || address.startsWith('ext::')) {
    throw new UsageError(`"${address}" is neither a path nor a URL of a git repository (--repo)`);
  }
  if (ref?.startsWith('-')) throw new UsageError(`"${ref}" is not a branch, tag or commit (--ref)`);
  await run('git', ['--version']).catch((cause: unknown) => {
    throw new CommandError('git is not on this machine: install it (apt-get install git)', EXIT.failed, {
      cause,
    });
  });
  return isUrl(address) ? readRemote(address, ref, file) : readLocal(address, ref, file);
}

export function isUrl(address: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(address) || /^[^/\\\s]+@[^/:\s]+:/.test(address);
}

async function readLocal(path: string, ref: string | undefined, file: WantedDefinition): Promise<Snapshot> {
  const workTree = await gitAnswer(path, ['rev-parse', '--show-toplevel']);
  const repository = workTree ?? (await gitAnswer(path, ['rev-parse', '--absolute-git-dir']));
  if (!repository) {
    throw new CommandError(
      `${path} is not a git repository (--repo): git init and commit there, or name another`,
      EXIT.failed,
    );
  }
  const dirty = workTree ? (await gitAnswer(repository, ['status', '--porcelain'])) !== undefined : false;
  return { ...(await snapshot(repository, repository, ref, file)), dirty };
}

async function readRemote(url: string, ref: string | undefined, file: WantedDefinition): Promise<Snapshot> {
  if (/^[a-z][a-z0-9+.-]*:\/\/[^/@]*:[^/@]+@/i.test(url)) {
    throw new UsageError(
      'the URL holds a password, which must not leave this machine: use a credential helper or ssh (--repo)',
    );
  }
  const directory = await mkdtemp(join(tmpdir(), 'hybrid-repository-'));
  try {
    await git(directory, ['init', '--quiet', '--bare', '.']);
    try {
      // One commit and no history: enough to know the commit and to read the file.
      await git(directory, ['fetch', '--quiet', '--depth', '1', url, ref ?? 'HEAD']);
    } catch (cause) {
      const words = (cause as { stderr?: string }).stderr?.trim() ?? '';
      throw new CommandError(`git cannot fetch ${ref ?? 'HEAD'} of ${url}: ${words}`, EXIT.failed, { cause });
    }
    const { commit, ...read } = await snapshot(directory, url, 'FETCH_HEAD', file);
    const branch = ref ?? (await defaultBranch(url));
    const named = branch === commit ? undefined : branch;
    return { ...read, repository: url, commit, ref: named, dirty: false };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function defaultBranch(url: string): Promise<string | undefined> {
  const lines = await gitAnswer('.', ['ls-remote', '--symref', url, 'HEAD']);
  return /^ref: refs\/heads\/(\S+)\s+HEAD$/m.exec(lines ?? '')?.[1];
}

async function snapshot(
  directory: string,
  repository: string,
  ref: string | undefined,
  wanted: WantedDefinition,
): Promise<Omit<Snapshot, 'dirty'>> {
  const commit = await gitAnswer(directory, [
    'rev-parse',
    '--verify',
    '--quiet',
    `${ref ?? 'HEAD'}^{commit}`,
  ]);
  if (!commit) {
    const what = ref ? `no branch, tag or commit "${ref}" (--ref)` : 'no commit yet: commit something first';
    throw new CommandError(`${repository} has ${what}`, EXIT.failed);
  }
  const full = await gitAnswer(directory, ['rev-parse', '--symbolic-full-name', ref ?? 'HEAD']);
  const read = (path: string) => git(directory, ['show', `${commit}:${path}`]).catch(() => undefined);
  const text = await read(wanted.file);
  return {
    repository,
    commit,
    ref: /^refs\/(?:heads|tags|remotes\/[^/]+)\/(.+)$/.exec(full ?? '')?.[1],
    file: text,
    signature: (await read(wanted.file + SIGNATURE_SUFFIX))?.trim(),
    files: await filesNamedIn(wanted.text ?? text ?? '', read),
  };
}
