import {
  CloseJob,
  EnqueueJob,
  ExplainJob,
  ListJobs,
  queueRequests,
  ReadStats,
  RequeueJobs,
  SetPriority,
} from '@hybrid/contracts';
import { Connections } from '@hybrid/service';
import { Body, Controller, Delete, Get, Header, HttpCode, Param, Patch, Post, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiHeader, ApiTags } from '@nestjs/swagger';
import { Caller } from '../edge/caller.js';
import { IDEMPOTENCY_KEY } from './idempotency-key.js';

@ApiTags('queue')
@ApiBearerAuth()
@Controller('api/queue')
export class QueueController {
  constructor(private readonly connections: Connections) {}

  @Post('jobs')
  @ApiHeader(IDEMPOTENCY_KEY)
  enqueue(@Body() job: EnqueueJob, @Caller() caller: Caller) {
    return this.send(queueRequests.enqueue, { ...job, job_id: caller.newId('job') }, caller);
  }

  @Get('jobs')
  @Header('content-type', 'application/json; charset=utf-8')
  list(@Query() query: ListJobs, @Caller() caller: Caller) {
    return this.send(queueRequests.list, query, caller);
  }

  /** Jobs as they are now, and figures of the attempts that ended: per pool, per priority, of three windows. */
  @Get('stats')
  stats(@Query() query: ReadStats, @Caller() caller: Caller) {
    return this.send(queueRequests.stats, query, caller);
  }

  @Get('jobs/:job_id')
  get(@Param('job_id') job_id: string, @Caller() caller: Caller) {
    return this.send(queueRequests.get, { job_id }, caller);
  }

  /** Why it waits, the hardest reason first; and each wait so far, with who was given what instead. */
  @Get('jobs/:job_id/explain')
  explain(@Param('job_id') job_id: string, @Query() { claims }: ExplainJob, @Caller() caller: Caller) {
    return this.send(queueRequests.explain, { job_id, claims }, caller);
  }

  @Patch('jobs/:job_id/priority')
  setPriority(@Param('job_id') job_id: string, @Body() { priority }: SetPriority, @Caller() caller: Caller) {
    return this.send(queueRequests.setPriority, { job_id, priority }, caller);
  }

  /** Cancels it, waiting or running; the agent of a running one stops the work within ten seconds. */
  @Delete('jobs/:job_id')
  cancel(@Param('job_id') job_id: string, @Caller() caller: Caller) {
    return this.send(queueRequests.cancel, { job_id, reason: `cancelled by ${caller.actor.id}` }, caller);
  }

  /** By hand, when no agent will say how it ended. */
  @Post('jobs/:job_id/close')
  @HttpCode(200)
  close(@Param('job_id') job_id: string, @Body() result: CloseJob, @Caller() caller: Caller) {
    return this.send(queueRequests.close, { ...result, job_id }, caller);
  }

  @Post('jobs/:job_id/requeue')
  @HttpCode(200)
  requeue(@Param('job_id') job_id: string, @Caller() caller: Caller) {
    return this.send(queueRequests.requeue, { job_id }, caller);
  }

  /** Dead letters, or failed jobs, that fit; `remaining` says how many more there are. */
  @Post('jobs/requeue')
  @HttpCode(200)
  requeueMany(@Body() filter: RequeueJobs, @Caller() caller: Caller) {
    return this.send(queueRequests.requeueMany, filter, caller);
  }

  /** Also happens by itself. */
  @Post('maintenance/requeue-expired')
  @HttpCode(200)
  requeueExpired(@Caller() caller: Caller) {
    return this.send(queueRequests.requeueExpired, {}, caller);
  }

  private readonly send: Connections['requests']['send'] = (request, input, call) =>
    this.connections.requests.send(request, input, call);
}
