import type { JobChanged, JobStatus } from '@hybrid/contracts';
import type { Publisher } from '@hybrid/event-store';
import { jobEvents, type JobEvent, type JobResult } from './job.events.js';

/** What other services and the dashboard see of a job's events: what became of it, never its spec. */
export const jobPublisher: Publisher<JobEvent> = {
  service: 'queue',
  prefixes: ['job-'],
  events: jobEvents,
  publish: ({ event, thingId }) => {
    const [name, status, more] = see(event);
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
      final: false,
      ...more,
    };
    return { noun: 'job', event: name, type: 'JobChanged', data };
  },
};

function see(event: JobEvent): [name: string, status: JobStatus, more: Partial<JobChanged>] {
  switch (event.type) {
    case 'JobEnqueued':
      return ['enqueued', 'QUEUED', {}];
    case 'JobClaimed':
      return ['claimed', 'CLAIMED', { attempt: event.data.attempt, agent_id: event.data.agent_id }];
    case 'JobStarted':
      return ['started', 'RUNNING', { attempt: event.data.attempt, agent_id: event.data.agent_id }];
    case 'JobCompleted':
      return ['completed', 'COMPLETED', { ...result(event.data), final: true }];
    case 'JobFailed':
      return ['failed', 'FAILED', { ...result(event.data), final: event.data.final }];
    case 'JobRequeued':
      return ['requeued', 'QUEUED', {}];
    case 'JobDeadLettered':
      return [
        'dead-lettered',
        'DEAD_LETTERED',
        {
          final: true,
          error_message:
            event.data.reason === 'lease_expired' ? 'its agents were lost again and again' : null,
        },
      ];
    case 'JobCancelled':
      return ['cancelled', 'CANCELLED', { final: true, error_message: event.data.reason }];
    case 'JobLeaseExpired':
      return ['lease-expired', 'FAILED', { attempt: event.data.attempt, agent_id: event.data.agent_id }];
  }
}

function result(data: JobResult): Partial<JobChanged> {
  const { attempt, exit_code, error_message, outputs, artifacts } = data;
  return { attempt, exit_code, error_message, outputs, artifacts };
}
