import {
  identityRequests,
  type CallContext,
  type ListQuery,
  type SetRoles,
  type VouchedUser,
} from '@hybrid/contracts';
import { Handle, MessageController } from '@hybrid/messaging';
import { Ctx, Payload } from '@nestjs/microservices';
import type { InvitationSecret } from './invitation.view.js';
import { Users } from './users.js';

type OfUser = { user_id: string };

@MessageController()
export class UserController {
  constructor(private readonly users: Users) {}

  @Handle(identityRequests.signIn)
  signIn(
    @Payload() { user, invitation }: { user: VouchedUser; invitation?: InvitationSecret },
    @Ctx() call: CallContext,
  ) {
    return this.users.signIn(user, invitation, call);
  }

  @Handle(identityRequests.memberships)
  memberships(@Payload() who: { issuer: string; subject: string }) {
    return this.users.memberships(who);
  }

  @Handle(identityRequests.users)
  list(@Payload() query: ListQuery, @Ctx() call: CallContext) {
    return this.users.list(query, call);
  }

  @Handle(identityRequests.user)
  get(@Payload() { user_id }: OfUser, @Ctx() call: CallContext) {
    return this.users.get(user_id, call);
  }

  @Handle(identityRequests.setRoles)
  setRoles(@Payload() { user_id, roles }: SetRoles & OfUser, @Ctx() call: CallContext) {
    return this.users.setRoles(user_id, roles, call);
  }

  @Handle(identityRequests.removeUser)
  remove(@Payload() { user_id }: OfUser, @Ctx() call: CallContext) {
    return this.users.remove(user_id, call);
  }

  @Handle(identityRequests.userAccess)
  access(@Payload() { user_id }: OfUser, @Ctx() call: CallContext) {
    return this.users.access(user_id, call);
  }
}
