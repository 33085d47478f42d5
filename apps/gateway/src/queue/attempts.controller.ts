import {
  ClaimJob,
  CompleteJob,
  problem,
  queueRequests,
  ReleaseJob,
  ReportProgress,
  StartJob,
  type ClaimedJob,
} from '@hybrid/contracts';
import { Connections } from '@hybrid/service';
import { Body, Controller, HttpCode, Param, Patch, Post, Res } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Caller } from '../edge/caller.js';
import { Identity } from '../identity/identity.js';
import type { Principal } from '../identity/principal.js';
import { claimJobs } from './claims.js';

/** What agents do with jobs: each attempt is fenced by the lease token of its claim. */
@ApiTags('queue')
@ApiBearerAuth()
@Controller('api/queue')
export class AttemptsController {
  constructor(
    private readonly connections: Connections,
    private readonly identity: Identity,
  ) {}

  /**
   * Up to `count` jobs of the agent's own pool, whatever it asks for; waits up to `wait_seconds` for the first. An agent
   * that hangs up gets none. Labels and capabilities are those that the agent registered with, or some of them. `job` is
   * the first of `jobs`. An agent that is deregistered while it waits gets none: it waits no longer.
   */
  @Post('claim')
  @HttpCode(200)
  async claim(
    @Body() request: ClaimJob,
    @Caller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<{ job: ClaimedJob; jobs: ClaimedJob[] }> {
    const { pool } = caller.principal;
    if (request.agent_id !== caller.actor.id || pool === undefined)
      throw problem('forbidden', 'not_your_agent', 'an agent may speak for itself only');
    checkRegistered(request, caller.principal);
    const { stopping } = this.connections;
    const over = new AbortController();
    let hungUp = false;
    const hangUp = () => {
      hungUp = true;
      over.abort();
    };
    const end = () => over.abort();
    reply.raw.once('close', hangUp);
    stopping.addEventListener('abort', end, { once: true });
    if (stopping.aborted) end();
    const unwatch = this.identity.watchAgent(caller.principal, end);
    try {
      const jobs = await claimJobs(this.connections, { ...request, pool }, caller, over.signal);
      const [job] = jobs;
      if (!job) throw problem('not_found', 'no_jobs_available', 'no job for this agent came; ask again');
      if (hungUp) await this.handBack(jobs, caller);
      return { job, jobs };
    } finally {
      unwatch();
      reply.raw.off('close', hangUp);
      stopping.removeEventListener('abort', end);
    }
  }

  @Patch('jobs/:job_id/start')
  start(@Param('job_id') job_id: string, @Body() start: StartJob, @Caller() caller: Caller) {
    return this.send(queueRequests.start, { ...start, job_id, agent_id: caller.actor.id }, caller);
  }

  /** Any report extends the lease; one that comes within five seconds of the last is not kept. */
  @Patch('jobs/:job_id/progress')
  progress(@Param('job_id') job_id: string, @Body() progress: ReportProgress, @Caller() caller: Caller) {
    return this.send(queueRequests.progress, { ...progress, job_id, agent_id: caller.actor.id }, caller);
  }

  @Patch('jobs/:job_id/complete')
  complete(@Param('job_id') job_id: string, @Body() result: CompleteJob, @Caller() caller: Caller) {
    return this.send(queueRequests.complete, { ...result, job_id, agent_id: caller.actor.id }, caller);
  }

  /** Hands the job back unfinished: it is queued again at once, and no attempt of it is used up. */
  @Post('jobs/:job_id/release')
  @HttpCode(200)
  release(@Param('job_id') job_id: string, @Body() release: ReleaseJob, @Caller() caller: Caller) {
    return this.send(queueRequests.release, { ...release, job_id, agent_id: caller.actor.id }, caller);
  }

  /** Jobs that came while their agent hung up: others need not wait for the leases to end, which is what is left else. */
  private async handBack(jobs: ClaimedJob[], caller: Caller): Promise<void> {
    const releases = jobs.map(({ id, attempt, lease_token }) => {
      const lease = { job_id: id, agent_id: caller.actor.id, attempt, lease_token };
      return this.send(queueRequests.release, { ...lease, reason: 'its agent hung up' }, caller);
    });
    await Promise.allSettled(releases);
  }

  private readonly send: Connections['requests']['send'] = (request, input, call) =>
    this.connections.requests.send(request, input, call);
}

/** Jobs are kept for agents by their labels: whoever registered the agent vouches for them. */
function checkRegistered(
  { labels = {}, capabilities = [] }: ClaimJob,
  { labels: own = {}, capabilities: known = [] }: Principal,
): void {
  const wrong = [
    ...Object.entries(labels).filter(([name, value]) => !Object.hasOwn(own, name) || own[name] !== value),
    ...capabilities.filter((one) => !known.includes(one)),
  ];
  if (wrong.length > 0)
    throw problem(
      'forbidden',
      'labels_not_registered',
      `the agent is not registered with ${wrong.map((one) => (typeof one === 'string' ? one : one.join('='))).join(', ')}: register it anew`,
    );
}
