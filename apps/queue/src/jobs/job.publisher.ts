import type { JobChanged, JobStatus } from '@hybrid/contracts';
import type { Publisher } from '@hybrid/event-store';
import { jobEvents, type JobEvent, type JobResult } from './job.events.js';
import { ranTooLong, TIMED_OUT, waitedTooLong } from './job.state.js';

/** What other services and the dashboard see of a job's events: what became of it, never its spec. */
export const jobPublisher: Publisher<JobEvent> = {
  service: 'queue',
  prefixes: ['job-'],
  events: jobEvents,
  publish: ({ event, thingId }) => {
    const seen = see(event);
    if (!seen) return null;
    const [name, status, more] = seen;
    const data: JobChanged = {
      job_id: thingId,
      run_id: event.data.run_id,
      status,
      attempt: 0,
      agent_id: null,
      exit_code: null,
      error_message: null,
      outputs: {},
      artifacts: [],
      report: null,
      progress: null,
      priority: null,
      final: false,
      ...more,
    };
    return { noun: 'job', event: name, type: 'JobChanged', data };
  },
};

/** Why a job is a dead letter, where no result of an attempt has said so. */
const DEAD_LETTERED = {
  failed: null,
  lease_expired: 'its agents were lost again and again',
  timed_out: 'it ran for too long',
} as const;

/** Null: nobody else's business. */
function see(event: JobEvent): [name: string, status: JobStatus, more: Partial<JobChanged>] | null {
  switch (event.type) {
    case 'JobEnqueued':
      return ['enqueued', 'QUEUED', { priority: event.data.priority }];
    case 'JobClaimed':
      return ['claimed', 'CLAIMED', attempt(event.data)];
    case 'JobStarted':
      return ['started', 'RUNNING', attempt(event.data)];
    case 'JobProgressed': {
      const { percent, message, at } = event.data;
      return ['progressed', 'RUNNING', { ...attempt(event.data), progress: { percent, message, at } }];
    }
    case 'JobCompleted':
      return ['completed', 'COMPLETED', { ...result(event.data), final: true }];
    case 'JobFailed':
      return ['failed', 'FAILED', { ...result(event.data), final: event.data.final }];
    case 'JobTimedOut': {
      const { final } = event.data;
      const fate = { exit_code: TIMED_OUT, error_message: ranTooLong(event.data), final };
      return ['timed-out', 'FAILED', { ...attempt(event.data), ...fate }];
    }
    case 'JobLeaseExpired':
      return ['lease-expired', 'FAILED', attempt(event.data)];
    case 'JobReleased':
      return ['released', 'QUEUED', { ...attempt(event.data), error_message: event.data.reason }];
    case 'JobRequeued':
      return ['requeued', 'QUEUED', {}];
    case 'JobPriorityChanged': {
      const { priority, status, attempt, agent_id } = event.data;
      return ['priority-changed', status, { priority, attempt, agent_id }];
    }
    case 'JobQueueTimedOut':
      return ['queue-timed-out', 'FAILED', { final: true, error_message: waitedTooLong(event.data) }];
    case 'JobDeadLettered':
      return [
        'dead-lettered',
        'DEAD_LETTERED',
        { final: true, error_message: DEAD_LETTERED[event.data.reason] },
      ];
    case 'JobCancelled':
      return ['cancelled', 'CANCELLED', { final: true, error_message: event.data.reason }];
    case 'JobSlotRevoked':
      return null;
  }
}

function attempt({ attempt, agent_id }: { attempt: number; agent_id: string }): Partial<JobChanged> {
  return { attempt, agent_id };
}

function result(data: JobResult): Partial<JobChanged> {
  const { attempt, exit_code, error_message, outputs, artifacts, report = null } = data;
  return { attempt, exit_code, error_message, outputs, artifacts, report };
}
