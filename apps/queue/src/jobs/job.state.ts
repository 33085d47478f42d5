/** What a job is after its events; kept as JSON in the read model. */
import type { JobProgress, JobStatus } from '@hybrid/contracts';
import type { JobEnqueued, JobEvent, JobResult } from './job.events.js';

export interface JobState {
  /** Null: there is no such job. */
  status: JobStatus | null;
  /** Nothing happens to the job any more unless somebody asks for it. */
  final: boolean;
  /** As it was enqueued, but for its priority, which is today's. */
  job: (JobEnqueued & { run_id: string | null }) | null;
  /** Claims so far; the number of the current or last attempt. */
  attempt: number;
  /** Attempts that ended with a failure, and those that lost their agent while they ran, since the job was last enqueued by hand. */
  failures: number;
  losses: number;
  /** Attempts in a row that lost their agent before they had started. */
  unstarted: number;
  /**
   * How often its place in its concurrency group was taken back, or it was requeued by request: fences a claim that began
   * before, whose place may be another job's by now.
   */
  slots_revoked: number;
  agent_id: string | null;
  /** Null once the attempt was ended by another than its agent. */
  lease_token: string | null;
  /** The attempt that its agent handed back. */
  released: number | null;
  /** Not before this. */
  available_at: string | null;
  claimed_at: string | null;
  started_at: string | null;
  completed_at: string | null;
  /** Of the current or last attempt. */
  progress: JobProgress | null;
  result: JobResult | null;
  /** Why it was cancelled, lost, handed back or given up, where no result of an attempt says so. */
  reason: string | null;
}

export const noJob: JobState = {
  status: null,
  final: false,
  job: null,
  attempt: 0,
  failures: 0,
  losses: 0,
  unstarted: 0,
  slots_revoked: 0,
  agent_id: null,
  lease_token: null,
  released: null,
  available_at: null,
  claimed_at: null,
  started_at: null,
  completed_at: null,
  progress: null,
  result: null,
  reason: null,
};

/** The exit code of an attempt that ran for too long: what `timeout` of the coreutils says. */
export const TIMED_OUT = 124;

/** Of `evolve` and JobState; raise it when they change, so that what was folded before is made anew. */
export const JOB_FOLD = 2;

export function evolve(state: JobState, event: JobEvent): JobState {
  if (event.type === 'JobEnqueued') {
    const job = event.data;
    return { ...noJob, status: 'QUEUED', job, available_at: job.available_at ?? job.at };
  }
  if (!state.job) return state;
  switch (event.type) {
    case 'JobClaimed':
      return {
        ...state,
        status: 'CLAIMED',
        attempt: event.data.attempt,
        agent_id: event.data.agent_id,
        lease_token: event.data.lease_token,
        claimed_at: event.data.at,
        started_at: null,
        progress: null,
        result: null,
        reason: null,
      };
    case 'JobStarted':
      return { ...state, status: 'RUNNING', unstarted: 0, started_at: event.data.at };
    case 'JobProgressed': {
      const { percent, message, at } = event.data;
      return { ...state, progress: { percent, message, at } };
    }
    case 'JobCompleted':
      return { ...ended(state, event.data), status: 'COMPLETED', final: true };
    case 'JobFailed':
      return { ...ended(state, event.data), final: event.data.final, failures: state.failures + 1 };
    case 'JobTimedOut': {
      const { attempt, at, final } = event.data;
      const result = { attempt, exit_code: TIMED_OUT, error_message: ranTooLong(event.data), at };
      return {
        ...ended(state, { ...result, outputs: {}, artifacts: [] }),
        final,
        failures: state.failures + 1,
        lease_token: null,
      };
    }
    case 'JobLeaseExpired': {
      const { attempt, agent_id, at, reason } = event.data;
      const lost = `the agent ${agent_id} was lost during attempt ${attempt}`;
      return {
        ...state,
        status: 'FAILED',
        losses: state.losses + (state.started_at ? 1 : 0),
        unstarted: state.unstarted + (state.started_at ? 0 : 1),
        lease_token: null,
        completed_at: at,
        reason: reason ? `${lost}: ${reason}` : lost,
      };
    }
    case 'JobReleased': {
      const { attempt, agent_id, at, reason } = event.data;
      return {
        ...state,
        status: 'FAILED',
        released: attempt,
        completed_at: at,
        reason: `the agent ${agent_id} handed attempt ${attempt} back: ${reason}`,
      };
    }
    case 'JobRequeued': {
      const requested = event.data.reason === 'requested';
      return {
        ...state,
        status: 'QUEUED',
        final: false,
        available_at: event.data.available_at,
        completed_at: null,
        ...(requested && {
          failures: 0,
          losses: 0,
          unstarted: 0,
          slots_revoked: state.slots_revoked + 1,
          result: null,
          reason: null,
        }),
      };
    }
    case 'JobPriorityChanged':
      return { ...state, job: { ...state.job, priority: event.data.priority } };
    case 'JobQueueTimedOut':
      return {
        ...state,
        status: 'FAILED',
        final: true,
        completed_at: event.data.at,
        reason: waitedTooLong(event.data),
      };
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
    case 'JobSlotRevoked':
      return { ...state, slots_revoked: state.slots_revoked + 1 };
  }
}

/** The agent's token outlives its own result, which it may have to send again, but not what others say. */
function ended(state: JobState, result: JobResult): JobState {
  return {
    ...state,
    status: 'FAILED',
    unstarted: 0,
    lease_token: result.by_hand ? null : state.lease_token,
    completed_at: result.at,
    result,
    reason: null,
  };
}

/** For people: what became of an attempt that was ended for its `timeout_seconds`. */
export function ranTooLong({ seconds }: { seconds: number }): string {
  return `it ran for longer than ${seconds} s`;
}

/** For people: what became of a job that nobody claimed within its `queue_timeout_seconds`. */
export function waitedTooLong({ seconds }: { seconds: number }): string {
  return `no agent took it within ${seconds} s`;
}
