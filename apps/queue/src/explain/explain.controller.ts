import { queueRequests, type CallContext } from '@hybrid/contracts';
import { Handle, MessageController } from '@hybrid/messaging';
import { Ctx, Payload } from '@nestjs/microservices';
import { Explanations } from './explanations.js';

@MessageController()
export class ExplainController {
  constructor(private readonly explanations: Explanations) {}

  @Handle(queueRequests.explain)
  explain(@Payload() { job_id }: { job_id: string }, @Ctx() call: CallContext) {
    return this.explanations.explain(job_id, call);
  }
}
