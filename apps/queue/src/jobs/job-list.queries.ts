import type { CallContext, JobView, ListJobs, Page, QueueStats } from '@hybrid/contracts';
import { listPage } from '@hybrid/event-store';
import { Connections } from '@hybrid/service';
import { Injectable } from '@nestjs/common';
import { jobList } from './job-list.projection.js';
import type { JobState } from './job.state.js';
import { jobView } from './job.view.js';

interface JobRow {
  id: string;
  created_at: Date;
  state: JobState;
}

/** Lists and figures from `queue.jobs`: behind the log by the projector's lag, unless the call says how new. */
@Injectable()
export class JobListQueries {
  constructor(private readonly connections: Connections) {}

  list(query: ListJobs, call: CallContext): Promise<Page<JobView>> {
    const { status, pool, priority, agent_id, run_id } = query;
    return listPage<JobRow, JobView>({
      from: this.connections.readModel(jobList),
      table: 'queue.jobs',
      call,
      query,
      where: { status, pool, priority, agent_id, run_id },
      view: (row) => jobView(row.state),
    });
  }

  /** Times are of jobs that ended within the last 24 hours; in seconds. */
  async stats({ org, atLeast }: CallContext): Promise<QueueStats> {
    await this.connections.readModel(jobList).reach(atLeast);
    const { rows } = await this.connections.pool.query<QueueStats>(STATS, [org]);
    return rows[0]!;
  }
}

const STATS = `
  with mine as (select * from queue.jobs where org = $1),
  recent as (select * from mine where completed_at > now() - interval '24 hours')
  select
    (select count(*)::int from mine where status = 'QUEUED') as queued,
    (select count(*)::int from mine where status in ('CLAIMED', 'RUNNING')) as running,
    (select count(*)::int from mine where status = 'COMPLETED') as completed,
    (select count(*)::int from mine where status = 'FAILED') as failed,
    (select count(*)::int from mine where status = 'DEAD_LETTERED') as dead_lettered,
    (select count(*)::int from mine where status = 'CANCELLED') as cancelled,
    coalesce(avg(extract(epoch from claimed_at - created_at)), 0)::float as avg_wait_seconds,
    coalesce(percentile_cont(0.95) within group (order by extract(epoch from claimed_at - created_at)), 0)::float
      as p95_wait_seconds,
    coalesce(avg(extract(epoch from completed_at - started_at)), 0)::float as avg_execution_seconds,
    coalesce(avg(case when status in ('FAILED', 'DEAD_LETTERED') then 1.0 when status = 'COMPLETED' then 0.0 end), 0)::float
      as failure_rate
  from recent`;
