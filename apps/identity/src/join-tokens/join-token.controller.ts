import { identityRequests, type CallContext, type CreateJoinToken, type ListQuery } from '@hybrid/contracts';
import { Handle, MessageController } from '@hybrid/messaging';
import { Ctx, Payload } from '@nestjs/microservices';
import { JoinTokens } from './join-tokens.js';

type OfToken = { token_id: string };
type Digest = { sha256: string };

@MessageController()
export class JoinTokenController {
  constructor(private readonly tokens: JoinTokens) {}

  @Handle(identityRequests.createJoinToken)
  create(@Payload() wanted: CreateJoinToken & OfToken & Digest, @Ctx() call: CallContext) {
    return this.tokens.create(wanted, call);
  }

  @Handle(identityRequests.joinTokens)
  list(@Payload() query: ListQuery, @Ctx() call: CallContext) {
    return this.tokens.list(query, call);
  }

  @Handle(identityRequests.revokeJoinToken)
  revoke(@Payload() { token_id }: OfToken, @Ctx() call: CallContext) {
    return this.tokens.revoke(token_id, call);
  }

  @Handle(identityRequests.joinAccess)
  access(@Payload() { token_id, sha256 }: OfToken & Digest) {
    return this.tokens.access(token_id, sha256);
  }
}
