/**
 * Ties runs and jobs together: a queued step becomes a job, a job's fate becomes the step's, a cancelled step cancels
 * its job; and runs with each other: a run that waits enters its concurrency group, one that ended leaves it, and one that
 * succeeded starts the pipelines that want that. Stateless: what it knows of a run is folded from the run's stream, and what it asks for is idempotent by the
 * ids in the events, which follow from run and step. So redelivery and reordering change nothing, and no wait is lost by
 * a restart: a step waits as its state in the stream, a retry as its job's JobRequeued with the time from which it may run.
 */
import {
  deploymentsRequests,
  eventFilter,
  problem,
  ProblemError,
  queueRequests,
  serviceCall,
  type CallContext,
  type JobChanged,
  type PublicEvent,
  type RunChanged,
  type RunStatus,
  type StepChanged,
} from '@hybrid/contracts';
import { MessageController, OnEvents } from '@hybrid/messaging';
import { Connections } from '@hybrid/service';
import { Ctx, Payload } from '@nestjs/microservices';
import { RunGroups } from '../groups/run-groups.js';
import { Triggers } from '../triggers/triggers.js';
import { Runs } from './runs.js';

@MessageController()
export class RunProcess {
  constructor(
    private readonly runs: Runs,
    private readonly groups: RunGroups,
    private readonly triggers: Triggers,
    private readonly connections: Connections,
  ) {}

  @OnEvents({ durable: 'pipelines-jobs', filter: eventFilter('queue', 'job') })
  async onJob(@Payload() event: PublicEvent<JobChanged>, @Ctx() call: CallContext): Promise<void> {
    const { run_id } = event.data;
    // How far a job is, is nothing to a run.
    if (!run_id || event.data.progress) return;
    try {
      await this.runs.recordJob(run_id, event.data, event.time, own(event, call));
    } catch (error) {
      // Anybody may enqueue a job that names a run; one that nobody has is no fault to look at.
      if (codeOf(error) !== 'run_not_found') throw error;
    }
  }

  @OnEvents({ durable: 'pipelines-steps', filter: eventFilter('pipelines', 'run') })
  async onStep(
    @Payload() event: PublicEvent<StepChanged | RunChanged>,
    @Ctx() call: CallContext,
  ): Promise<void> {
    if (event.type === 'RunChanged')
      return this.onRun(event.id, (event.data as RunChanged).status, own(event, call));
    if (event.type !== 'StepChanged') return;
    const { status, job_id, message } = event.data as StepChanged;
    if (status === 'QUEUED') await this.enqueue(event, own(event, call));
    else if (status === 'CANCELLED' && job_id)
      await this.cancel(job_id, message ?? 'the run was cancelled', own(event, call));
  }

  /** Where runs wait for each other, and where they begin with results of a run before. */
  private async onRun(runId: string, status: RunStatus, call: CallContext): Promise<void> {
    switch (status) {
      case 'WAITING':
        return this.groups.enter(runId, call);
      case 'RUNNING':
        return this.runs.goOn(runId, call);
      case 'SUCCEEDED':
      case 'FAILED':
      case 'CANCELLED': {
        const run = await this.runs.load(runId, call.org);
        if (!run) return;
        await this.groups.leave(run, call);
        if (status === 'SUCCEEDED') await this.triggers.after(run, call);
        return;
      }
      case 'CANCELLING':
    }
  }

  private async enqueue(event: PublicEvent, call: CallContext): Promise<void> {
    const { job } = await this.runs.queuedStep(event.id, event.revision, call.org);
    const { requests } = this.connections;
    if (job.spec.step.type !== 'step.deploy') {
      await requests.send(queueRequests.enqueue, job, call);
      return;
    }
    // The deployments service records it, and enqueues the job itself.
    const { started_by } = await this.runs.get(event.id, call.org);
    await requests.send(deploymentsRequests.start, { job, requested_by: started_by }, call);
  }

  private async cancel(job_id: string, reason: string, call: CallContext): Promise<void> {
    try {
      await this.connections.requests.send(queueRequests.cancel, { job_id, reason }, call);
    } catch (error) {
      const code = codeOf(error);
      if (code === 'job_finished') return;
      // Its enqueueing is still being tried: ask again, however long that takes, or the job would run for nobody.
      if (code === 'job_not_found')
        throw problem('unavailable', 'job_not_enqueued_yet', `job ${job_id} is not enqueued yet`);
      throw error;
    }
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof ProblemError ? error.problem.code : undefined;
}

function own(event: PublicEvent, { org }: CallContext): CallContext {
  return serviceCall('pipelines', org, event.correlation_id, event.event_id);
}
