/**
 * Judges the queue by its event log alone: reads every job's events with the official client and says where they break
 * a promise. It shares no code with the queue, so that a mistake there cannot hide itself here.
 */
import { START, type EventStoreDBClient } from '@eventstore/db-client';

export interface JobLogEvent {
  /** Commit position in the whole log. */
  position: bigint;
  jobId: string;
  revision: bigint;
  type: string;
  data: Record<string, unknown>;
}

/** What the HTTP API said yes to. */
export interface Acknowledged {
  enqueued?: Iterable<string>;
  completed?: Iterable<{ id: string; attempt: number }>;
  cancelled?: Iterable<string>;
}

export interface Violation {
  /** Null: what is wrong is that something is not there. */
  position: bigint | null;
  jobId: string;
  what: string;
}

export interface JobLogVerdict {
  jobs: number;
  claims: number;
  /** Jobs that have not ended. */
  live: string[];
  /** In the order of the log; then what is missing. */
  violations: Violation[];
}

/** One job as its events tell it. */
interface JobSoFar {
  next: bigint;
  /** `between`: the attempt is over, and what follows from that is not said yet. `ended`: for good. */
  stage: 'waiting' | 'claimed' | 'running' | 'between' | 'ended';
  /** The event that ended it. */
  end: string | null;
  /** Only after these ends a request may queue it again. */
  requeueable: boolean;
  attempt: number;
  agent: unknown;
  completed: Set<number>;
  cancelled: boolean;
}

export async function readJobLog(client: EventStoreDBClient): Promise<JobLogEvent[]> {
  const found: JobLogEvent[] = [];
  for await (const { event } of client.readAll({ fromPosition: START })) {
    if (!event?.streamId.startsWith('job-')) continue;
    // What only a newer version knows says itself what it is to the others.
    const { downcast } = (event.metadata ?? {}) as { downcast?: { type: string; data: object } };
    const { type, data } = downcast ?? event;
    found.push({
      position: event.position.commit,
      jobId: event.streamId.slice('job-'.length),
      revision: event.revision,
      type,
      data: data as Record<string, unknown>,
    });
  }
  return found;
}

/** `events` in the order of the log. Types that nobody here knows may stand anywhere but after a job's end. */
export function checkJobLog(events: JobLogEvent[], acknowledged: Acknowledged = {}): JobLogVerdict {
  const jobs = new Map<string, JobSoFar>();
  const tokens = new Map<unknown, string>();
  const violations: Violation[] = [];
  let claims = 0;
  let last = -1n;
  for (const event of events) {
    const { position, jobId, type, data } = event;
    const wrong = (what: string) => violations.push({ position, jobId, what: `${type}: ${what}` });
    if (position < last) wrong(`it stands after the position ${last}`);
    last = position;
    const job = jobs.get(jobId);
    if (!job) {
      if (type !== 'JobEnqueued') wrong('the job was never enqueued');
      if (event.revision !== 0n) wrong(`the stream begins with revision ${event.revision}`);
      jobs.set(jobId, begun(event.revision));
      continue;
    }
    if (event.revision !== job.next) wrong(`revision ${event.revision} instead of ${job.next}`);
    job.next = event.revision + 1n;
    if (type === 'JobClaimed') {
      claims++;
      const other = tokens.get(data['lease_token']);
      if (other) wrong(`its lease token is that of ${other}`);
      tokens.set(data['lease_token'], `job ${jobId}, attempt ${String(data['attempt'])}`);
    }
    follow(job, event, wrong);
  }
  const missing = (jobId: string, what: string) => violations.push({ position: null, jobId, what });
  for (const [id, { stage, attempt }] of jobs)
    if (stage === 'between')
      missing(id, `attempt ${attempt} is over, and the job neither waits nor has ended`);
  for (const id of acknowledged.enqueued ?? [])
    if (!jobs.has(id)) missing(id, 'its enqueue was acknowledged, and it is not in the log');
  for (const { id, attempt } of acknowledged.completed ?? [])
    if (!jobs.get(id)?.completed.has(attempt))
      missing(id, `the result of attempt ${attempt} was acknowledged, and is not in the log`);
  for (const id of acknowledged.cancelled ?? [])
    if (!jobs.get(id)?.cancelled) missing(id, 'its cancellation was acknowledged, and is not in the log');
  const live = [...jobs].filter(([, { stage }]) => stage !== 'ended').map(([id]) => id);
  return { jobs: jobs.size, claims, live, violations };
}

