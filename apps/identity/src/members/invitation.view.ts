import { problem, type InvitationStatus, type InvitationView } from '@hybrid/contracts';
import { sameDigest } from '../same-digest.js';
import { lookUp } from './book.js';
import { INVITATION_INVALID, isOpen, type Invitation, type MembersState } from './members.decider.js';

/** What somebody shows who was invited. */
export interface InvitationSecret {
  invitation_id: string;
  /** Hex. */
  sha256: string;
}

/** The invitation, whatever has become of it. @throws ProblemError `invitation_invalid` where there is none with this secret. */
export function checkSecret(
  { invitations }: MembersState,
  { invitation_id, sha256 }: InvitationSecret,
): Invitation {
  const invitation = lookUp(invitations, invitation_id);
  if (!invitation || !sameDigest(invitation.sha256, sha256)) throw invitationInvalid();
  return invitation;
}

/** The same whatever is wrong with it. */
export function invitationInvalid() {
  return problem('not_found', 'invitation_invalid', INVITATION_INVALID);
}

export function invitationView(invitation: Invitation, now: string): InvitationView {
  const { invitation_id, name, roles, created_by, at, expires_at, accepted_by } = invitation;
  const status = statusOf(invitation, now);
  return { invitation_id, name, roles, status, created_by, created_at: at, expires_at, accepted_by };
}

function statusOf(invitation: Invitation, now: string): InvitationStatus {
  if (invitation.accepted_by !== null) return 'ACCEPTED';
  if (invitation.revoked) return 'REVOKED';
  return isOpen(invitation, now) ? 'OPEN' : 'EXPIRED';
}
