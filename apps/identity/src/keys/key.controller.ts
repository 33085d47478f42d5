import { identityRequests, type CallContext, type CreateKey, type ListQuery } from '@hybrid/contracts';
import { Handle, MessageController } from '@hybrid/messaging';
import { Ctx, Payload } from '@nestjs/microservices';
import { KeyUses, type KeyUse } from './key-uses.js';
import { Keys } from './keys.js';

type OfKey = { key_id: string };
type Digest = { sha256: string };

@MessageController()
export class KeyController {
  constructor(
    private readonly keys: Keys,
    private readonly uses: KeyUses,
  ) {}

  @Handle(identityRequests.createKey)
  create(@Payload() wanted: CreateKey & OfKey & Digest, @Ctx() call: CallContext) {
    return this.keys.create(wanted, call);
  }

  @Handle(identityRequests.keys)
  list(@Payload() query: ListQuery & { created_by?: string }, @Ctx() call: CallContext) {
    return this.keys.list(query, call);
  }

  @Handle(identityRequests.revokeKey)
  revoke(@Payload() { key_id, created_by }: OfKey & { created_by?: string }, @Ctx() call: CallContext) {
    return this.keys.revoke(key_id, created_by, call);
  }

  @Handle(identityRequests.keyAccess)
  access(@Payload() { key_id, sha256 }: OfKey & Digest) {
    return this.keys.access(key_id, sha256);
  }

  @Handle(identityRequests.keysUsed)
  async used(@Payload() { keys }: { keys: KeyUse[] }) {
    await this.uses.record(keys);
    return null;
  }
}
