import type { DashboardJob, JobView } from '@hybrid/contracts';

/** What people look at of a job. */
export function dashboardJob(job: JobView): DashboardJob {
  const { id: job_id, name, status, pool, priority, run_id, git_ref, agent_id } = job;
  const { created_at, started_at, completed_at, exit_code, error_message, progress, logs_url } = job;
  return {
    ...{ job_id, name, status, pool, priority, run_id, git_ref, agent_id },
    ...{ created_at, started_at, completed_at, exit_code, error_message, progress, logs_url },
  };
}
