import {
  CLAIM_ABANDONED_SUBJECT,
  ClaimJob,
  CompleteJob,
  EnqueueJob,
  ListJobs,
  problem,
  queueRequests,
  StartJob,
  type ClaimAbandoned,
  type ClaimedJob,
} from '@hybrid/contracts';
import { callHeaders } from '@hybrid/messaging';
import { Connections } from '@hybrid/service';
import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query, Res } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { randomUUID } from 'node:crypto';
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

  /** An agent claims from its own pool, whatever it asks for. Waits up to `wait_seconds` for a job; an agent that hangs up gets none. */
  @Post('claim')
  @HttpCode(200)
  @Allow('agent')
  async claim(
    @Body() request: ClaimJob,
    @Caller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<{ job: ClaimedJob }> {
    if (request.agent_id !== caller.actor.id)
      throw problem('forbidden', 'not_your_agent', 'an agent may speak for itself only');
    const abandoned: ClaimAbandoned = { claim_id: randomUUID() };
    const abandon = () =>
      this.connections.nats.publish(CLAIM_ABANDONED_SUBJECT, JSON.stringify(abandoned), {
        headers: callHeaders(caller),
      });
    const { stopping } = this.connections;
    reply.raw.once('close', abandon);
    stopping.addEventListener('abort', abandon, { once: true });
    let job: ClaimedJob | null;
    try {
      job = await this.send(queueRequests.claim, { ...request, ...abandoned, pool: caller.pool }, caller);
    } finally {
      reply.raw.off('close', abandon);
      stopping.removeEventListener('abort', abandon);
    }
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
