import { identityRequests, type CallContext, type Refusal } from '@hybrid/contracts';
import { Handle, MessageController } from '@hybrid/messaging';
import { Ctx, Payload } from '@nestjs/microservices';
import { Refusals } from './refusals.js';

@MessageController()
export class RefusalController {
  constructor(private readonly refusals: Refusals) {}

  @Handle(identityRequests.recordRefusal)
  record(@Payload() refusal: Refusal, @Ctx() call: CallContext) {
    return this.refusals.record(refusal, call);
  }
}
