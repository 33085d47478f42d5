/** Live jobs, turns and pauses from the read model as of one position, so that a start does not read the whole log. */
import type { PoolPause } from '@hybrid/contracts';
import type { Position } from '@eventstore/db-client';
import type { Pool } from 'pg';
import type { JobPoolState } from '../pools/job-pool.decider.js';
import { jobList } from './job-list.projection.js';
import type { JobState } from './job.state.js';

export interface JobSeed {
  /** Everything up to here is in it. */
  position: Position;
  /** `altered`: PostgreSQL does not hold all texts as they were. */
  jobs: { id: string; org: string; arrived: bigint; revision: bigint; state: JobState; altered: boolean }[];
  turns: { org: string; pool: string; pipelineId: string | null; position: bigint }[];
  pauses: { org: string; pool: string; pause: PoolPause }[];
}

/** Null where there is no read model of this very version yet. */
export async function readSeed(pool: Pool): Promise<JobSeed | null> {
  const connection = await pool.connect();
  try {
    await connection.query('begin isolation level repeatable read read only');
    // Before the first look: a table that another replica puts in its place meanwhile would be empty to this one.
    await connection.query(
      'lock table queue.projections, queue.jobs, queue.turns, queue.pools in access share mode',
    );
    const checkpoints = await connection.query<{ commit: string | null; prepare: string | null }>(
      `select commit_position as commit, prepare_position as prepare from queue.projections
       where name = $1 and version = $2`,
      [jobList.name, jobList.version],
    );
    const { commit, prepare } = checkpoints.rows[0] ?? {};
    const jobs = await connection.query<{
      id: string;
      org: string;
      arrived: string;
      revision: string;
      state: JobState;
      altered: boolean;
    }>(
      `select id, org, arrived, revision, state, strpos(state::text, U&'\\FFFD') > 0 as altered from queue.jobs
       where status in ('QUEUED', 'CLAIMED', 'RUNNING')`,
    );
    const turns = await connection.query<{ org: string; pool: string; pipeline: string; position: string }>(
      `select org, pool, nullif(pipeline_id, '') as pipeline, position from queue.turns`,
    );
    const pools = await connection.query<{ org: string; pool: string; state: JobPoolState }>(
      'select org, pool, state from queue.pools',
    );
    await connection.query('commit');
    if (!commit || !prepare) return null;
    return {
      position: { commit: BigInt(commit), prepare: BigInt(prepare) },
      jobs: jobs.rows.map(({ arrived, revision, ...row }) => ({
        ...row,
        arrived: BigInt(arrived),
        revision: BigInt(revision),
      })),
      turns: turns.rows.map(({ org, pool, pipeline, position }) => ({
        org,
        pool,
        pipelineId: pipeline,
        position: BigInt(position),
      })),
      pauses: pools.rows.flatMap(({ org, pool, state: { paused } }) =>
        paused ? { org, pool, pause: paused } : [],
      ),
    };
  } finally {
    // Also ends the transaction of a failure.
    connection.release(true);
  }
}
