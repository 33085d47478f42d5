/** Puts the tree of a commit into an empty folder. */
import type { Source } from '@hybrid/contracts';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { endGroup, startGroup } from '../sandbox/child-command.js';
import { StepProblem } from '../step.js';

export interface Checkout {
  source: Source;
  /** Absolute path of an empty folder. */
  workspace: string;
  scratch: string;
  signal: AbortSignal;
}

/** Full SHA of what was checked out. Throws StepProblem with git's own words. */
export async function checkOut({ source, workspace, scratch, signal }: Checkout): Promise<string> {
  checkSource(source);
  const config = join(scratch, 'gitconfig');
  await writeFile(config, '[include]\n\tpath = ~/.gitconfig\n[safe]\n\tdirectory = *\n');
  const git = (...args: string[]): Promise<string> => runGit(args, workspace, config, signal);
  const { repository, commit, ref } = source;

  await git('init', '--quiet', '--template=');
  const wanted = commit ?? ref ?? 'HEAD';
  try {
    await git('fetch', '--quiet', '--no-tags', '--depth=1', '--', repository, wanted);
    await git('checkout', '--quiet', '--detach', 'FETCH_HEAD');
  } catch (error) {
    signal.throwIfAborted();
    // Not every server gives a commit by its SHA, and none by a shortened one: everything, then.
    if (commit === undefined || error instanceof GitMissing) throw problemWith(source, error);
    try {
      await git('fetch', '--quiet', '--', repository, '+refs/*:refs/remotes/origin/*');
      await git('checkout', '--quiet', '--detach', commit);
    } catch (second) {
      signal.throwIfAborted();
      throw problemWith(source, second);
    }
  }
  return (await git('rev-parse', 'HEAD')).trim();
}

/** The repository without the name and password that it may hold. */
export function publicName(repository: string): string {
  return repository.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/@]*@/i, '$1');
}

/** Refuses what git would take for an option, a helper program or a refspec. */
function checkSource({ repository, commit, ref }: Source): void {
  if (repository.startsWith('-') || /^[A-Za-z0-9]+::/.test(repository)) {
    throw new StepProblem(
      `the repository ${JSON.stringify(publicName(repository))} is refused: give a path or a URL of http, https, ssh, git or file`,
    );
  }
  if (commit !== undefined && !/^[0-9a-f]{7,64}$/.test(commit))
    throw new StepProblem(`${JSON.stringify(commit)} is not a commit`);
  if (ref !== undefined && !/^[A-Za-z0-9_][^\s:~^?*[\\]*$/.test(ref))
    throw new StepProblem(`${JSON.stringify(ref)} is not a branch or tag`);
}

class GitMissing extends Error {
  constructor(options: ErrorOptions) {
    super('git cannot be started: install git on the machine of the agent', options);
    this.name = 'GitMissing';
  }
}

async function runGit(args: string[], cwd: string, config: string, signal: AbortSignal): Promise<string> {
  signal.throwIfAborted();
  const { child, ended } = startGroup('git', ['-c', 'core.hooksPath=/dev/null', ...args], {
    cwd,
    env: gitEnv(config),
  });
  const end = (): void => {
    if (child.pid !== undefined) void endGroup(child.pid);
  };
  signal.addEventListener('abort', end, { once: true });
  let out = '';
  let errors = '';
  child.stdout?.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (errors = (errors + chunk.toString()).slice(-2000)));
  try {
    const closed = new Promise((resolve) => child.once('close', resolve));
    const code = await ended.catch((cause: Error) => {
      throw new GitMissing({ cause });
    });
    await closed;
    if (code !== 0) throw new Error(errors.trim() || `git ended with ${code}`);
    return out;
  } finally {
    signal.removeEventListener('abort', end);
  }
}

/** The agent's own environment (git may need its proxies and keys), without what is the agent's alone. */
function gitEnv(config: string): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('HYBRID_') && !name.startsWith('GIT_'),
  );
  return {
    ...Object.fromEntries(own),
    ...(process.env['GIT_SSH_COMMAND'] && { GIT_SSH_COMMAND: process.env['GIT_SSH_COMMAND'] }),
    GIT_TERMINAL_PROMPT: '0',
    GIT_ALLOW_PROTOCOL: 'file:git:http:https:ssh',
    // The only configuration that also reaches the other end of a local clone.
    GIT_CONFIG_GLOBAL: config,
  };
}

function problemWith({ repository, commit, ref }: Source, cause: unknown): StepProblem {
  const what = `${commit ?? ref ?? 'HEAD'} of ${publicName(repository)}`;
  const reason = (cause as Error).message.replaceAll(repository, publicName(repository));
  return new StepProblem(`${what} cannot be checked out: ${reason}`, { cause });
}
