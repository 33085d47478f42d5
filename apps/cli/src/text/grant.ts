/** Roles as the command line writes them: `operator`, or `operator@pool:gpu` on one thing only. */
import type { Grant, Role } from '@hybrid/contracts';

const ROLES: readonly Role[] = ['viewer', 'developer', 'operator', 'admin', 'auditor'];
const RESOURCES = ['pool', 'pipeline', 'environment'] as const;

/** Null for anything else. */
export function readGrant(text: string): Grant | null {
  const [role, ...on] = text.split('@');
  if (!ROLES.includes(role as Role)) return null;
  if (on.length === 0) return { role: role as Role };
  const [, kind, name] = /^(\w+):(.+)$/s.exec(on.join('@')) ?? [];
  if (!RESOURCES.includes(kind as never) || !name) return null;
  return { role: role as Role, [kind as (typeof RESOURCES)[number]]: name };
}

export function grantText(grant: Grant): string {
  const on = RESOURCES.flatMap((kind) => (grant[kind] === undefined ? [] : `@${kind}:${grant[kind]}`));
  return grant.role + on.join('');
}

export const GRANT_HELP = `${ROLES.join(', ')}; on one thing only: operator@pool:gpu`;
