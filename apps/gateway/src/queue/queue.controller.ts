import {
  ClaimJob,
  CompleteJob,
  EnqueueJob,
  ListJobs,
  problem,
  queueRequests,
  StartJob,
} from '@hybrid/contracts';
import { Connections } from '@hybrid/service';
import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import { Caller } from '../edge/caller.js';
import { listReply } from '../edge/list-reply.js';
import { Allow } from '../identity/access.guard.js';

@ApiTags('queue')
@ApiBearerAuth()
@Controller('api/queue')
export class QueueController {
  constructor(private readonly connections: Connections) {}

  @Post('jobs')
  @Allow('admin')
  enqueue(@Body() job: EnqueueJob, @Caller() caller: Caller) {
    return this.send(queueRequests.enqueue, { ...job, job_id: caller.newId('job') }, caller);
  }

  @Get('jobs')
  @Allow('admin')
  async list(@Query() query: ListJobs, @Caller() caller: Caller) {
    return listReply('jobs', await this.send(queueRequests.list, query, caller));
  }

  @Get('stats')
  @Allow('admin')
  stats(@Caller() caller: Caller) {
    return this.send(queueRequests.stats, {}, caller);
  }

  @Get('jobs/:job_id')
  @Allow('admin')
  get(@Param('job_id') job_id: string, @Caller() caller: Caller) {
    return this.send(queueRequests.get, { job_id }, caller);
  }

  @Delete('jobs/:job_id')
  @Allow('admin')
  cancel(@Param('job_id') job_id: string, @Caller() caller: Caller) {
    return this.send(queueRequests.cancel, { job_id, reason: `cancelled by ${caller.actor.id}` }, caller);
  }

  @Post('jobs/:job_id/requeue')
  @HttpCode(200)
  @Allow('admin')
  requeue(@Param('job_id') job_id: string, @Caller() caller: Caller) {
    return this.send(queueRequests.requeue, { job_id }, caller);
  }

  @Post('maintenance/requeue-expired')
  @HttpCode(200)
  @Allow('admin')
  requeueExpired(@Caller() caller: Caller) {
    return this.send(queueRequests.requeueExpired, {}, caller);
  }

  /** An agent claims from its own pool, whatever it asks for. Waits up to `wait_seconds` for a job. */
  @Post('claim')
  @HttpCode(200)
  @Allow('agent')
  async claim(@Body() request: ClaimJob, @Caller() caller: Caller) {
    if (request.agent_id !== caller.actor.id)
      throw problem('forbidden', 'not_your_agent', 'an agent may speak for itself only');
    const job = await this.send(queueRequests.claim, { ...request, pool: caller.pool }, caller);
    if (!job) throw problem('not_found', 'no_jobs_available', 'no job for this agent came; ask again');
    return { job };
  }

  @Patch('jobs/:job_id/start')
  @Allow('agent')
  start(@Param('job_id') job_id: string, @Body() start: StartJob, @Caller() caller: Caller) {
    return this.send(queueRequests.start, { ...start, job_id, agent_id: caller.actor.id }, caller);
  }

  @Patch('jobs/:job_id/complete')
  @Allow('agent')
  complete(@Param('job_id') job_id: string, @Body() result: CompleteJob, @Caller() caller: Caller) {
    return this.send(queueRequests.complete, { ...result, job_id, agent_id: caller.actor.id }, caller);
  }

  private readonly send: Connections['requests']['send'] = (request, input, call) =>
    this.connections.requests.send(request, input, call);
}
