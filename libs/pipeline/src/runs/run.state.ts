/** What the events of a run amount to. */
import type { ArtifactRef, RunStatus, StepStatus } from '@hybrid/contracts';
import type { Result, RunEvent, RunStarted } from './run.events.js';
import { planOf, type RunPlan } from './run.plan.js';

export interface StepState {
  status: StepStatus;
  job_id: string | null;
  agent_id: string | null;
  /** Attempts of the job that began. */
  attempt: number;
  queued_at: string | null;
  started_at: string | null;
  completed_at: string | null;
  exit_code: number | null;
  message: string | null;
  outputs: Record<string, string>;
  artifacts: ArtifactRef[];
  /** An artifact_pull's own artifact, for the steps behind it. */
  pulled: { execution_id: string; key: string; dest: string } | null;
}

/** A run that has begun. */
export interface Run extends Omit<RunStarted['data'], 'at'> {
  status: RunStatus;
  started_at: string;
  completed_at: string | null;
  plan: RunPlan;
  /** In the order of the plan's instances. */
  steps: readonly StepState[];
}

export type RunState = { status: 'NONE' } | Run;

const WAITING: StepState = {
  status: 'PENDING',
  job_id: null,
  agent_id: null,
  attempt: 0,
  queued_at: null,
  started_at: null,
  completed_at: null,
  exit_code: null,
  message: null,
  outputs: {},
  artifacts: [],
  pulled: null,
};

/** Of `evolve`, RunState and RunPlan; raise it when they change, so that snapshots of before are not used. */
export const RUN_FOLD = 1;

export function evolve(state: RunState, event: RunEvent): RunState {
  if (event.type === 'RunStarted') {
    const { at, ...data } = event.data;
    const plan = planOf(data.definition);
    return {
      ...data,
      status: 'RUNNING',
      started_at: at,
      completed_at: null,
      plan,
      steps: plan.instances.map(() => WAITING),
    };
  }
  if (state.status === 'NONE') return state;
  switch (event.type) {
    case 'StepQueued': {
      const { step_id, job_id, job, at } = event.data;
      const { type, config } = job.spec.step;
      const pulled = type === 'step.artifact_pull' ? (config as unknown as StepState['pulled']) : null;
      return withStep(state, step_id, { status: 'QUEUED', job_id, queued_at: at, pulled });
    }
    case 'StepStarted': {
      const { step_id, agent_id, attempt, at } = event.data;
      return withStep(state, step_id, { status: 'RUNNING', agent_id, attempt, started_at: at });
    }
    case 'StepSucceeded':
      return withStep(state, event.data.step_id, { status: 'SUCCEEDED', ...resultOf(event.data) });
    case 'StepFailed':
      return withStep(state, event.data.step_id, {
        status: 'FAILED',
        message: event.data.message,
        ...resultOf(event.data),
      });
    case 'StepSkipped':
      return withStep(state, event.data.step_id, {
        status: 'SKIPPED',
        message: event.data.message,
        completed_at: event.data.at,
      });
    case 'StepCancelled':
      return withStep(state, event.data.step_id, {
        status: 'CANCELLED',
        message: event.data.message,
        completed_at: event.data.at,
      });
    case 'GatePassed':
      return withStep(state, event.data.step_id, { status: 'SUCCEEDED', completed_at: event.data.at });
    case 'GateRejected':
      return withStep(state, event.data.step_id, {
        status: 'FAILED',
        message: event.data.message,
        completed_at: event.data.at,
      });
    case 'RunSucceeded':
      return { ...state, status: 'SUCCEEDED', completed_at: event.data.at };
    case 'RunFailed':
      return { ...state, status: 'FAILED', completed_at: event.data.at };
    case 'RunCancelled':
      return { ...state, status: 'CANCELLED', completed_at: event.data.at };
  }
}

export function isOver({ status }: StepState): boolean {
  return status !== 'PENDING' && status !== 'QUEUED' && status !== 'RUNNING';
}

function resultOf({ exit_code, outputs, artifacts, at }: Result): Partial<StepState> {
  return { exit_code, outputs, artifacts, completed_at: at };
}

/** Copies one array of pointers: a fold over 1,000 steps stays in the milliseconds. */
function withStep(state: Run, id: string, change: Partial<StepState>): Run {
  const index = state.plan.indexOf.get(id);
  if (index === undefined) return state;
  return { ...state, steps: state.steps.with(index, { ...state.steps[index]!, ...change }) };
}
