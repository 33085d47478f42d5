import { describe, it } from '@jest/globals';
import type { Grant, VouchedUser } from '@hybrid/contracts';
import { given } from '@hybrid/testing';
import type { MemberEvent } from './member.events.js';
import { membersDecider, type MembersCommand } from './members.decider.js';
import { admin, viewer, vouched } from './members.fixtures.js';

const now = '2026-01-01T12:00:00.000Z';
const expires_at = '2026-01-02T00:00:00.000Z';
const later = '2026-01-03T00:00:00.000Z';
const operator: Grant = { role: 'operator', pool: 'gpu' };

const terms = (invitation_id: string, roles: Grant[] = [viewer]) => ({
  invitation_id,
  sha256: invitation_id.repeat(64),
  name: null,
  roles,
  expires_at,
  created_by: 'user:root',
});
const invite = (id: string, roles?: Grant[]): MembersCommand => ({
  type: 'CreateInvitation',
  ...terms(id, roles),
  now,
});
const revoke = (invitation_id: string): MembersCommand => ({ type: 'RevokeInvitation', invitation_id, now });
const signIn = (
  user_id: string,
  invitation_id: string | null = null,
  at = now,
  user: VouchedUser = vouched(user_id),
): MembersCommand => ({ type: 'SignIn', user_id, user, invitation_id, now: at });
const setRoles = (user_id: string, ...roles: Grant[]): MembersCommand => ({
  type: 'SetRoles',
  user_id,
  roles,
  now,
});
const remove = (user_id: string): MembersCommand => ({ type: 'RemoveMember', user_id, now });

const invited = (id: string, roles?: Grant[]): MemberEvent => ({
  type: 'InvitationCreated',
  data: { ...terms(id, roles), at: now },
});
const revoked = (invitation_id: string): MemberEvent => ({
  type: 'InvitationRevoked',
  data: { invitation_id, at: now },
});
const accepted = (invitation_id: string, user_id: string): MemberEvent => ({
  type: 'InvitationAccepted',
  data: { invitation_id, user_id, at: now },
});
const joined = (user_id: string, invitation_id: string, roles: Grant[] = [viewer]): MemberEvent => ({
  type: 'MemberJoined',
  data: { user_id, user: vouched(user_id), roles, invitation_id, at: now },
});
const rolesChanged = (user_id: string, ...roles: Grant[]): MemberEvent => ({
  type: 'MemberRolesChanged',
  data: { user_id, roles, at: now },
});
const removed = (user_id: string): MemberEvent => ({ type: 'MemberRemoved', data: { user_id, at: now } });
/** Came by an invitation of their own. */
const member = (user_id: string, ...roles: Grant[]): MemberEvent[] => [
  invited(`to ${user_id}`, roles),
  accepted(`to ${user_id}`, user_id),
  joined(user_id, `to ${user_id}`, roles),
];

describe('an invitation', () => {
  it('is made once, however often it is asked for, with each role once', () => {
    given(membersDecider)
      .when(invite('i', [viewer, operator, { ...viewer }]))
      .then(invited('i', [viewer, operator]));
    given(membersDecider, invited('i')).when(invite('i')).thenNothing();
    given(membersDecider, invited('i'), revoked('i')).when(invite('i')).thenNothing();
    given(membersDecider, invited('i'), accepted('i', 'ada')).when(invite('i')).thenNothing();
  });

  it('is not replaced by another one', () => {
    const shorter = { expires_at: '2026-01-01T13:00:00.000Z' };
    for (const other of [{ roles: [admin] }, { name: 'Eve' }, { sha256: 'e'.repeat(64) }, shorter])
      given(membersDecider, invited('i'))
        .when({ ...invite('i'), ...other })
        .thenRejected('idempotency_key_reused');
  });

  it('asked for again a moment later is the first one still', () => {
    const moment = { now: '2026-01-01T12:00:01.000Z', expires_at: '2026-01-02T00:00:01.000Z' };
    given(membersDecider, invited('i'))
      .when({ ...invite('i'), ...moment })
      .thenNothing();
  });

  it('is for a role, and for one thing each', () => {
    given(membersDecider).when(invite('i', [])).thenRejected('roles_missing');
    given(membersDecider)
      .when(invite('i', [{ ...operator, environment: 'production' }]))
      .thenRejected('roles_ambiguous');
  });

  it('is revoked once, and not when somebody has come with it', () => {
    given(membersDecider).when(revoke('i')).thenRejected('invitation_not_found');
    given(membersDecider, invited('i')).when(revoke('i')).then(revoked('i'));
    given(membersDecider, invited('i'), revoked('i')).when(revoke('i')).thenNothing();
    given(membersDecider, ...member('ada'))
      .when(revoke('to ada'))
      .thenRejected('invitation_accepted');
  });

  it('lets one person in, with its roles', () => {
    given(membersDecider, invited('i', [operator]))
      .when(signIn('ada', 'i'))
      .then(accepted('i', 'ada'), joined('ada', 'i', [operator]));
  });

  it('may be followed again by the one who came with it, and by nobody else', () => {
    given(membersDecider, ...member('ada', viewer))
      .when(signIn('ada', 'to ada'))
      .thenNothing();
    given(membersDecider, ...member('ada', viewer))
      .when(signIn('ada', 'to ada', later))
      .thenNothing();
    given(membersDecider, ...member('ada', viewer))
      .when(signIn('eve', 'to ada'))
      .thenRejected('invitation_invalid');
    given(membersDecider, ...member('ada', viewer), ...member('eve', viewer))
      .when(signIn('eve', 'to ada'))
      .thenRejected('invitation_invalid');
  });

  it('gives nothing a second time: neither roles that were taken away nor a place that was lost', () => {
    given(membersDecider, ...member('ada', viewer, operator), rolesChanged('ada', viewer))
      .when(signIn('ada', 'to ada'))
      .thenNothing();
    given(membersDecider, ...member('ada', viewer), removed('ada'))
      .when(signIn('ada', 'to ada'))
      .thenRejected('invitation_invalid');
  });

  it('that is unknown, revoked or past its time lets nobody in, and no member either', () => {
    for (const before of [[], member('ada', viewer)]) {
      const history = [...before, invited('i')];
      given(membersDecider, ...before)
        .when(signIn('ada', 'i'))
        .thenRejected('invitation_invalid');
      given(membersDecider, ...history, revoked('i'))
        .when(signIn('ada', 'i'))
        .thenRejected('invitation_invalid');
      for (const at of [expires_at, later])
        given(membersDecider, ...history)
          .when(signIn('ada', 'i', at))
          .thenRejected('invitation_invalid');
    }
  });

  it('gives a member its roles too, and is used up also where they have them', () => {
    given(membersDecider, ...member('ada', viewer), invited('i', [viewer, operator]))
      .when(signIn('ada', 'i'))
      .then(accepted('i', 'ada'), rolesChanged('ada', viewer, operator));
    given(membersDecider, ...member('ada', viewer), invited('i', [viewer]))
      .when(signIn('ada', 'i'))
      .then(accepted('i', 'ada'));
  });
});

