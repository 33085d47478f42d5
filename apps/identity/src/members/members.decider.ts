/**
 * The people of one organisation, and its invitations.
 *
 *   invitation:  OPEN ──sign-in with it──► ACCEPTED          person:  ──invitation──► member ──removed──► nobody
 *                OPEN ──revoke──► REVOKED                                 ▲                                   │
 *                OPEN, past its time: refused as if it were not there     └──────────another invitation───────┘
 *
 * An organisation keeps its last administrator: also where two take each other's role at the same moment, as both appends
 * are to this one stream. Before the first one came by invitation it has none.
 *
 * Rejections: idempotency_key_reused, invitation_not_found, invitation_accepted, invitation_invalid, not_a_member,
 * user_not_found, last_admin, and those of grants.ts.
 */
import type { Grant, VouchedUser } from '@hybrid/contracts';
import { reject, type Decider, type Rejection } from '@hybrid/decider';
import { isDeepStrictEqual } from 'node:util';
import { keptGrants } from '../grants.js';
import { emptyBook, enter, entries, lookUp, type Book } from './book.js';
import { memberEvents, type InvitationCreated, type MemberEvent } from './member.events.js';

export interface Member {
  user: VouchedUser;
  roles: Grant[];
  joined_at: string;
}

export interface Invitation extends InvitationCreated {
  revoked: boolean;
  /** Who came with it; null: nobody yet. */
  accepted_by: string | null;
}

export interface MembersState {
  /** By user_id. */
  members: Book<Member>;
  /** All that ever were, so that none is used twice. */
  invitations: Book<Invitation>;
}

export type MembersCommand =
  | ({ type: 'CreateInvitation'; now: string } & Omit<InvitationCreated, 'at'>)
  | { type: 'RevokeInvitation'; invitation_id: string; now: string }
  /** The secret of the invitation was checked. */
  | { type: 'SignIn'; user_id: string; user: VouchedUser; invitation_id: string | null; now: string }
  | { type: 'SetRoles'; user_id: string; roles: Grant[]; now: string }
  | { type: 'RemoveMember'; user_id: string; now: string };

export const membersDecider: Decider<MembersState, MembersCommand, MemberEvent> = {
  initial: { members: emptyBook, invitations: emptyBook },
  events: memberEvents,
  decide,
  evolve,
};

export function isOpen({ revoked, accepted_by, expires_at }: Invitation, now: string): boolean {
  return !revoked && accepted_by === null && expires_at > now;
}

function decide(command: MembersCommand, state: MembersState): MemberEvent[] | Rejection {
  const at = command.now;
  switch (command.type) {
    case 'CreateInvitation':
      return invite(command, state);
    case 'RevokeInvitation': {
      const { invitation_id } = command;
      const invitation = lookUp(state.invitations, invitation_id);
      if (!invitation) return reject('invitation_not_found', 'there is no such invitation', 'not_found');
      if (invitation.accepted_by !== null)
        return reject('invitation_accepted', 'somebody came with this invitation: remove the user instead');
      return invitation.revoked ? [] : [{ type: 'InvitationRevoked', data: { invitation_id, at } }];
    }
    case 'SignIn':
      return signIn(command, state);
    case 'SetRoles': {
      const { user_id } = command;
      const member = lookUp(state.members, user_id);
      if (!member) return noSuchUser();
      const roles = keptGrants(command.roles);
      if ('rejected' in roles) return roles;
      if (isDeepStrictEqual(roles, member.roles)) return [];
      if (isLastAdmin(user_id, state) && !isAdmin(roles)) return noAdminLeft();
      return [{ type: 'MemberRolesChanged', data: { user_id, roles, at } }];
    }
    case 'RemoveMember': {
      const { user_id } = command;
      if (!lookUp(state.members, user_id)) return noSuchUser();
      if (isLastAdmin(user_id, state)) return noAdminLeft();
      return [{ type: 'MemberRemoved', data: { user_id, at } }];
    }
  }
}

/** The same again means that its reply was lost. */
function invite(
  command: MembersCommand & { type: 'CreateInvitation' },
  state: MembersState,
): MemberEvent[] | Rejection {
  const { invitation_id, sha256, name, expires_at, created_by, now: at } = command;
  const roles = keptGrants(command.roles);
  if ('rejected' in roles) return roles;
  const before = lookUp(state.invitations, invitation_id);
  if (!before)
    return [
      {
        type: 'InvitationCreated',
        data: { invitation_id, sha256, name, roles, expires_at, created_by, at },
      },
    ];
  const asked = { ...before, sha256, name, roles };
  const same =
    isDeepStrictEqual(asked, before) && lifetime(expires_at, at) === lifetime(before.expires_at, before.at);
  if (same) return [];
  return reject(
    'idempotency_key_reused',
    'another invitation was made with this Idempotency-Key: use a new one for each',
  );
}

