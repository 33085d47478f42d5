import {
  CLAIM_ABANDONED_SUBJECT,
  healthRequest,
  queueRequests,
  type CallContext,
  type ClaimAbandoned,
  type ClaimJobCommand,
  type CloseJob,
  type CompleteJob,
  type EnqueueJobCommand,
  type ListJobs,
  type LogLine,
  type ReleaseJob,
  type ReportProgress,
  type RequeuedJobs,
  type RequeueJobs,
  type SetPriority,
  type StartJob,
} from '@hybrid/contracts';
import { Handle, MessageController, OnBroadcast } from '@hybrid/messaging';
import { Connections } from '@hybrid/service';
import { Ctx, Payload } from '@nestjs/microservices';
import { Claims } from '../claims/claims.js';
import { ExpiredLeases } from './expired-leases.process.js';
import { JobIndex } from './job-index.js';
import { JobListQueries } from './job-list.queries.js';
import { Jobs, RENEWED_SUBJECT, type Renewed } from './jobs.js';

type OfJob = { job_id: string };
type OfAgent = OfJob & { agent_id: string };

@MessageController()
export class JobController {
  constructor(
    private readonly jobs: Jobs,
    private readonly claims: Claims,
    private readonly queries: JobListQueries,
    private readonly leases: ExpiredLeases,
    private readonly index: JobIndex,
    private readonly connections: Connections,
  ) {}

  @Handle(queueRequests.enqueue)
  enqueue(@Payload() request: EnqueueJobCommand, @Ctx() call: CallContext) {
    return this.jobs.enqueue(request, call);
  }

  @Handle(queueRequests.enqueueBatch)
  enqueueBatch(@Payload() { jobs }: { jobs: EnqueueJobCommand[] }, @Ctx() call: CallContext) {
    return this.jobs.enqueueBatch(jobs, call);
  }

  /** Whatever the pool. Claims of a pool's partition come to ../replicas/replicas.ts. */
  @Handle(queueRequests.claim)
  claim(@Payload() request: ClaimJobCommand, @Ctx() call: CallContext) {
    return this.claims.claim(request, call);
  }

  @OnBroadcast(CLAIM_ABANDONED_SUBJECT)
  abandonClaim(@Payload() { claim_id }: ClaimAbandoned): void {
    this.claims.abandon(claim_id);
  }

  @Handle(queueRequests.start)
  start(@Payload() request: StartJob & OfAgent, @Ctx() call: CallContext) {
    return this.jobs.start(request, call);
  }

  @Handle(queueRequests.complete)
  complete(@Payload() request: CompleteJob & OfAgent, @Ctx() call: CallContext) {
    return this.jobs.complete(request, call);
  }

  @Handle(queueRequests.progress)
  report(@Payload() request: ReportProgress & OfAgent, @Ctx() call: CallContext) {
    return this.jobs.report(request, call);
  }

  @Handle(queueRequests.release)
  release(@Payload() request: ReleaseJob & OfAgent, @Ctx() call: CallContext) {
    return this.jobs.release(request, call);
  }

  @Handle(queueRequests.cancel)
  cancel(@Payload() { job_id, reason }: OfJob & { reason: string }, @Ctx() call: CallContext) {
    return this.jobs.cancel(job_id, reason, call);
  }

  @Handle(queueRequests.close)
  close(@Payload() request: CloseJob & OfJob, @Ctx() call: CallContext) {
    return this.jobs.close(request, call);
  }

  @Handle(queueRequests.setPriority)
  setPriority(@Payload() { job_id, priority }: SetPriority & OfJob, @Ctx() call: CallContext) {
    return this.jobs.setPriority(job_id, priority, call);
  }

  @Handle(queueRequests.requeue)
  requeue(@Payload() { job_id }: OfJob, @Ctx() call: CallContext) {
    return this.jobs.requeue(job_id, call);
  }

  @Handle(queueRequests.requeueMany)
  async requeueMany(@Payload() request: RequeueJobs, @Ctx() call: CallContext): Promise<RequeuedJobs> {
    const { ids, total } = await this.queries.requeueable(request, call);
    const job_ids = await this.jobs.requeueAll(ids, call);
    return { requeued: job_ids.length, job_ids, remaining: total - ids.length };
  }

  @Handle(queueRequests.loseAgent)
  async loseAgent(
    @Payload() { agent_id, reason }: { agent_id: string; reason: string },
    @Ctx() call: CallContext,
  ): Promise<{ requeued: number }> {
    return { requeued: await this.leases.loseAgent(agent_id, reason, call.org) };
  }

  @Handle(queueRequests.renew)
  renew(@Payload() request: Renewed, @Ctx() call: CallContext) {
    return this.jobs.renew(request, call);
  }

  @OnBroadcast(RENEWED_SUBJECT)
  renewed(@Payload() { agent_id, running }: Renewed): void {
    for (const { job_id, attempt } of running) this.index.leases.renew(job_id, attempt, agent_id);
  }

  @Handle(queueRequests.admitLog)
  admitLog(@Payload() request: OfAgent & StartJob & { size: number }, @Ctx() call: CallContext) {
    return this.jobs.admitLog(request, call);
  }

  @Handle(queueRequests.appendLogs)
  appendLogs(@Payload() request: OfAgent & StartJob & { lines: LogLine[] }, @Ctx() call: CallContext) {
    return this.jobs.appendLogs(request, call);
  }

  @Handle(queueRequests.lease)
  lease(@Payload() request: OfAgent & StartJob, @Ctx() call: CallContext) {
    return this.jobs.lease(request, call);
  }

  @Handle(queueRequests.requeueExpired)
  async requeueExpired(): Promise<{ requeued: number }> {
    return { requeued: await this.leases.sweep() };
  }

  @Handle(queueRequests.get)
  get(@Payload() { job_id }: OfJob, @Ctx() call: CallContext) {
    return this.jobs.get(job_id, call.org);
  }

  @Handle(queueRequests.list)
  list(@Payload() query: ListJobs, @Ctx() call: CallContext) {
    return this.queries.list(query, call);
  }

  @Handle(healthRequest('queue'))
  health() {
    return this.connections.health('queue');
  }
}
