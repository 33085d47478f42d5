/** Figures as of one position of the log, from the read model: grouped by PostgreSQL, so that millions of jobs are some thousand rows. */
import type { JobStatus, Priority } from '@hybrid/contracts';
import { setImmediate as others } from 'node:timers/promises';
import type { PoolClient } from 'pg';
import { jobList } from '../jobs/job-list.projection.js';
import type { Figures } from './figures.js';
import { HISTOGRAM_LOG } from './histogram.js';

/** Rows that are taken over in one go: a few milliseconds, in which nothing else is served. */
const PIECE = 500;

/** Of a pool and priority: jobs of a status, or attempts that ended. */
interface Row {
  org: string;
  pool: string;
  priority: Priority;
  count: number;
}

/** `available` in seconds since the epoch, of those that wait. */
interface JobsRow extends Row {
  status: JobStatus;
  available: number;
}

/** Either bin is null: the row is of the other. Sums in milliseconds. */
interface EndedRow extends Row {
  at: number;
  failed: number;
  wait_bin: number | null;
  wait_sum: number;
  execution_bin: number | null;
  execution_sum: number;
}

/**
 * Fills empty figures; answers the commit position up to which they are then, or null where the read model has not begun.
 * Counts are exact. Of a job only its last attempt is known, and only while no other is to follow: the windows lack attempts
 * of the last 24 hours that were followed by another one.
 */
export async function seedFigures(
  figures: Figures,
  connection: PoolClient,
  now: number,
): Promise<bigint | null> {
  await connection.query('begin isolation level repeatable read read only');
  try {
    // Before the first look: a table that another replica puts in its place meanwhile would be empty to this one.
    await connection.query(
      'lock table queue.projections, queue.jobs, queue.jobs_counts in access share mode',
    );
    const { rows } = await connection.query<{ commit_position: string | null }>(
      'select commit_position from queue.projections where name = $1 and version = $2',
      [jobList.name, jobList.version],
    );
    const position = rows[0]?.commit_position;
    if (!position) return null;
    for (const jobs of [WAITING, OTHERS])
      for await (const { status, count, available, ...of } of inPieces<JobsRow>(connection, jobs))
        figures.count(of, status, count, available * 1000);
    const pools = await connection.query<{ org: string; pool: string; seen: number }>(SEEN, [now / 1000]);
    for (const { org, pool, seen } of pools.rows) figures.saw(org, pool, seen * 1000);
    // Otherwise it is sorted on disk.
    await connection.query("set local work_mem = '64MB'");
    for await (const row of inPieces<EndedRow>(connection, ENDED, [now / 1000, HISTOGRAM_LOG])) {
      const { at, count, failed, wait_bin, wait_sum, execution_bin, execution_sum } = row;
      figures.ended(row, {
        at: at * 1000,
        ended: wait_bin === null ? 0 : count,
        failed: wait_bin === null ? 0 : failed,
        waits: wait_bin === null ? null : { bin: wait_bin, count, sum: wait_sum },
        executions: execution_bin === null ? null : { bin: execution_bin, count, sum: execution_sum },
      });
    }
    return BigInt(position);
  } finally {
    await connection.query('rollback');
  }
}

async function* inPieces<R extends Row>(connection: PoolClient, query: string, values: number[] = []) {
  const { rows } = await connection.query<R>(query, values);
  for (const [index, row] of rows.entries()) {
    if (index % PIECE === 0) await others();
    yield row;
  }
}

const WAITING = `
  select org, pool, priority, status, count(*)::int, floor(date_part('epoch', available_at)) as available
  from queue.jobs where status = 'QUEUED' group by org, pool, priority, status, available`;

const OTHERS = `
  select org, pool, priority, status, things::int as count, 0 as available
  from queue.jobs_counts where status <> 'QUEUED' and things > 0`;

/** Pools are shown for a day; those with jobs that wait or run, in any case. */
const SEEN = `
  select org, pool, date_part('epoch', max(completed_at)) as seen
  from queue.jobs where completed_at > to_timestamp($1) - interval '25 hours' group by org, pool`;

/**
 * By the buckets of the windows: the finest that the age of the attempt still falls into. An attempt that did not begin after
 * its job became available is of an earlier wait than the one that ended; one that was never started has no execution. One pass over a million attempts leaves some
 * thousand groups for the second. `date_part` answers float8, unlike `extract`: ln of a numeric is slow.
 */
const ENDED = `
  with attempts as (
    select org, pool, priority, status <> 'COMPLETED' as failed, date_part('epoch', completed_at) as ended,
      1000 * date_part('epoch', claimed_at - available_at) as wait,
      1000 * date_part('epoch', completed_at - started_at) as execution
    from queue.jobs
    where completed_at > to_timestamp($1) - interval '25 hours' and status in ('COMPLETED', 'FAILED', 'DEAD_LETTERED')
      and claimed_at >= available_at
  ), sized as (
    select *, case when $1 - ended < 330 then 5 when $1 - ended < 3700 then 60 else 1800 end as width,
      floor(ln(greatest(wait, 1)) / $2::float8)::int as wait_bin,
      case when execution is not null then floor(ln(greatest(execution, 1)) / $2::float8)::int end as execution_bin
    from attempts
  ), placed as (select *, floor(ended / width) * width as at from sized),
  counted as materialized (
    select org, pool, priority, at, wait_bin, execution_bin, count(*), count(*) filter (where failed) as failed,
      sum(wait) as wait_sum, sum(greatest(execution, 0)) as execution_sum
    from placed group by org, pool, priority, at, wait_bin, execution_bin
  )
  select org, pool, priority, at, sum(count)::int as count, sum(failed)::int as failed,
    wait_bin, sum(wait_sum) as wait_sum, execution_bin, sum(execution_sum) as execution_sum
  from counted group by grouping sets ((org, pool, priority, at, wait_bin), (org, pool, priority, at, execution_bin))`;
