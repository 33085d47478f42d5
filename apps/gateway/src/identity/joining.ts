/** Who may register what, and how that is written down. */
import { problem, type JoinedBy, type JoiningKind } from '@hybrid/contracts';
import type { Principal } from './principal.js';

/** @throws ProblemError `joins_agents`, `joins_relays`: it is a join token, or a trust rule, for the other. */
export function mayJoinAs(wanted: JoiningKind, { kind, joins = 'agent' }: Principal): void {
  if (kind !== 'joiner' || joins === wanted) return;
  if (joins === 'agent')
    throw problem(
      'forbidden',
      'joins_agents',
      'with this agents join: relays join with a token of `hybrid join-token create --relay`, or by a trust rule for relays',
    );
  throw problem(
    'forbidden',
    'joins_relays',
    'with this relays join: agents join with a token of `hybrid join-token create`',
  );
}

/** The token that all agents of the installation share is nobody's. */
export function joinedBy({ kind, id, rule }: Principal): JoinedBy {
  if (rule !== undefined) return { kind: 'rule', id: rule };
  switch (kind) {
    case 'user':
    case 'key':
      return { kind, id };
    case 'joiner':
      return { kind: id === 'join-token' ? 'installation' : 'join-token', id };
    case 'installation':
    case 'agent':
    case 'relay':
      return { kind: 'installation', id };
  }
}
