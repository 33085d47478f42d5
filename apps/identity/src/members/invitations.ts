/** Invitations: made and revoked by who may, and shown to who holds their secret. */
import type {
  CallContext,
  CreateInvitation,
  InvitationAccess,
  InvitationView,
  ListQuery,
  Page,
} from '@hybrid/contracts';
import { Injectable } from '@nestjs/common';
import { Organisations } from '../organisations/organisations.js';
import { lookUp } from './book.js';
import { checkSecret, invitationInvalid, invitationView, type InvitationSecret } from './invitation.view.js';
import { Members } from './members.js';
import { isOpen } from './members.decider.js';
import { PeopleQueries } from './people.queries.js';

const SEVEN_DAYS = 7 * 86_400;

@Injectable()
export class Invitations {
  constructor(
    private readonly members: Members,
    private readonly organisations: Organisations,
    private readonly people: PeopleQueries,
  ) {}

  /** @throws ProblemError `organisation_not_found`, `idempotency_key_reused`, `roles_missing`, `roles_ambiguous`. */
  async create(
    {
      invitation_id,
      sha256,
      roles,
      name,
      expires_in_seconds = SEVEN_DAYS,
    }: CreateInvitation & InvitationSecret,
    call: CallContext,
  ): Promise<InvitationView> {
    await this.organisations.get(call.org);
    const now = Date.now();
    const { invitations } = await this.members.handle(
      {
        type: 'CreateInvitation',
        invitation_id,
        sha256,
        name: name ?? null,
        roles,
        expires_at: new Date(now + expires_in_seconds * 1_000).toISOString(),
        created_by: `${call.actor.type}:${call.actor.id}`,
        now: new Date(now).toISOString(),
      },
      call,
    );
    return invitationView(lookUp(invitations, invitation_id)!, new Date(now).toISOString());
  }

  /** @throws ProblemError `invitation_not_found`, `invitation_accepted`. */
  async revoke(invitation_id: string, call: CallContext): Promise<InvitationView> {
    const now = new Date().toISOString();
    const { invitations } = await this.members.handle({ type: 'RevokeInvitation', invitation_id, now }, call);
    return invitationView(lookUp(invitations, invitation_id)!, now);
  }

  async list(query: ListQuery, call: CallContext): Promise<Page<InvitationView>> {
    const { items, ...page } = await this.people.invitations(query, call);
    const { invitations } = await this.members.load(call.org);
    const now = new Date().toISOString();
    return { ...page, items: items.map((id) => invitationView(lookUp(invitations, id)!, now)) };
  }

  /** Of whichever organisation. @throws ProblemError `invitation_invalid`, the same whatever is wrong with it. */
  async access(secret: InvitationSecret): Promise<InvitationAccess> {
    const org = await this.people.organisationInviting(secret.invitation_id);
    if (org === null) throw invitationInvalid();
    const [state, { name: organisation_name }] = await Promise.all([
      this.members.load(org),
      this.organisations.get(org),
    ]);
    const invitation = checkSecret(state, secret);
    if (!isOpen(invitation, new Date().toISOString())) throw invitationInvalid();
    const { invitation_id, name, roles, expires_at } = invitation;
    return { invitation_id, org, organisation_name, name, roles, expires_at };
  }
}
