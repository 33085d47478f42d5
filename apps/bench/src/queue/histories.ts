/**
 * A long history in seconds instead of hours: the events that jobs leave, straight into the event store, as the queue
 * would have stored them. That they are read as such is checked in `queue-bench.ts`: every job is in the list.
 */
import { EventStoreDBClient, jsonEvent, NO_STREAM, type JSONEventData } from '@eventstore/db-client';
import { createHash, randomUUID } from 'node:crypto';

/** Appends under way: the store syncs once for all that wait. */
const SIDE_BY_SIDE = 500;
const TOLD_EVERY = 50_000;
const POOL = 'bench-1-of-1';

/** Appends jobs that ended (four events each), or that wait (one event each). Answers the id of the last one. */
export async function appendJobs(
  eventStoreUrl: string,
  jobs: number,
  ended: boolean,
  told: (done: number) => void,
): Promise<string> {
  const client = EventStoreDBClient.connectionString(eventStoreUrl);
  let done = 0;
  let last = '';
  const append = async () => {
    while (done < jobs) {
      if (++done % TOLD_EVERY === 0) told(done);
      const id = randomUUID();
      last = id;
      const events = ended ? endedJob(id) : waitingJob(id);
      await client.appendToStream(`job-${id}`, events, { expectedRevision: NO_STREAM });
    }
  };
  try {
    await Promise.all(Array.from({ length: SIDE_BY_SIDE }, append));
  } finally {
    await client.dispose();
  }
  return last;
}

function waitingJob(job_id: string): JSONEventData[] {
  const at = new Date().toISOString();
  const spec = {
    step: {
      id: 'test',
      name: 'test',
      type: 'step.shell_exec',
      config: { commands: ['npm ci', 'npm test -- --ci'] },
    },
    env: { CI: 'true', NODE_ENV: 'test' },
  };
  const enqueued = {
    job_id,
    name: 'test',
    pool: POOL,
    priority: 'NORMAL',
    labels: {},
    capabilities: [],
    pipeline_id: null,
    max_attempts: 3,
    backoff_seconds: 5,
    backoff_factor: 2,
    max_backoff_seconds: 3600,
    backoff_jitter: 0.2,
    retry_on_exit_codes: null,
    on_exhausted: 'dead_letter',
    timeout_seconds: 3600,
    queue_timeout_seconds: null,
    concurrency: null,
    available_at: at,
    spec,
    digest: createHash('sha256').update(job_id).digest('hex'),
    at,
  };
  return [event('JobEnqueued', enqueued)];
}

function endedJob(job_id: string): JSONEventData[] {
  const now = Date.now();
  const at = new Date(now).toISOString();
  const agent_id = '0198a7be-2f3c-7d51-9c32-6f1c9d6b5a09';
  const attempt = 1;
  const claimed = {
    attempt,
    agent_id,
    lease_token: randomUUID(),
    lease_expires_at: new Date(now + 30_000).toISOString(),
    decision: {
      pool: POOL,
      pipeline_id: null,
      labels: {},
      capabilities: [],
      seen: '0',
      replica: '0198a7be-2f3c-7d51-9c32-6f1c9d6b5a0a',
      turn: 1,
      ageing_seconds: 600,
    },
    at,
  };
  const completed = { attempt, exit_code: 0, error_message: null, outputs: {}, artifacts: [], at };
  return [
    ...waitingJob(job_id),
    event('JobClaimed', claimed),
    event('JobStarted', { attempt, agent_id, at }),
    event('JobCompleted', completed),
  ];
}

function event(type: string, data: object): JSONEventData {
  const actor = { type: 'user', id: 'administrator' };
  const metadata = { org: 'default', actor, $correlationId: randomUUID(), version: 1 };
  return jsonEvent({ id: randomUUID(), type, data: { ...data, run_id: null }, metadata } as never);
}
