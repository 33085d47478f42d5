import { identityRequests, type CallContext, type CreateInvitation, type ListQuery } from '@hybrid/contracts';
import { Handle, MessageController } from '@hybrid/messaging';
import { Ctx, Payload } from '@nestjs/microservices';
import type { InvitationSecret } from './invitation.view.js';
import { Invitations } from './invitations.js';

@MessageController()
export class InvitationController {
  constructor(private readonly invitations: Invitations) {}

  @Handle(identityRequests.invite)
  create(@Payload() request: CreateInvitation & InvitationSecret, @Ctx() call: CallContext) {
    return this.invitations.create(request, call);
  }

  @Handle(identityRequests.invitations)
  list(@Payload() query: ListQuery, @Ctx() call: CallContext) {
    return this.invitations.list(query, call);
  }

  @Handle(identityRequests.revokeInvitation)
  revoke(@Payload() { invitation_id }: { invitation_id: string }, @Ctx() call: CallContext) {
    return this.invitations.revoke(invitation_id, call);
  }

  @Handle(identityRequests.invitationAccess)
  access(@Payload() secret: InvitationSecret) {
    return this.invitations.access(secret);
  }
}
