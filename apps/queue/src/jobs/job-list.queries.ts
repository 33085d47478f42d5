import type { CallContext, JobView, ListJobs, RequeueJobs } from '@hybrid/contracts';
import { listText } from '@hybrid/event-store';
import { Connections } from '@hybrid/service';
import { Injectable } from '@nestjs/common';
import { COUNTS, jobList } from './job-list.projection.js';

/** Jobs that are queued again at once unless told otherwise. */
const REQUEUE_LIMIT = 1_000;

/** Lists from `queue.jobs`: behind the log by the projector's lag, unless the call says how new. */
@Injectable()
export class JobListQueries {
  constructor(private readonly connections: Connections) {}

  list(query: ListJobs, call: CallContext) {
    const { status, pool, priority, agent_id, run_id, pipeline_id, group } = query;
    return listText<'jobs', JobView>('jobs', {
      from: this.connections.readModel(jobList),
      table: 'queue.jobs',
      call,
      query,
      where: { status, pool, priority, agent_id, run_id, pipeline_id, concurrency_group: group },
      column: 'view',
      counts: COUNTS,
    });
  }

  /** Finished jobs that fit, oldest first, and how many there are in all. */
  async requeueable(request: RequeueJobs, call: CallContext): Promise<{ ids: string[]; total: number }> {
    const { status = 'DEAD_LETTERED', pool, priority, run_id, pipeline_id, limit = REQUEUE_LIMIT } = request;
    await this.connections.readModel(jobList).reach(call.atLeast);
    const { rows } = await this.connections.pool.query<{ id: string; total: number }>(
      `select id, count(*) over ()::int as total from queue.jobs
       where org = $1 and status = $2 and ($3::text is null or pool = $3) and ($4::text is null or priority = $4)
         and ($5::text is null or run_id = $5) and ($6::text is null or pipeline_id = $6)
         and (state->>'final')::boolean
       order by created_at, id limit $7`,
      [call.org, status, pool ?? null, priority ?? null, run_id ?? null, pipeline_id ?? null, limit],
    );
    return { ids: rows.map(({ id }) => id), total: rows[0]?.total ?? 0 };
  }
}
