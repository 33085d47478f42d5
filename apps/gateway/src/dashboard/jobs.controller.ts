import {
  ChangeJob,
  CloseJob,
  EnqueueJob,
  ListJobs,
  problem,
  queueRequests,
  readJson,
  type DashboardJob,
  type JobView,
  type Request,
} from '@hybrid/contracts';
import { Connections } from '@hybrid/service';
import { Body, Controller, Get, HttpCode, Param, Patch, Post, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiHeader, ApiTags, OmitType } from '@nestjs/swagger';
import { Caller } from '../edge/caller.js';
import { IDEMPOTENCY_KEY } from '../queue/idempotency-key.js';
import { dashboardJob } from './dashboard-job.js';

class ListRunningJobs extends OmitType(ListJobs, ['status']) {}

/** The queue's jobs under the names that the dashboard and its users know. */
@ApiTags('dashboard')
@ApiBearerAuth()
@Controller('api/dashboard/jobs')
export class DashboardJobsController {
  constructor(private readonly connections: Connections) {}

  @Post()
  @ApiHeader(IDEMPOTENCY_KEY)
  create(@Body() job: EnqueueJob, @Caller() caller: Caller) {
    return this.send(queueRequests.enqueue, { ...job, job_id: caller.newId('job') }, caller);
  }

  @Get()
  list(@Query() query: ListJobs, @Caller() caller: Caller) {
    return this.page(query, caller);
  }

  @Get('running')
  running(@Query() query: ListRunningJobs, @Caller() caller: Caller) {
    return this.page({ ...query, status: 'RUNNING' }, caller);
  }

  @Get(':job_id')
  get(@Param('job_id') job_id: string, @Caller() caller: Caller) {
    return this.send(queueRequests.get, { job_id }, caller);
  }

  @Patch(':job_id')
  change(@Param('job_id') job_id: string, @Body() { priority, status }: ChangeJob, @Caller() caller: Caller) {
    if (status) return this.cancel(job_id, caller);
    if (priority) return this.send(queueRequests.setPriority, { job_id, priority }, caller);
    throw problem('invalid', 'invalid_input', 'there is nothing to change: send priority or status');
  }

  /** By hand, when no agent will say how it ended. */
  @Patch(':job_id/complete')
  complete(@Param('job_id') job_id: string, @Body() result: CloseJob, @Caller() caller: Caller) {
    return this.send(queueRequests.close, { ...result, job_id }, caller);
  }

  /** Queues a job again that has failed or is in the dead letters. */
  @Post(':job_id/retry')
  @HttpCode(200)
  retry(@Param('job_id') job_id: string, @Caller() caller: Caller) {
    return this.send(queueRequests.requeue, { job_id }, caller);
  }

  @Post(':job_id/cancel')
  @HttpCode(200)
  cancel(@Param('job_id') job_id: string, @Caller() caller: Caller) {
    return this.send(queueRequests.cancel, { job_id, reason: `cancelled by ${caller.actor.id}` }, caller);
  }

  private async page(query: ListJobs, caller: Caller) {
    const page = readJson(await this.connections.requests.send(queueRequests.list, query, caller));
    return { ...page, jobs: page.jobs.map(dashboardJob) };
  }

  private async send<I>(request: Request<I, JobView>, input: I, caller: Caller): Promise<DashboardJob> {
    return dashboardJob(await this.connections.requests.send(request, input, caller));
  }
}