describe('a person', () => {
  it('who was not invited does not belong', () => {
    given(membersDecider).when(signIn('ada')).thenRejected('not_a_member');
    given(membersDecider, invited('i')).when(signIn('ada')).thenRejected('not_a_member');
  });

  it('who belongs comes in, and is called what the provider says by now', () => {
    given(membersDecider, ...member('ada', viewer))
      .when(signIn('ada'))
      .thenNothing();
    const user = { ...vouched('ada'), name: 'Ada L.', email: null };
    given(membersDecider, ...member('ada', viewer))
      .when(signIn('ada', null, now, user))
      .then({ type: 'MemberProfileChanged', data: { user_id: 'ada', user, at: now } });
  });

  it('who was removed is out, until another invitation', () => {
    const history = [...member('ada', admin), ...member('bob', admin), removed('ada')];
    given(membersDecider, ...history)
      .when(signIn('ada'))
      .thenRejected('not_a_member');
    given(membersDecider, ...history, invited('i'))
      .when(signIn('ada', 'i'))
      .then(accepted('i', 'ada'), joined('ada', 'i'));
  });

  it('gets the roles that are set, each once', () => {
    given(membersDecider, ...member('ada', viewer))
      .when(setRoles('ada', operator, admin, { ...operator }))
      .then(rolesChanged('ada', operator, admin));
    given(membersDecider, ...member('ada', viewer))
      .when(setRoles('ada', viewer))
      .thenNothing();
  });

  it('who may do nothing is to be removed', () => {
    given(membersDecider, ...member('ada', viewer))
      .when(setRoles('ada'))
      .thenRejected('roles_missing');
    given(membersDecider, ...member('ada', viewer))
      .when(setRoles('ada', { ...operator, pipeline: 'web' }))
      .thenRejected('roles_ambiguous');
    given(membersDecider, ...member('ada', viewer))
      .when(remove('ada'))
      .then(removed('ada'));
  });

  it('who does not belong has no roles, and is not removed', () => {
    for (const history of [[], [invited('i')], [...member('ada', viewer), removed('ada')]])
      for (const command of [setRoles('ada', viewer), remove('ada')])
        given(membersDecider, ...history)
          .when(command)
          .thenRejected('user_not_found');
  });
});

describe('the last administrator', () => {
  const onPool: Grant = { role: 'admin', pool: 'gpu' };

  it('stays one', () => {
    for (const others of [[], member('bob', viewer), member('bob', onPool)])
      for (const command of [remove('ada'), setRoles('ada', viewer), setRoles('ada', onPool)])
        given(membersDecider, ...member('ada', admin), ...others)
          .when(command)
          .thenRejected('last_admin');
  });

  it('may get other roles beside', () => {
    given(membersDecider, ...member('ada', admin))
      .when(setRoles('ada', viewer, admin))
      .then(rolesChanged('ada', viewer, admin));
  });

  it('is whoever is left', () => {
    const two = [...member('ada', admin), ...member('bob', admin)];
    given(membersDecider, ...two)
      .when(remove('ada'))
      .then(removed('ada'));
    given(membersDecider, ...two)
      .when(setRoles('bob', viewer))
      .then(rolesChanged('bob', viewer));
    given(membersDecider, ...two, removed('ada'))
      .when(remove('bob'))
      .thenRejected('last_admin');
  });

  it('is missed by nobody where there never was one', () => {
    given(membersDecider, ...member('ada', viewer))
      .when(remove('ada'))
      .then(removed('ada'));
    given(membersDecider, ...member('ada', onPool))
      .when(setRoles('ada', viewer))
      .then(rolesChanged('ada', viewer));
  });
});
