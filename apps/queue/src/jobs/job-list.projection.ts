import { stateTable } from '@hybrid/event-store';
import { jobDecider } from './job.decider.js';
import { JOB_FOLD } from './job.state.js';

/** `queue.jobs`: every job with its state. Also the seed of the waiting index at start. */
export const jobList = stateTable({
  schema: 'queue',
  table: 'jobs',
  version: JOB_FOLD,
  category: 'job',
  decider: jobDecider,
  columns: {
    status: { type: 'text', value: (state) => state.status },
    pool: { type: 'text', value: (state) => state.job?.pool ?? null },
    priority: { type: 'text', value: (state) => state.job?.priority ?? null },
    agent_id: { type: 'text', value: (state) => state.agent_id },
    run_id: { type: 'text', value: (state) => state.job?.run_id ?? null },
    claimed_at: { type: 'timestamptz', value: (state) => state.claimed_at },
    started_at: { type: 'timestamptz', value: (state) => state.started_at },
    completed_at: { type: 'timestamptz', value: (state) => state.completed_at },
  },
  indexes: [['status'], ['run_id']],
});
