import { dirname, join } from 'node:path';
import { Git } from './git.js';

/** What a commit says of itself. */
export interface CommitFacts {
  author?: string;
  email?: string;
  message?: string;
}

/**
 * Of what is checked out; nothing where git does not tell. To be asked while the workspace holds the checkout alone:
 * whoever can write to `.git` can have git run what he likes on this machine.
 */
export async function commitFacts(
  workspace: string,
  scratch: string,
  signal: AbortSignal,
): Promise<CommitFacts> {
  // A folder that is no repository is not taken for a part of one above it.
  const env = { GIT_CEILING_DIRECTORIES: dirname(workspace) };
  const git = new Git({ config: join(scratch, 'gitconfig'), env, signal });
  const told = await git
    .run(workspace, ['log', '-1', '--no-show-signature', '--format=%an%x00%ae%x00%B'])
    .catch(() => '');
  signal.throwIfAborted();
  const [author, email, message] = told.split('\0');
  return { author: author?.trim(), email, message: message?.trim() };
}