function begun(revision: bigint): JobSoFar {
  return {
    next: revision + 1n,
    stage: 'waiting',
    end: null,
    requeueable: false,
    attempt: 0,
    agent: null,
    completed: new Set(),
    cancelled: false,
  };
}

/** Takes the event over, and says what it should not have been. */
function follow(job: JobSoFar, { type, data }: JobLogEvent, wrong: (what: string) => void): void {
  if (job.stage === 'ended' && !(type === 'JobRequeued' && data['reason'] === 'requested'))
    return wrong(`the job had ended with ${job.end}`);
  const byHand = data['by_hand'] === true;
  switch (type) {
    case 'JobEnqueued':
      return wrong('the job was enqueued before');
    case 'JobClaimed':
      if (job.stage !== 'waiting') wrong(`the job was ${job.stage}, attempt ${job.attempt}`);
      if (data['attempt'] !== job.attempt + 1)
        wrong(`attempt ${String(data['attempt'])} follows attempt ${job.attempt}`);
      job.stage = 'claimed';
      job.attempt = Number(data['attempt']);
      job.agent = data['agent_id'];
      return;
    case 'JobStarted':
      if (job.stage === 'running') wrong('the attempt was started before');
      ofAttempt(job, data, wrong);
      job.stage = 'running';
      return;
    case 'JobProgressed':
      return ofAttempt(job, data, wrong);
    case 'JobLeaseExpired':
    case 'JobReleased':
      ofAttempt(job, data, wrong);
      job.stage = 'between';
      return;
    case 'JobCompleted':
    case 'JobFailed':
    case 'JobTimedOut':
      if (!(byHand && job.stage === 'waiting' && type === 'JobFailed')) ofAttempt(job, data, wrong);
      if (type === 'JobCompleted') job.completed.add(Number(data['attempt']));
      if (type === 'JobCompleted' || data['final'] === true) end(job, type, type !== 'JobCompleted');
      else job.stage = 'between';
      return;
    case 'JobRequeued':
      if (data['reason'] === 'requested') {
        if (!job.requeueable) wrong(`nobody may ask for that after ${job.end ?? `it was ${job.stage}`}`);
      } else if (job.stage !== 'between') wrong(`the job was ${job.stage}`);
      job.stage = 'waiting';
      job.requeueable = false;
      return;
    case 'JobDeadLettered':
      if (job.stage !== 'between') wrong(`the job was ${job.stage}`);
      return end(job, type, true);
    case 'JobQueueTimedOut':
      if (job.stage !== 'waiting') wrong(`the job was ${job.stage}`);
      return end(job, type, true);
    case 'JobCancelled':
      job.cancelled = true;
      return end(job, type, false);
    default:
    // Nothing that ends or begins anything, or of a version that this file does not know.
  }
}

function ofAttempt(job: JobSoFar, data: Record<string, unknown>, wrong: (what: string) => void): void {
  if (job.stage !== 'claimed' && job.stage !== 'running') wrong(`the job was ${job.stage}`);
  if (data['attempt'] !== job.attempt)
    wrong(`it is of attempt ${String(data['attempt'])}, and the current one is ${job.attempt}`);
  // Results name no agent.
  if ('agent_id' in data && data['agent_id'] !== job.agent)
    wrong(`it is of the agent ${String(data['agent_id'])}, and the attempt is that of ${String(job.agent)}`);
}

function end(job: JobSoFar, type: string, requeueable: boolean): void {
  job.stage = 'ended';
  job.end = type;
  job.requeueable = requeueable;
}
