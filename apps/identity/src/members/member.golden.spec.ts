import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { fold } from '@hybrid/decider';
import { goldenEvents } from '@hybrid/testing';
import { entries } from './book.js';
import type { MemberEvent } from './member.events.js';
import { membersDecider } from './members.decider.js';

describe('stored events of members', () => {
  const golden = goldenEvents(join(import.meta.dirname, 'golden'), membersDecider, {
    version: 1,
    digest: 'f3429c8fa96c56b9',
  });

  const created = golden('InvitationCreated');
  const joined = golden('MemberJoined');
  const { invitation_id } = created.data;
  const { user_id, user, roles, at } = joined.data;
  const invitation = { ...created.data, revoked: false, accepted_by: null };
  const member = { user, roles, joined_at: at };
  const after = (...events: MemberEvent[]) => {
    const { members, invitations } = fold(membersDecider, events);
    return { members: entries(members), invitations: entries(invitations) };
  };

  it('say what becomes of an invitation', () => {
    expect(after(created).invitations).toEqual([[invitation_id, invitation]]);
    expect(after(created, golden('InvitationRevoked')).invitations).toEqual([
      [invitation_id, { ...invitation, revoked: true }],
    ]);
    expect(after(created, golden('InvitationAccepted')).invitations).toEqual([
      [invitation_id, { ...invitation, accepted_by: user_id }],
    ]);
  });

  it('say what becomes of a person', () => {
    expect(after(created, joined).members).toEqual([[user_id, member]]);
    expect(after(created, joined, golden('MemberProfileChanged')).members).toEqual([
      [user_id, { ...member, user: { ...user, name: 'Ada L.', email: null } }],
    ]);
    expect(after(created, joined, golden('MemberRolesChanged')).members).toEqual([
      [user_id, { ...member, roles: [{ role: 'admin' }] }],
    ]);
    expect(after(created, joined, golden('MemberRemoved')).members).toEqual([]);
  });
});
