/** The deployments' messages. Owner: the deployments service. A deployment has the id of its job. Times are RFC 3339 UTC. */
import { OneOf, Text } from './fields.js';
import type { EnqueueJobCommand, JobView } from './job.contract.js';
import { ListQuery } from './paging.contract.js';
import { request, type Page } from './request.js';

/** HEALTHY: the new version has proved itself; the old one is being put away. ROLLED_BACK: it failed, and what ran before runs again. */
export const DEPLOYMENT_STATUSES = [
  'REQUESTED',
  'RUNNING',
  'HEALTHY',
  'SUCCEEDED',
  'FAILED',
  'ROLLED_BACK',
  'CANCELLED',
] as const;
export type DeploymentStatus = (typeof DEPLOYMENT_STATUSES)[number];

/** In the timeline of a deployment. */
export interface DeploymentMoment {
  at: string;
  /** What began to be so, where its status changed. */
  status: DeploymentStatus | null;
  message: string | null;
}

export interface DeploymentView {
  deployment_id: string;
  environment: string;
  service: string;
  image: string;
  strategy: string;
  provider: string;
  status: DeploymentStatus;
  run_id: string | null;
  /** The step of the run. */
  step_id: string;
  pipeline_id: string | null;
  commit: string | null;
  /** Who started the run. */
  requested_by: string;
  agent_id: string | null;
  created_at: string;
  started_at: string | null;
  completed_at: string | null;
  /** Why it did not succeed, or what is going on. */
  message: string | null;
  /** What ran there before, as the agent found it. */
  previous_image: string | null;
  /** The first hundred. */
  timeline: DeploymentMoment[];
}

export interface DeploymentDetail extends DeploymentView {
  /** The one of this service in this environment that had succeeded last when this one was requested. */
  previous_deployment_id: string | null;
}

/** A service where it runs: what is there, and what happened last. */
export interface ServiceEnvironment {
  environment: string;
  /** Of the last deployment that succeeded; null where none has. */
  image: string | null;
  deployment_id: string | null;
  deployed_at: string | null;
  latest: Pick<DeploymentView, 'deployment_id' | 'image' | 'status' | 'created_at'>;
}

export interface ServiceView {
  service: string;
  environments: ServiceEnvironment[];
}

export class ListDeployments extends ListQuery {
  @Text('metadata', { optional: true, max: 200 })
  environment?: string;

  @Text('metadata', { optional: true, max: 200 })
  service?: string;

  @OneOf(DEPLOYMENT_STATUSES, { optional: true })
  status?: DeploymentStatus;
}

/** Deployments as they are now. */
export interface DeploymentFigures {
  total: number;
  /** Under way. */
  active: number;
  /** Ever made to the environment `staging`. */
  staging: number;
  /** Failed, rolled back or not. */
  failed: number;
}

export const deploymentsRequests = {
  /** Records the deployment and enqueues its job, one at a time for each service in each environment. Idempotent by the job's id. */
  start: request<{ job: EnqueueJobCommand; requested_by: string }, JobView>(
    'cmd.deployments.deployment.start',
  ),
  get: request<{ deployment_id: string }, DeploymentDetail>('qry.deployments.deployment.get'),
  list: request<ListDeployments, Page<DeploymentView>>('qry.deployments.deployment.list'),
  /** Services that were ever deployed, by name. */
  services: request<ListQuery, Page<ServiceView>>('qry.deployments.service.list'),
  figures: request<Record<string, never>, DeploymentFigures>('qry.deployments.deployment.figures'),
};
