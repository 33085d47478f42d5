/** What the queue tells of a job, as commands of the run. */
import type { JobChanged } from '@hybrid/contracts';
import type { RunCommand } from '@hybrid/pipeline';

/** Null: nothing to a run. */
export function commandFor(job: JobChanged, now: string): RunCommand | null {
  const { job_id, agent_id, attempt, exit_code, outputs, artifacts, report, final } = job;
  const message = job.error_message;
  if (job.status === 'RUNNING')
    return { type: 'RecordJobStarted', job_id, agent_id: agent_id ?? '', attempt, now };
  if (job.status === 'FAILED' && !final) {
    const failed_tests = report?.tests?.failures.map(({ name }) => name) ?? [];
    const failure = { attempt, exit_code, message: message ?? lossOf(job), failed_tests };
    return { type: 'RecordAttemptFailed', job_id, ...failure, now };
  }
  if (!final) return null;
  const result = { job_id, exit_code, message, outputs, artifacts, report, now };
  switch (job.status) {
    case 'COMPLETED':
      return { type: 'RecordJobFinished', ...result, outcome: 'succeeded' };
    case 'FAILED':
    case 'DEAD_LETTERED':
      return { type: 'RecordJobFinished', ...result, outcome: 'failed' };
    case 'CANCELLED':
      return { type: 'RecordJobFinished', ...result, outcome: 'cancelled' };
    case 'QUEUED':
    case 'CLAIMED':
      return null;
  }
}

function lossOf({ exit_code }: JobChanged): string {
  return exit_code === null ? 'its agent was lost' : `ended with exit code ${exit_code}`;
}
