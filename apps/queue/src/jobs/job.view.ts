import type { ClaimedJob, JobView } from '@hybrid/contracts';
import { problem } from '@hybrid/contracts';
import type { JobState } from './job.state.js';

/** What the API shows of a job. @throws ProblemError `job_not_found`. */
export function jobView(state: JobState): JobView {
  const { job, status } = state;
  if (!job || !status) throw problem('not_found', 'job_not_found', 'there is no such job');
  return {
    id: job.job_id,
    name: job.name,
    status,
    pool: job.pool,
    priority: job.priority,
    labels: job.labels,
    capabilities: job.capabilities ?? [],
    step_type: job.spec.step.type,
    git_ref: job.spec.source?.ref ?? job.spec.source?.commit ?? null,
    run_id: job.run_id,
    pipeline_id: job.pipeline_id ?? null,
    concurrency: job.concurrency ?? null,
    agent_id: state.agent_id,
    attempt: state.attempt,
    max_attempts: job.max_attempts,
    timeout_seconds: job.timeout_seconds,
    queue_timeout_seconds: job.queue_timeout_seconds ?? null,
    created_at: job.at,
    available_at: status === 'QUEUED' ? state.available_at : null,
    claimed_at: state.claimed_at,
    started_at: state.started_at,
    completed_at: state.completed_at,
    exit_code: state.result?.exit_code ?? null,
    error_message: state.reason ?? state.result?.error_message ?? null,
    outputs: state.result?.outputs ?? {},
    artifacts: state.result?.artifacts ?? [],
    log: state.result?.log ?? null,
    progress: state.progress,
    logs_url: `/api/queue/jobs/${job.job_id}/logs`,
  };
}

/** What the agent that claimed the job gets. */
export function claimedJob(state: JobState, leaseExpiresAt: string, traceparent: string | null): ClaimedJob {
  const job = state.job!;
  return {
    id: job.job_id,
    status: 'CLAIMED',
    attempt: state.attempt,
    lease_token: state.lease_token!,
    claimed_lease_expires_at: leaseExpiresAt,
    name: job.name,
    run_id: job.run_id,
    pipeline_id: job.pipeline_id ?? null,
    timeout_seconds: job.timeout_seconds,
    spec: job.spec,
    traceparent,
  };
}