function lifetime(expiresAt: string, createdAt: string): number {
  return Date.parse(expiresAt) - Date.parse(createdAt);
}

/** Sign-ins that change nothing are no events here: the session that follows is one. */
function signIn(
  { user_id, user, invitation_id, now: at }: MembersCommand & { type: 'SignIn' },
  state: MembersState,
): MemberEvent[] | Rejection {
  const member = lookUp(state.members, user_id);
  const profile: MemberEvent[] =
    member && !isDeepStrictEqual(member.user, user)
      ? [{ type: 'MemberProfileChanged', data: { user_id, user, at } }]
      : [];
  if (invitation_id !== null) {
    const invitation = lookUp(state.invitations, invitation_id);
    if (invitation && isOpen(invitation, at)) {
      const accepted: MemberEvent = { type: 'InvitationAccepted', data: { invitation_id, user_id, at } };
      const { roles } = invitation;
      if (!member)
        return [accepted, { type: 'MemberJoined', data: { user_id, user, roles, invitation_id, at } }];
      const both = keptGrants([...member.roles, ...roles]);
      if ('rejected' in both) return both;
      if (isDeepStrictEqual(both, member.roles)) return [accepted, ...profile];
      return [accepted, ...profile, { type: 'MemberRolesChanged', data: { user_id, roles: both, at } }];
    }
    // The link that somebody came by may be followed again, by them, for as long as they belong here.
    if (!member || invitation?.accepted_by !== user_id)
      return reject('invitation_invalid', INVITATION_INVALID, 'not_found');
  }
  return member ? profile : reject('not_a_member', NOT_A_MEMBER, 'forbidden');
}

export const INVITATION_INVALID =
  'this invitation is not valid, or not any more: ask whoever invited you for a new one';
export const NOT_A_MEMBER = 'you do not belong to this organisation: ask an administrator to invite you';

function noSuchUser(): Rejection {
  return reject('user_not_found', 'there is no such user in this organisation', 'not_found');
}

function noAdminLeft(): Rejection {
  return reject('last_admin', 'no administrator would be left: make somebody else one first');
}

function isLastAdmin(userId: string, { members }: MembersState): boolean {
  const admins = entries(members).filter(([, { roles }]) => isAdmin(roles));
  return admins.length === 1 && admins[0]![0] === userId;
}

/** Of the whole organisation. */
function isAdmin(roles: Grant[]): boolean {
  return roles.some(
    (grant) => grant.role === 'admin' && (grant.pool ?? grant.pipeline ?? grant.environment) === undefined,
  );
}

function evolve(state: MembersState, event: MemberEvent): MembersState {
  const { members, invitations } = state;
  switch (event.type) {
    case 'InvitationCreated': {
      const invitation = { ...event.data, revoked: false, accepted_by: null };
      return { members, invitations: enter(invitations, event.data.invitation_id, invitation) };
    }
    case 'InvitationRevoked':
      return withInvitation(state, event.data.invitation_id, { revoked: true });
    case 'InvitationAccepted':
      return withInvitation(state, event.data.invitation_id, { accepted_by: event.data.user_id });
    case 'MemberJoined': {
      const { user_id, user, roles, invitation_id, at } = event.data;
      if (!lookUp(invitations, invitation_id)) return state;
      return { members: enter(members, user_id, { user, roles, joined_at: at }), invitations };
    }
    case 'MemberProfileChanged':
      return withMember(state, event.data.user_id, { user: event.data.user });
    case 'MemberRolesChanged':
      return withMember(state, event.data.user_id, { roles: event.data.roles });
    case 'MemberRemoved':
      return { members: enter(members, event.data.user_id, undefined), invitations };
  }
}

function withMember(
  { members, invitations }: MembersState,
  id: string,
  change: Partial<Member>,
): MembersState {
  const before = lookUp(members, id);
  return { members: before ? enter(members, id, { ...before, ...change }) : members, invitations };
}

function withInvitation(
  { members, invitations }: MembersState,
  id: string,
  change: Partial<Invitation>,
): MembersState {
  const before = lookUp(invitations, id);
  return { members, invitations: before ? enter(invitations, id, { ...before, ...change }) : invitations };
}
