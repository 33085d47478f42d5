/** Jobs as the dashboard's API shows them: over HTTP only, made by the gateway of what the queue answers. */
import { OneOf } from './fields.js';
import { PRIORITIES, type JobProgress, type JobStatus, type Priority } from './job.contract.js';

export interface DashboardJob {
  job_id: string;
  name: string;
  status: JobStatus;
  pool: string;
  priority: Priority;
  run_id: string | null;
  git_ref: string | null;
  agent_id: string | null;
  created_at: string;
  started_at: string | null;
  completed_at: string | null;
  exit_code: number | null;
  error_message: string | null;
  progress: JobProgress | null;
  logs_url: string;
}

/** What a person may change of a job; at least one field. Where both are given, the job is cancelled. */
export class ChangeJob {
  @OneOf(PRIORITIES, { optional: true })
  priority?: Priority;

  @OneOf(['CANCELLED'], { optional: true, description: 'every other status is for the queue to say' })
  status?: 'CANCELLED';
}

/** Over all the organisation's jobs and deployments, as they are now. */
export interface DashboardSummary {
  total_jobs: number;
  jobs_running: number;
  jobs_completed: number;
  /** With those in the dead letters. */
  jobs_failed: number;
  total_deployments: number;
  /** Under way. */
  deployments_active: number;
  /** To the environment `staging`. */
  deployments_staging: number;
  /** Rolled back or not. */
  deployments_failed: number;
}
