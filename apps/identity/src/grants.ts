/** Roles as they are kept: each grant once, on at most one thing. Who may give which is the gateway's to check. */
import type { Grant } from '@hybrid/contracts';
import { reject, type Rejection } from '@hybrid/decider';

/**
 * The same grants, each once and without what is undefined, in the order in which they were given. Rejections:
 * roles_missing (whoever may do nothing is removed instead), roles_ambiguous.
 */
export function keptGrants(roles: readonly Grant[]): Grant[] | Rejection {
  if (!roles.length) return reject('roles_missing', 'give at least one role', 'invalid');
  const kept = new Map<string, Grant>();
  for (const { role, pool, pipeline, environment } of roles) {
    const on = Object.entries({ pool, pipeline, environment }).filter(([, name]) => name !== undefined);
    if (on.length > 1)
      return reject(
        'roles_ambiguous',
        `the role ${role} is given on ${on.map(([what]) => what).join(' and ')} at once: a grant names one of them, or none`,
        'invalid',
      );
    const grant = { role, ...Object.fromEntries(on) };
    kept.set(JSON.stringify(grant), grant);
  }
  return [...kept.values()];
}
