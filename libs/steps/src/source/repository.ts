/** What may be cloned, and what of its address may be shown. */
import type { Source } from '@hybrid/contracts';
import { StepProblem } from '../step.js';
import type { SourceSettings } from './source-settings.js';

/** The repository without the name and password that it may hold. */
export function publicName(repository: string): string {
  // Up to the last @: a password may hold others.
  return repository.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/?#]*@/i, '$1');
}

/** User and password of an address of http or https are given to git in another way than in its arguments. */
export function withoutPassword(repository: string): {
  repository: string;
  own?: { origin: string; username: string; password: string };
} {
  if (!/^https?:\/\/[^/]*@/i.test(repository) || !URL.canParse(repository)) return { repository };
  const { origin, username, password } = new URL(repository);
  const given = { origin, username: decodeURIComponent(username), password: decodeURIComponent(password) };
  return { repository: publicName(repository), own: given };
}

/** A path of this machine. */
export function isLocal(repository: string): boolean {
  return /^file:/i.test(repository) || !/^([a-z][a-z0-9+.-]*:\/\/|[^/]+:)/i.test(repository);
}

/**
 * Refuses what git would take for an option, a helper program or a refspec, and paths of this machine where its owner
 * does not allow them. Throws StepProblem.
 */
export function checkSource({ repository, commit, ref }: Source, { allowLocal }: SourceSettings): void {
  if (repository.startsWith('-') || /^[A-Za-z0-9]+::/.test(repository) || /[\p{Cc}]/u.test(repository)) {
    throw new StepProblem(
      `the repository ${JSON.stringify(publicName(repository))} is refused: give a URL of http, https, ssh or git, or a path`,
    );
  }
  if (!allowLocal && isLocal(repository))
    throw new StepProblem(
      `the repository ${JSON.stringify(repository)} is a path of the agent's own machine, which this agent lets nobody ` +
        'clone: give a URL of http, https, ssh or git, or start it with --allow-local-repositories',
    );
  if (commit !== undefined && !/^[0-9a-f]{7,64}$/.test(commit))
    throw new StepProblem(`${JSON.stringify(commit)} is not a commit`);
  if (ref !== undefined && !/^[A-Za-z0-9_][^\s:~^?*[\\]*$/.test(ref))
    throw new StepProblem(`${JSON.stringify(ref)} is not a branch or tag`);
}
