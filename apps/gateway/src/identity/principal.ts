/** Whoever is calling, once their credential was checked. */
import { DEFAULT_ORG, type Actor, type Grant, type JoiningKind } from '@hybrid/contracts';
import { MACHINES, type Machine, type Row } from './access-table.js';

/** `installation`: the administrator's token, which may do everything in every organisation. */
export type PrincipalKind = 'installation' | 'user' | 'key' | 'joiner' | 'agent' | 'relay';

export interface Principal {
  kind: PrincipalKind;
  id: string;
  org: string;
  /** Of users and keys; nobody else has any. */
  roles: readonly Grant[];
  /** The agent's; or the only one that may be joined, where a join token says so. */
  pool?: string;
  /** What may join with it; agents unless told. */
  joins?: JoiningKind;
  /** Of an agent, as it was registered. */
  labels?: Record<string, string>;
  capabilities?: readonly string[];
  /** What the agent signed with; `rotate`: it should get the next one. */
  credential?: { version: number; rotate: boolean };
  /** Id of the trust rule by which a workload may join, or has joined. */
  rule?: string;
  /** Id of whoever made the key: a person, or the installation's `administrator`. */
  maker?: string;
  /** Id of the session, never its secret. */
  session?: string;
}

export const ACTORS: Record<PrincipalKind, Actor['type']> = {
  installation: 'user',
  user: 'user',
  key: 'key',
  joiner: 'joiner',
  agent: 'agent',
  relay: 'relay',
};

/** Those that the column `machines` of the access table is about. */
export function isMachine(kind: PrincipalKind): kind is Machine {
  return (MACHINES as readonly string[]).includes(kind);
}

/** `yes`; `no`; or `on`: only if the resource of the row is one of those that the principal has a role on. */
export function mayUse(row: Row, { kind, roles }: Principal): 'yes' | 'no' | 'on' {
  if (kind === 'installation') return row.roles.length > 0 ? 'yes' : 'no';
  if (isMachine(kind)) return row.machines.includes(kind) ? 'yes' : 'no';
  const fitting = roles.filter(({ role }) => row.roles.includes(role));
  if (fitting.some(isForAll)) return 'yes';
  const { on } = row;
  return on && fitting.some((grant) => grant[on.kind] !== undefined) ? 'on' : 'no';
}

/** Whether one of the roles is on this very thing. */
export function mayUseOn(row: Row, { roles }: Principal, name: string): boolean {
  const { on } = row;
  return on !== undefined && roles.some((grant) => row.roles.includes(grant.role) && grant[on.kind] === name);
}

/** Admins of the organisation that was always there look after what concerns all. */
export function tendsInstallation({ kind, org, roles }: Principal): boolean {
  return kind === 'installation' || (org === DEFAULT_ORG && decides(roles));
}

/** Has the role admin in the whole organisation. */
export function decides(roles: readonly Grant[]): boolean {
  return roles.some((grant) => grant.role === 'admin' && isForAll(grant));
}

export function isForAll({ pool, pipeline, environment }: Grant): boolean {
  return pool === undefined && pipeline === undefined && environment === undefined;
}

/**
 * Whether somebody with `held` has all that `wanted` gives: nobody gives to others, or to a key, what they have not
 * themselves. An admin of the organisation has everything in it.
 */
export function covers(held: readonly Grant[], wanted: Grant): boolean {
  return held.some(
    (grant) =>
      (isForAll(grant) && grant.role === 'admin') ||
      (grant.role === wanted.role &&
        (isForAll(grant) ||
          (grant.pool === wanted.pool &&
            grant.pipeline === wanted.pipeline &&
            grant.environment === wanted.environment))),
  );
}
