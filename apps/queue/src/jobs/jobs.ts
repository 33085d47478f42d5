/** The queue's commands, each carried out on its job's stream. */
import {
  logSubject,
  problem,
  ProblemError,
  type CallContext,
  type CloseJob,
  type CompleteJob,
  type EnqueuedItem,
  type EnqueueJobCommand,
  type JobLease,
  type JobSpec,
  type JobView,
  type LogLine,
  type Priority,
  type ReleaseJob,
  type ReportProgress,
  type RunningJob,
} from '@hybrid/contracts';
import { Things, type Handled } from '@hybrid/event-store';
import { callHeaders } from '@hybrid/messaging';
import { Connections } from '@hybrid/service';
import { Injectable } from '@nestjs/common';
import { jetstream } from '@nats-io/jetstream';
import { createHash } from 'node:crypto';
import { JobIndex } from './job-index.js';
import { jobDecider, type JobCommand } from './job.decider.js';
import type { JobEvent } from './job.events.js';
import { noJob, type JobState } from './job.state.js';
import { jobView } from './job.view.js';
import { LogLimit } from './log-limit.js';
import { sideBySide } from './side-by-side.js';

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

  constructor(
    private readonly connections: Connections,
    private readonly index: JobIndex,
    private readonly logLimit: LogLimit,
  ) {
    this.things = new Things(connections.eventStore, 'job', jobDecider);
  }

  async get(jobId: string, org: string): Promise<JobView> {
    return jobView((await this.things.load(jobId, org)).state);
  }

  async enqueue(request: EnqueueJobCommand, call: CallContext): Promise<JobView> {
    const digest = createHash('sha256').update(JSON.stringify(request)).digest('hex');
    const command: JobCommand = { type: 'EnqueueJob', request, digest, now: this.now() };
    // New in nearly all cases: the append itself finds out.
    const known = { state: noJob, revision: null };
    return jobView((await this.things.handle(request.job_id, command, call, known)).state);
  }

  /** What is refused of one harms no other. */
  async enqueueBatch(requests: EnqueueJobCommand[], call: CallContext): Promise<{ results: EnqueuedItem[] }> {
    const results = await sideBySide(requests, async (request, index): Promise<EnqueuedItem> => {
      try {
        return { index, job: await this.enqueue(request, call) };
      } catch (error) {
        if (!(error instanceof ProblemError)) throw error;
        return { index, error: error.problem };
      }
    });
    return { results };
  }

  start({ job_id, attempt, lease_token, agent_id }: AttemptOf, call: CallContext): Promise<JobView> {
    return this.view(job_id, { type: 'StartJob', attempt, lease_token, agent_id, now: this.now() }, call);
  }

  complete(request: CompleteJob & AttemptOf, call: CallContext): Promise<JobView> {
    const { job_id, ...result } = request;
    const chance = Math.random();
    return this.view(job_id, { ...result, type: 'CompleteJob', chance, now: this.now() }, call);
  }

  /** Also a sign of life. */
  async report(request: ReportProgress & AttemptOf, call: CallContext): Promise<JobView> {
    const { job_id, ...progress } = request;
    const view = await this.view(job_id, { ...progress, type: 'ReportProgress', now: this.now() }, call);
    const { agent_id, attempt } = request;
    this.index.leases.renew(job_id, attempt, agent_id);
    this.tellRenewed({ agent_id, running: [{ job_id, attempt }] }, call);
    return view;
  }

  release(request: ReleaseJob & AttemptOf, call: CallContext): Promise<JobView> {
    const { job_id, ...released } = request;
    return this.view(job_id, { ...released, type: 'ReleaseJob', now: this.now() }, call);
  }

  cancel(jobId: string, reason: string, call: CallContext): Promise<JobView> {
    return this.view(jobId, { type: 'CancelJob', reason, now: this.now() }, call);
  }

  close({ job_id, ...result }: CloseJob & { job_id: string }, call: CallContext): Promise<JobView> {
    return this.view(job_id, { ...result, type: 'CloseJob', now: this.now() }, call);
  }

  setPriority(jobId: string, priority: Priority, call: CallContext): Promise<JobView> {
    return this.view(jobId, { type: 'SetPriority', priority, now: this.now() }, call);
  }

  requeue(jobId: string, call: CallContext): Promise<JobView> {
    return this.view(jobId, { type: 'RequeueJob', now: this.now() }, call);
  }

  /** Answers those that wait again now, in the order of the list; what is refused of one harms no other. */
  async requeueAll(jobIds: string[], call: CallContext): Promise<string[]> {
    const requeued = await sideBySide(jobIds, async (id) => {
      try {
        return (await this.handle(id, { type: 'RequeueJob', now: this.now() }, call)).events.length > 0;
      } catch (error) {
        // Something else became of it meanwhile.
        if (error instanceof ProblemError && error.problem.kind === 'conflict') return false;
        throw error;
      }
    });
    return jobIds.filter((_, index) => requeued[index]);
  }

  /** Answers whether the attempt ended by it. */
  async expire(
    jobId: string,
    attempt: number,
    reason: string | undefined,
    call: CallContext,
  ): Promise<boolean> {
    const command: JobCommand = { type: 'ExpireLease', attempt, reason, now: this.now() };
    return (await this.handle(jobId, command, call)).events.length > 0;
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
    if (kept.length) this.tellRenewed({ agent_id, running: kept }, call);
    return { lost };
  }

  /** Says whether lines may be stored: their bytes do not come through here. @throws `lease_lost`. */
  async admitLog(request: AttemptOf & { size: number }, call: CallContext): Promise<{ cut?: number }> {
    const { job_id, attempt, size } = request;
    const known = this.index.known(job_id, call.org);
    const owned = known && ownsAttempt(known.state, request);
    if (!owned && !ownsAttempt((await this.things.load(job_id, call.org)).state, request))
      throw problem('conflict', 'lease_lost', `attempt ${attempt} of the job is not this agent's any more`);
    return this.logLimit.allows(job_id, size) ? {} : { cut: this.logLimit.bytes };
  }

  /** As gateways of before ask for it. @throws `lease_lost`. */
  async appendLogs(
    request: AttemptOf & { lines: LogLine[] },
    call: CallContext,
  ): Promise<{ accepted: number }> {
    const { job_id, lines, attempt } = request;
    if (!lines.length) return { accepted: 0 };
    const body = lines.map((line) => JSON.stringify(line)).join('\n');
    const { cut } = await this.admitLog({ ...request, size: Buffer.byteLength(body) }, call);
    if (cut !== undefined) return { accepted: 0 };
    const msgID = `${job_id}.${attempt}.${lines[0]!.seq}-${lines.at(-1)!.seq}`;
    await jetstream(this.connections.nats).publish(logSubject(call.org, job_id, attempt), body, { msgID });
    return { accepted: lines.length };
  }

  /** From memory, unless another replica knows better. @throws `not_your_job`. */
  async lease(request: AttemptOf, call: CallContext): Promise<JobLease> {
    let state = this.index.known(request.job_id, call.org)?.state;
    if (!state || !holdsAttempt(state, request))
      ({ state } = await this.things.load(request.job_id, call.org));
    if (!state.job || !holdsAttempt(state, request))
      throw problem(
        'forbidden',
        'not_your_job',
        'this attempt of the job is not one that this agent is at now',
      );
    return leaseOf(request.job_id, state.job.spec);
  }

  private tellRenewed(renewed: Renewed, call: CallContext): void {
    this.connections.nats.publish(RENEWED_SUBJECT, JSON.stringify(renewed), { headers: callHeaders(call) });
  }

  private async view(jobId: string, command: JobCommand, call: CallContext): Promise<JobView> {
    return jobView((await this.handle(jobId, command, call)).state);
  }

  /** From what is known of the job already, which saves a read. */
  private async handle(
    jobId: string,
    command: JobCommand,
    call: CallContext,
  ): Promise<Handled<JobState, JobEvent>> {
    const known = this.index.known(jobId, call.org);
    const handled = await this.things.handle(jobId, command, call, known);
    this.index.wrote(jobId, handled);
    return handled;
  }

  private now(): string {
    return new Date(this.index.now()).toISOString();
  }
}

/** As `ownsAttempt`, and it has not ended. */
function holdsAttempt(state: JobState, attempt: AttemptOf): boolean {
  return (state.status === 'CLAIMED' || state.status === 'RUNNING') && ownsAttempt(state, attempt);
}

function leaseOf(jobId: string, { execution_id, artifacts_in = [], step }: JobSpec): JobLease {
  const { execution_id: previous } = step.config;
  return {
    execution_id: execution_id ?? jobId,
    fetches_from: [
      ...artifacts_in.map((artifact) => artifact.execution_id),
      ...(typeof previous === 'string' ? [previous] : []),
    ],
  };
}

function ownsAttempt(state: JobState, { attempt, agent_id, lease_token }: AttemptOf): boolean {
  return state.attempt === attempt && state.agent_id === agent_id && state.lease_token === lease_token;
}
