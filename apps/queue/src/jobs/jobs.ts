/** The queue's commands, each carried out on its job's stream. */
import {
  LEASE_SECONDS,
  logSubject,
  problem,
  ProblemError,
  type CallContext,
  type ClaimedJob,
  type ClaimJobCommand,
  type CompleteJob,
  type EnqueueJobCommand,
  type JobView,
  type LogLine,
  type RunningJob,
} from '@hybrid/contracts';
import { Things, type Handled } from '@hybrid/event-store';
import { callHeaders } from '@hybrid/messaging';
import { Connections } from '@hybrid/service';
import { Injectable } from '@nestjs/common';
import { jetstream } from '@nats-io/jetstream';
import { createHash, randomUUID } from 'node:crypto';
import { JobIndex } from './job-index.js';
import { jobDecider, type JobCommand } from './job.decider.js';
import type { JobEvent } from './job.events.js';
import { noJob, type JobState } from './job.state.js';
import { claimedJob, jobView } from './job.view.js';
import type { WaitingJob } from './waiting-jobs.js';

/** Every replica hears it: renewals are not events. At most once; an agent renews several times in a lease. */
export const RENEWED_SUBJECT = 'live.queue.job.renewed';

export interface Renewed {
  agent_id: string;
  running: RunningJob[];
}

type AttemptOf = { job_id: string; agent_id: string; attempt: number; lease_token: string };

@Injectable()
export class Jobs {
  private readonly things: Things<JobState, JobCommand, JobEvent>;
  /** Claims under way, by the id that their gateway gave them. */
  private readonly claims = new Map<string, AbortController>();

  constructor(
    private readonly connections: Connections,
    private readonly index: JobIndex,
  ) {
    this.things = new Things(connections.eventStore, 'job', jobDecider);
  }

  async get(jobId: string, org: string): Promise<JobView> {
    return jobView((await this.things.load(jobId, org)).state);
  }

  async enqueue(request: EnqueueJobCommand, call: CallContext): Promise<JobView> {
    const digest = createHash('sha256').update(JSON.stringify(request)).digest('hex');
    const command: JobCommand = { type: 'EnqueueJob', request, digest, now: now() };
    // New in nearly all cases: the append itself finds out.
    const known = { state: noJob, revision: null };
    return jobView((await this.things.handle(request.job_id, command, call, known)).state);
  }

  /** Null when no job that fits came within the wait. */
  async claim(request: ClaimJobCommand, call: CallContext): Promise<ClaimedJob | null> {
    const id = request.claim_id ?? randomUUID();
    const abandoned = new AbortController();
    this.claims.set(id, abandoned);
    try {
      return await this.claimNext(request, call, abandoned.signal);
    } finally {
      this.claims.delete(id);
      // The job that woke it, if one did, is for somebody else.
      if (abandoned.signal.aborted) this.index.waiting.wakeAll();
    }
  }

  /** Whoever asked is gone: a job given to it now would be lost for a lease. */
  abandonClaim(id: string): void {
    this.claims.get(id)?.abort();
  }

  private async claimNext(
    request: ClaimJobCommand,
    call: CallContext,
    abandoned: AbortSignal,
  ): Promise<ClaimedJob | null> {
    const claimant = { org: call.org, pool: request.pool ?? 'default', labels: request.labels ?? {} };
    const deadline = performance.now() + (request.wait_seconds ?? 0) * 1000;
    while (!abandoned.aborted) {
      for (let job; (job = this.index.waiting.take(claimant, now()));) {
        const claimed = await this.tryClaim(job, request.agent_id, call);
        if (claimed) return claimed;
      }
      const left = deadline - performance.now();
      if (left <= 0 || this.connections.stopping.aborted) return null;
      await this.index.waiting.arrival(claimant, left, abandoned);
    }
    return null;
  }

  start(request: AttemptOf, call: CallContext): Promise<JobView> {
    const { job_id, attempt, lease_token, agent_id } = request;
    return this.view(job_id, { type: 'StartJob', attempt, lease_token, agent_id, now: now() }, call);
  }

