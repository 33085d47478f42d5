import type { InvitationChanged, InvitationStatus, UserChanged } from '@hybrid/contracts';
import type { Publisher } from '@hybrid/event-store';
import { memberEvents, type MemberEvent } from './member.events.js';

/** That something changed of somebody or of an invitation: who wants to know what may ask. Never a secret's digest. */
export const memberPublisher: Publisher<MemberEvent> = {
  service: 'identity',
  prefixes: ['members-'],
  events: memberEvents,
  publish: ({ event }) => {
    switch (event.type) {
      case 'InvitationCreated':
        return invitation('created', event.data.invitation_id, 'OPEN');
      case 'InvitationRevoked':
        return invitation('revoked', event.data.invitation_id, 'REVOKED');
      case 'InvitationAccepted':
        return invitation('accepted', event.data.invitation_id, 'ACCEPTED');
      case 'MemberJoined':
        return user('joined', event.data.user_id, 'MEMBER');
      case 'MemberProfileChanged':
        return user('profile-changed', event.data.user_id, 'MEMBER');
      case 'MemberRolesChanged':
        return user('roles-changed', event.data.user_id, 'MEMBER');
      case 'MemberRemoved':
        return user('removed', event.data.user_id, 'REMOVED');
    }
  },
};

function invitation(event: string, invitation_id: string, status: InvitationStatus) {
  const data: InvitationChanged = { invitation_id, status };
  return { noun: 'invitation', event, type: 'InvitationChanged', data };
}

function user(event: string, user_id: string, status: UserChanged['status']) {
  const data: UserChanged = { user_id, status };
  return { noun: 'user', event, type: 'UserChanged', data };
}
