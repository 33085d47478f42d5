/** What a job is after its events; kept as JSON in the read model. */
import type { JobStatus } from '@hybrid/contracts';
import type { JobEnqueued, JobEvent, JobResult } from './job.events.js';

export interface JobState {
  /** Null: there is no such job. */
  status: JobStatus | null;
  /** Nothing happens to the job any more unless somebody asks for it. */
  final: boolean;
  job: (JobEnqueued & { run_id: string | null }) | null;
  /** Claims so far; the number of the current or last attempt. */
  attempt: number;
  /** Attempts that ended with a failure, and those that lost their agent, since the job was last enqueued by hand. */
  failures: number;
  losses: number;
  agent_id: string | null;
  lease_token: string | null;
  /** Not before this. */
  available_at: string | null;
  claimed_at: string | null;
  started_at: string | null;
  completed_at: string | null;
  result: JobResult | null;
  /** Why it was cancelled, lost or given up. */
  reason: string | null;
}

export const noJob: JobState = {
  status: null,
  final: false,
  job: null,
  attempt: 0,
  failures: 0,
  losses: 0,
  agent_id: null,
  lease_token: null,
  available_at: null,
  claimed_at: null,
  started_at: null,
  completed_at: null,
  result: null,
  reason: null,
};

/** Of `evolve` and JobState; raise it when they change, so that what was folded before is made anew. */
export const JOB_FOLD = 1;

export function evolve(state: JobState, event: JobEvent): JobState {
  if (!state.job && event.type !== 'JobEnqueued') return state;
  switch (event.type) {
    case 'JobEnqueued':
      return { ...noJob, status: 'QUEUED', job: event.data, available_at: event.data.at };
    case 'JobClaimed':
      return {
        ...state,
        status: 'CLAIMED',
        attempt: event.data.attempt,
        agent_id: event.data.agent_id,
        lease_token: event.data.lease_token,
        claimed_at: event.data.at,
        started_at: null,
        result: null,
        reason: null,
      };
    case 'JobStarted':
      return { ...state, status: 'RUNNING', started_at: event.data.at };
    case 'JobCompleted':
      return { ...state, status: 'COMPLETED', final: true, result: event.data, completed_at: event.data.at };
    case 'JobFailed':
      return {
        ...state,
        status: 'FAILED',
        final: event.data.final,
        failures: state.failures + 1,
        result: event.data,
        completed_at: event.data.at,
      };
    case 'JobLeaseExpired':
      return {
        ...state,
        status: 'FAILED',
        losses: state.losses + 1,
        lease_token: null,
        completed_at: event.data.at,
        reason: `the agent ${event.data.agent_id} was lost during attempt ${event.data.attempt}`,
      };
    case 'JobRequeued': {
      const requested = event.data.reason === 'requested';
      return {
        ...state,
        status: 'QUEUED',
        final: false,
        available_at: event.data.available_at,
        completed_at: null,
        ...(requested && { failures: 0, losses: 0 }),
      };
    }
    case 'JobDeadLettered':
      return { ...state, status: 'DEAD_LETTERED', final: true, completed_at: event.data.at };
    case 'JobCancelled':
      return {
        ...state,
        status: 'CANCELLED',
        final: true,
        lease_token: null,
        completed_at: event.data.at,
        reason: event.data.reason,
      };
  }
}