  complete(request: CompleteJob & AttemptOf, call: CallContext): Promise<JobView> {
    const { job_id, ...result } = request;
    return this.view(job_id, { ...result, type: 'CompleteJob', now: now() }, call);
  }

  cancel(jobId: string, reason: string, call: CallContext): Promise<JobView> {
    return this.view(jobId, { type: 'CancelJob', reason, now: now() }, call);
  }

  requeue(jobId: string, call: CallContext): Promise<JobView> {
    return this.view(jobId, { type: 'RequeueJob', now: now() }, call);
  }

  expire(jobId: string, attempt: number, call: CallContext): Promise<Handled<JobState, JobEvent>> {
    return this.things.handle(jobId, { type: 'ExpireLease', attempt, now: now() }, call);
  }

  /** Extends the leases of the agent's jobs, here and in the other replicas; answers the jobs that are not its own. */
  async renew({ agent_id, running }: Renewed, call: CallContext): Promise<{ lost: string[] }> {
    const lost: string[] = [];
    for (const { job_id, attempt } of running) {
      if (this.index.leases.renew(job_id, attempt, agent_id)) continue;
      const { state } = await this.things.load(job_id, call.org);
      const live = state.status === 'CLAIMED' || state.status === 'RUNNING';
      if (!live || state.attempt !== attempt || state.agent_id !== agent_id) lost.push(job_id);
    }
    const kept = running.filter(({ job_id }) => !lost.includes(job_id));
    const renewed: Renewed = { agent_id, running: kept };
    if (kept.length)
      this.connections.nats.publish(RENEWED_SUBJECT, JSON.stringify(renewed), { headers: callHeaders(call) });
    return { lost };
  }

  /** Stores lines in JetStream. Lines that come twice are stored twice: readers go by `seq`. @throws `lease_lost`. */
  async appendLogs(
    request: AttemptOf & { lines: LogLine[] },
    call: CallContext,
  ): Promise<{ accepted: number }> {
    const { job_id, lines, attempt } = request;
    if (!lines.length) return { accepted: 0 };
    const known = this.index.waiting.get(job_id);
    const owned = known && known.org === call.org && ownsAttempt(known.thing.state, request);
    if (!owned && !ownsAttempt((await this.things.load(job_id, call.org)).state, request))
      throw problem('conflict', 'lease_lost', `attempt ${attempt} of the job is not this agent's any more`);
    const body = lines.map((line) => JSON.stringify(line)).join('\n');
    const msgID = `${job_id}.${attempt}.${lines[0]!.seq}-${lines.at(-1)!.seq}`;
    await jetstream(this.connections.nats).publish(logSubject(call.org, job_id, attempt), body, { msgID });
    return { accepted: lines.length };
  }

  private async view(jobId: string, command: JobCommand, call: CallContext): Promise<JobView> {
    const waiting = this.index.waiting.get(jobId);
    const known = waiting?.org === call.org ? waiting.thing : undefined;
    return jobView((await this.things.handle(jobId, command, call, known)).state);
  }

  private async tryClaim(job: WaitingJob, agentId: string, call: CallContext): Promise<ClaimedJob | null> {
    const at = new Date();
    const lease_expires_at = new Date(at.getTime() + LEASE_SECONDS * 1000).toISOString();
    const claim: JobCommand = {
      type: 'ClaimJob',
      agent_id: agentId,
      // Unique to this claimant: with a shared id, both of two claimants would be told that they won.
      lease_token: randomUUID(),
      lease_expires_at,
      now: at.toISOString(),
    };
    try {
      const { state } = await this.things.handle(job.id, claim, call, job.thing);
      return claimedJob(state, lease_expires_at, job.traceparent ?? null);
    } catch (error) {
      if (error instanceof ProblemError && error.problem.kind === 'conflict') return null;
      this.index.waiting.giveBack(job);
      throw error;
    }
  }
}

function ownsAttempt(state: JobState, { attempt, agent_id, lease_token }: AttemptOf): boolean {
  return state.attempt === attempt && state.agent_id === agent_id && state.lease_token === lease_token;
}

function now(): string {
  return new Date().toISOString();
}
