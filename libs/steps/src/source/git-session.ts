/** Git with the agent's credentials for one repository, from the check of its address to the end of the work. */
import type { Source } from '@hybrid/contracts';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gitAccess } from './git-credentials.js';
import { Git } from './git.js';
import { checkSource, withoutPassword } from './repository.js';
import type { SourceSettings } from './source-settings.js';

/** The user's own, and trust in repositories of other users of this machine: nothing in them is run. */
const CONFIG = '[include]\n\tpath = ~/.gitconfig\n[safe]\n\tdirectory = *\n';

export interface GitSession {
  source: Source;
  /** Folder outside the workspace. */
  scratch: string;
  settings: SourceSettings;
  signal: AbortSignal;
}

/**
 * `repository` as git is told it: what it holds of a password goes another way. Throws StepProblem for a source that is
 * refused, and what `work` throws; the credentials are forgotten then, too.
 */
export async function withGit<T>(
  { source, scratch, settings, signal }: GitSession,
  work: (git: Git, repository: string) => Promise<T>,
): Promise<T> {
  checkSource(source, settings);
  const { repository, own } = withoutPassword(source.repository);
  const access = await gitAccess(settings, own, scratch, signal);
  try {
    const config = join(scratch, 'gitconfig');
    await writeFile(config, `${CONFIG}${access.config}`, { mode: 0o600 });
    return await work(new Git({ config, env: access.env, signal }), repository);
  } finally {
    await access.forget();
  }
}
