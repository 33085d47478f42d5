/**
 * The facts of stream `members-<organisation>`: who belongs to it, with which roles, and who was invited. One stream for
 * all of them, so that one append decides: who used an invitation up, and that an administrator is left.
 */
import type { Grant, VouchedUser } from '@hybrid/contracts';
import type { EventTypes } from '@hybrid/decider';

export type MemberEvent =
  | { type: 'InvitationCreated'; data: InvitationCreated }
  | { type: 'InvitationRevoked'; data: { invitation_id: string; at: string } }
  | { type: 'InvitationAccepted'; data: { invitation_id: string; user_id: string; at: string } }
  | { type: 'MemberJoined'; data: MemberJoined }
  | { type: 'MemberProfileChanged'; data: { user_id: string; user: VouchedUser; at: string } }
  | { type: 'MemberRolesChanged'; data: { user_id: string; roles: Grant[]; at: string } }
  | { type: 'MemberRemoved'; data: { user_id: string; at: string } };

export const memberEvents: EventTypes<MemberEvent> = {
  today: {
    InvitationCreated: true,
    InvitationRevoked: true,
    InvitationAccepted: true,
    MemberJoined: true,
    MemberProfileChanged: true,
    MemberRolesChanged: true,
    MemberRemoved: true,
  },
};

export interface InvitationCreated {
  invitation_id: string;
  /** Of the secret, in hex. */
  sha256: string;
  name: string | null;
  roles: Grant[];
  expires_at: string;
  /** `user:<id>`. */
  created_by: string;
  at: string;
}

export interface MemberJoined {
  user_id: string;
  user: VouchedUser;
  roles: Grant[];
  invitation_id: string;
  at: string;
}
