import {
  CLAIM_ABANDONED_SUBJECT,
  healthRequest,
  queueRequests,
  type CallContext,
  type ClaimAbandoned,
  type ClaimJobCommand,
  type CompleteJob,
  type EnqueueJobCommand,
  type ListJobs,
  type LogLine,
  type StartJob,
} from '@hybrid/contracts';
import { Handle, MessageController, OnBroadcast } from '@hybrid/messaging';
import { Connections } from '@hybrid/service';
import { Ctx, Payload } from '@nestjs/microservices';
import { ExpiredLeases } from './expired-leases.process.js';
import { JobIndex } from './job-index.js';
import { JobListQueries } from './job-list.queries.js';
import { Jobs, RENEWED_SUBJECT, type Renewed } from './jobs.js';

type OfAgent = { job_id: string; agent_id: string };

@MessageController()
export class JobController {
  constructor(
    private readonly jobs: Jobs,
    private readonly queries: JobListQueries,
    private readonly leases: ExpiredLeases,
    private readonly index: JobIndex,
    private readonly connections: Connections,
  ) {}

  @Handle(queueRequests.enqueue)
  enqueue(@Payload() request: EnqueueJobCommand, @Ctx() call: CallContext) {
    return this.jobs.enqueue(request, call);
  }

  @Handle(queueRequests.claim)
  claim(@Payload() request: ClaimJobCommand, @Ctx() call: CallContext) {
    return this.jobs.claim(request, call);
  }

  @OnBroadcast(CLAIM_ABANDONED_SUBJECT)
  abandonClaim(@Payload() { claim_id }: ClaimAbandoned): void {
    this.jobs.abandonClaim(claim_id);
  }

  @Handle(queueRequests.start)
  start(@Payload() request: StartJob & OfAgent, @Ctx() call: CallContext) {
    return this.jobs.start(request, call);
  }

  @Handle(queueRequests.complete)
  complete(@Payload() request: CompleteJob & OfAgent, @Ctx() call: CallContext) {
    return this.jobs.complete(request, call);
  }

  @Handle(queueRequests.cancel)
  cancel(@Payload() { job_id, reason }: { job_id: string; reason: string }, @Ctx() call: CallContext) {
    return this.jobs.cancel(job_id, reason, call);
  }

  @Handle(queueRequests.requeue)
  requeue(@Payload() { job_id }: { job_id: string }, @Ctx() call: CallContext) {
    return this.jobs.requeue(job_id, call);
  }

  @Handle(queueRequests.renew)
  renew(@Payload() request: Renewed, @Ctx() call: CallContext) {
    return this.jobs.renew(request, call);
  }

  @OnBroadcast(RENEWED_SUBJECT)
  renewed(@Payload() { agent_id, running }: Renewed): void {
    for (const { job_id, attempt } of running) this.index.leases.renew(job_id, attempt, agent_id);
  }

  @Handle(queueRequests.appendLogs)
  appendLogs(@Payload() request: OfAgent & StartJob & { lines: LogLine[] }, @Ctx() call: CallContext) {
    return this.jobs.appendLogs(request, call);
  }

  @Handle(queueRequests.requeueExpired)
  async requeueExpired(): Promise<{ requeued: number }> {
    return { requeued: await this.leases.sweep() };
  }

  @Handle(queueRequests.get)
  get(@Payload() { job_id }: { job_id: string }, @Ctx() call: CallContext) {
    return this.jobs.get(job_id, call.org);
  }

  @Handle(queueRequests.list)
  list(@Payload() query: ListJobs, @Ctx() call: CallContext) {
    return this.queries.list(query, call);
  }

  @Handle(queueRequests.stats)
  stats(@Ctx() call: CallContext) {
    return this.queries.stats(call);
  }

  @Handle(healthRequest('queue'))
  health() {
    return this.connections.health('queue');
  }
}
