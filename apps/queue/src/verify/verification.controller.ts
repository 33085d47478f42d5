import { queueRequests, type CallContext } from '@hybrid/contracts';
import { Handle, MessageController } from '@hybrid/messaging';
import { Ctx, Payload } from '@nestjs/microservices';
import { Verifications } from './verifications.js';

@MessageController()
export class VerificationController {
  constructor(private readonly verifications: Verifications) {}

  @Handle(queueRequests.verify)
  verify(@Payload() { id }: { id: string }, @Ctx() call: CallContext) {
    call.takesTime?.();
    return this.verifications.verify(id);
  }
}
