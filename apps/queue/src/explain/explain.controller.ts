import { queueRequests, type CallContext, type ExplainJob } from '@hybrid/contracts';
import { Handle, MessageController } from '@hybrid/messaging';
import { Ctx, Payload } from '@nestjs/microservices';
import { Explanations } from './explanations.js';

@MessageController()
export class ExplainController {
  constructor(private readonly explanations: Explanations) {}

  @Handle(queueRequests.explain)
  explain(@Payload() { job_id, claims }: ExplainJob & { job_id: string }, @Ctx() call: CallContext) {
    return this.explanations.explain(job_id, claims, call);
  }
}
