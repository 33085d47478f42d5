import { problem, type Grant } from '@hybrid/contracts';
import { covers, type Principal } from '../identity/principal.js';

/** @throws ProblemError `more_than_own`: nobody gives what they have not themselves, except for the installation. */
export function mayGive({ kind, roles }: Principal, wanted: readonly Grant[]): void {
  if (kind === 'installation') return;
  const index = wanted.findIndex((grant) => !covers(roles, grant));
  if (index < 0) return;
  throw problem('forbidden', 'more_than_own', 'nobody can give a role that they do not have themselves', [
    { path: `roles.${index}`, message: `you do not have the role ${wanted[index]!.role} there` },
  ]);
}
