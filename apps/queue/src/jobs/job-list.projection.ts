/**
 * The queue's read model: `queue.jobs` (every job with its state), `queue.turns` (when each pipeline was last served in a
 * pool) and `queue.pools` (pauses). One projection, so that a replica takes its seed from all three as of one position.
 */
import { foldVersion, stateTable, understood, type Projection, type StoredEvent } from '@hybrid/event-store';
import type { PoolClient } from 'pg';
import { JOB_POOL_FOLD, jobPoolDecider } from '../pools/job-pool.decider.js';
import { jobDecider } from './job.decider.js';
import { jobEvents } from './job.events.js';
import { JOB_FOLD } from './job.state.js';
import { jobView } from './job.view.js';

/** Raised when the tables change and no fold does. */
const TABLES = 2;

/** There are few of each: lists and figures find them counted. */
export const COUNTS = ['status', 'pool', 'priority'];

/** Jobs of several attempts, which are few. */
export const CLAIMED_AGAIN = `(state->>'attempt')::int > 1`;

const jobs = stateTable({
  schema: 'queue',
  table: 'jobs',
  version: JOB_FOLD,
  category: 'job',
  decider: jobDecider,
  firstColumns: { arrived: { type: 'bigint', value: (first) => first.position?.commit.toString() ?? null } },
  columns: {
    status: { type: 'text', value: (state) => state.status },
    pool: { type: 'text', value: (state) => state.job?.pool ?? null },
    priority: { type: 'text', value: (state) => state.job?.priority ?? null },
    agent_id: { type: 'text', value: (state) => state.agent_id },
    run_id: { type: 'text', value: (state) => state.job?.run_id ?? null },
    pipeline_id: { type: 'text', value: (state) => state.job?.pipeline_id ?? null },
    concurrency_group: { type: 'text', value: (state) => state.job?.concurrency?.group ?? null },
    available_at: { type: 'timestamptz', value: (state) => state.available_at },
    claimed_at: { type: 'timestamptz', value: (state) => state.claimed_at },
    started_at: { type: 'timestamptz', value: (state) => state.started_at },
    completed_at: { type: 'timestamptz', value: (state) => state.completed_at },
    // Made once when the row is written, as a page of a list shows 200 of them.
    view: { type: 'text', value: (state) => JSON.stringify(jobView(state)) },
  },
  counts: COUNTS,
  // The last, and the one on jobs that were claimed again, are for those who ask why a job waits.
  indexes: [['status', 'org', 'created_at desc', 'id desc'], ['run_id'], ['org', 'pool', 'claimed_at']],
});

const pools = stateTable({
  schema: 'queue',
  table: 'pools',
  version: JOB_POOL_FOLD,
  category: 'jobPool',
  decider: jobPoolDecider,
  firstColumns: { pool: { type: 'text', value: ({ event }) => (event.data as { pool: string }).pool } },
  columns: {},
});

export const jobList: Projection = {
  schema: 'queue',
  name: 'jobs',
  version: foldVersion(JOB_FOLD * 10 + JOB_POOL_FOLD + TABLES, {
    today: { ...jobEvents.today, ...jobPoolDecider.events.today },
  }),
  prefixes: [...jobs.prefixes, ...pools.prefixes],
  tables: [...jobs.tables, 'turns', ...pools.tables],
  create: [
    jobs.create,
    // All that the figures of a starting replica need of a job that ended, so that it does not read whole rows.
    `create index on jobs (completed_at) include (org, pool, priority, status, available_at, claimed_at, started_at)
      where completed_at is not null`,
    `create index on jobs (org, pool, created_at) where ${CLAIMED_AGAIN}`,
    // PostgreSQL would compress rows of more than 2 KB, which most are, each time that they are written.
    'alter table jobs set (toast_tuple_target = 4080)',
    `create table turns (org text, pool text, pipeline_id text, position bigint not null,
      primary key (org, pool, pipeline_id))`,
    pools.create,
  ].join(';\n'),
  async apply(connection, events) {
    const ofJobs = events.filter(({ category }) => category === 'job');
    if (ofJobs.length < events.length)
      await pools.apply(
        connection,
        events.filter(({ category }) => category === 'jobPool'),
      );
    if (ofJobs.length === 0) return;
    await jobs.apply(connection, ofJobs);
    await applyTurns(connection, ofJobs);
  },
};

/** A claim serves the pipeline of its job; jobs of none share the pipeline ''. Order makes no difference. */
async function applyTurns(connection: PoolClient, events: StoredEvent[]): Promise<void> {
  const turns = new Map<string, [org: string, pool: string, pipeline: string, position: string]>();
  for (const stored of events) {
    const event = understood(jobEvents, stored)?.event;
    if (event?.type !== 'JobClaimed' || !event.data.decision || !stored.position) continue;
    const { org } = stored.metadata;
    const { pool, pipeline_id } = event.data.decision;
    const key = [org, pool, pipeline_id ?? ''].map(forPostgres) as [string, string, string];
    turns.set(key.join('\n'), [...key, stored.position.commit.toString()]);
  }
  if (turns.size === 0) return;
  const rows = [...turns.values()];
  await connection.query(
    `insert into turns (org, pool, pipeline_id, position)
       select * from unnest($1::text[], $2::text[], $3::text[], $4::bigint[])
     on conflict (org, pool, pipeline_id) do update set position = greatest(turns.position, excluded.position)`,
    [0, 1, 2, 3].map((column) => rows.map((row) => row[column])),
  );
}

/** NUL is the one character that a text of PostgreSQL cannot hold. */
function forPostgres(text: string): string {
  return text.replaceAll('\0', '\ufffd');
}
