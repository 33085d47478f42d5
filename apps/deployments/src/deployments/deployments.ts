/** The deployments' commands and queries. */
import {
  problem,
  queueRequests,
  type CallContext,
  type DeploymentDetail,
  type DeploymentFigures,
  type DeploymentView,
  type EnqueueJobCommand,
  type JobChanged,
  type JobView,
  type ListDeployments,
  type ListQuery,
  type Page,
  type ServiceView,
} from '@hybrid/contracts';
import { listPage, Things } from '@hybrid/event-store';
import { Connections } from '@hybrid/service';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { deploymentList } from './deployment-list.projection.js';
import { figuresOf, previousOf, servicesOf } from './deployment-list.queries.js';
import { deploymentDecider, type DeploymentCommand, type DeploymentState } from './deployment.decider.js';
import type { DeploymentEvent } from './deployment.events.js';
import { deploymentPublisher } from './deployment.publisher.js';
import { deploymentJob, requestedBy } from './deployment-job.js';

/** Jobs of which it is remembered that they are no deployments: as many as are in flight in a large installation. */
const OTHER_JOBS_MAX = 20_000;

@Injectable()
export class Deployments implements OnModuleInit {
  private readonly things: Things<DeploymentState, DeploymentCommand, DeploymentEvent>;
  /** Oldest first. A deployment is recorded before its job is enqueued: a job that was none will never be one. */
  private readonly otherJobs = new Set<string>();

  constructor(private readonly connections: Connections) {
    this.things = new Things(connections.eventStore, 'deployment', deploymentDecider);
  }

  async onModuleInit(): Promise<void> {
    await this.connections.project(deploymentList);
    this.connections.publish(deploymentPublisher);
  }

  /** First the record, then the job: nothing is deployed that nobody knows of. A repeat makes up for what was left out. */
  async start(job: EnqueueJobCommand, requested_by: string, call: CallContext): Promise<JobView> {
    const enqueued = deploymentJob(job);
    const requested = requestedBy(enqueued, requested_by, new Date().toISOString());
    await this.things.handle(job.job_id, { type: 'RequestDeployment', requested }, call);
    return this.connections.requests.send(queueRequests.enqueue, enqueued, call);
  }

  /** What became of a job, if it is a deployment's. */
  async recordJob(job: JobChanged, at: string, call: CallContext): Promise<void> {
    if (this.otherJobs.has(job.job_id)) return;
    const thing = await this.things.load(job.job_id, call.org);
    if (!thing.state.status) return this.forget(job.job_id);
    const command = commandFor(job, at);
    if (command) await this.things.handle(job.job_id, command, call, thing);
  }

  async get(id: string, call: CallContext): Promise<DeploymentDetail> {
    const { state } = await this.things.load(id, call.org);
    const view = viewOf(id, state);
    const { pool } = this.connections;
    return { ...view, previous_deployment_id: await previousOf(pool, call.org, id, state) };
  }

  list(query: ListDeployments, call: CallContext): Promise<Page<DeploymentView>> {
    return listPage<{ id: string; created_at: Date; state: DeploymentState }, DeploymentView>({
      from: this.connections.readModel(deploymentList),
      table: 'deployments.deployments',
      call,
      query,
      where: { status: query.status, environment: query.environment, service: query.service },
      view: ({ id, state }) => viewOf(id, state),
    });
  }

  async services(query: ListQuery, call: CallContext): Promise<Page<ServiceView>> {
    const { pool, reach } = this.fresh();
    await reach(call);
    return servicesOf(pool, call.org, query);
  }

  async figures(call: CallContext): Promise<DeploymentFigures> {
    const { pool, reach } = this.fresh();
    await reach(call);
    return figuresOf(pool, call.org);
  }

  private fresh() {
    const model = this.connections.readModel(deploymentList);
    return { pool: model.pool, reach: ({ atLeast }: CallContext) => model.reach(atLeast) };
  }

  private forget(jobId: string): void {
    this.otherJobs.add(jobId);
    if (this.otherJobs.size <= OTHER_JOBS_MAX) return;
    const [oldest] = this.otherJobs;
    this.otherJobs.delete(oldest!);
  }
}

function commandFor(job: JobChanged, at: string): DeploymentCommand | null {
  const { attempt, agent_id, outputs, error_message: message, progress } = job;
  if (progress)
    return progress.message === null
      ? null
      : { type: 'RecordPhase', attempt, phase: progress.message, now: progress.at };
  if (job.status === 'RUNNING') return { type: 'RecordStart', attempt, agent_id: agent_id ?? '', now: at };
  const end = { type: 'RecordEnd', outputs, message, now: at } as const;
  switch (job.status) {
    case 'COMPLETED':
      return { ...end, outcome: 'succeeded' };
    case 'FAILED':
      if (!job.final) return { type: 'RecordAttemptFailure', attempt, message, now: at };
      return { ...end, outcome: 'failed' };
    case 'DEAD_LETTERED':
      return { ...end, outcome: 'failed' };
    case 'CANCELLED':
      return { ...end, outcome: 'cancelled' };
    case 'QUEUED':
    case 'CLAIMED':
      return null;
  }
}

function viewOf(id: string, { status, requested, ...state }: DeploymentState): DeploymentView {
  if (!status || !requested)
    throw problem('not_found', 'deployment_not_found', 'there is no such deployment');
  const { at: created_at, ...what } = requested;
  const { agent_id, started_at, completed_at, message, previous_image, timeline } = state;
  return {
    deployment_id: id,
    ...what,
    status,
    agent_id,
    created_at,
    started_at,
    completed_at,
    message,
    previous_image,
    timeline,
  };
}
