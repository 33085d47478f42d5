import {
  pipelinesRequests,
  type CallContext,
  type DecideGate,
  type ListRuns,
  type OfGate,
  type RetryRun,
  type StartRun,
} from '@hybrid/contracts';
import { Handle, MessageController } from '@hybrid/messaging';
import { Ctx, Payload } from '@nestjs/microservices';
import { Runs } from './runs.js';

@MessageController()
export class RunController {
  constructor(private readonly runs: Runs) {}

  @Handle(pipelinesRequests.startRun)
  start(
    @Payload() request: StartRun & { pipeline_id: string; run_id: string; wanted_by?: string },
    @Ctx() call: CallContext,
  ) {
    return this.runs.start(request, call);
  }

  @Handle(pipelinesRequests.retryRun)
  retry(
    @Payload() request: RetryRun & { run_id: string; new_run_id: string; wanted_by?: string },
    @Ctx() call: CallContext,
  ) {
    return this.runs.retry(request, call);
  }

  @Handle(pipelinesRequests.approveGate)
  approveGate(@Payload() request: DecideGate & OfGate, @Ctx() call: CallContext) {
    return this.runs.decideGate(request, 'approved', call);
  }

  @Handle(pipelinesRequests.rejectGate)
  rejectGate(@Payload() request: DecideGate & OfGate, @Ctx() call: CallContext) {
    return this.runs.decideGate(request, 'rejected', call);
  }

  @Handle(pipelinesRequests.approveRun)
  approve(@Payload() request: Pick<OfGate, 'run_id' | 'person'>, @Ctx() call: CallContext) {
    return this.runs.approve(request, call);
  }

  @Handle(pipelinesRequests.cancelRun)
  cancel(@Payload() { run_id, reason }: { run_id: string; reason: string }, @Ctx() call: CallContext) {
    return this.runs.cancel(run_id, reason, call);
  }

  @Handle(pipelinesRequests.getRun)
  get(@Payload() { run_id }: { run_id: string }, @Ctx() call: CallContext) {
    return this.runs.get(run_id, call.org);
  }

  @Handle(pipelinesRequests.proofOfRun)
  proof(@Payload() { run_id, job_id }: { run_id: string; job_id: string }, @Ctx() call: CallContext) {
    return this.runs.proof(run_id, job_id, call.org);
  }

  @Handle(pipelinesRequests.getStep)
  getStep(@Payload() { run_id, step_id }: { run_id: string; step_id: string }, @Ctx() call: CallContext) {
    return this.runs.getStep(run_id, step_id, call.org);
  }

  @Handle(pipelinesRequests.listRuns)
  list(@Payload() query: ListRuns, @Ctx() call: CallContext) {
    return this.runs.list(query, call);
  }
}
