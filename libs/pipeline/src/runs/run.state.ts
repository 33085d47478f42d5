/** What the events of a run amount to. */
import type {
  ArtifactRef,
  FailedAttempt,
  GateDecision,
  RunStatus,
  StepReport,
  StepStatus,
} from '@hybrid/contracts';
import type { GateCondition, PulledArtifact, Result, RunEvent, RunStarted } from './run.events.js';
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
  report: StepReport | null;
  failed_attempts: readonly FailedAttempt[];
  /** Names of tests that failed in attempts before. */
  failed_tests: readonly string[];
  /** Of a gate that people decide, from its opening on. */
  gate: OpenGate | null;
  /** The run in which it ran, where its result was taken over. */
  reused_from: string | null;
  /** An artifact_pull's own artifact, for the steps behind it. */
  pulled: PulledArtifact | null;
}

export interface OpenGate {
  approvers: string[];
  required: number;
  expires_at: string | null;
  conditions: GateCondition[];
  decisions: readonly GateDecision[];
}

/** A run that has begun. */
export interface Run extends Omit<RunStarted['data'], 'at'> {
  status: RunStatus;
  /** From when on its time-out counts; null while it waits for its group. */
  released_at: string | null;
  started_at: string;
  completed_at: string | null;
  /** It waits for approval. */
  held: boolean;
  approved_by: string | null;
  /** Its concurrency group, where it waited for one. */
  group: string | null;
  cancelling: { reason: string; actor: string; timed_out: boolean; at: string } | null;
  /** Why it was cancelled, or failed as a whole. */
  message: string | null;
  /** Which step appended a step. */
  appended: Record<string, string>;
  /** Instances that StepReused will still tell of. */
  awaited: ReadonlySet<string>;
  plan: RunPlan;
  /** In the order of the plan's instances. */
  steps: readonly StepState[];
}

export type RunState = { status: 'NONE' } | Run;

const UNTOUCHED: StepState = {
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
  report: null,
  failed_attempts: [],
  failed_tests: [],
  gate: null,
  reused_from: null,
  pulled: null,
};

/** Of `evolve`, RunState and RunPlan; raise it when they change, so that snapshots of before are not used. */
export const RUN_FOLD = 3;

export function evolve(state: RunState, event: RunEvent): RunState {
  if (event.type === 'RunStarted') return begun(event.data);
  if (state.status === 'NONE') return state;
  switch (event.type) {
    case 'RunHeld':
      return { ...state, status: 'WAITING', held: true, released_at: null };
    case 'RunApproved': {
      const { by, at } = event.data;
      return { ...state, status: 'RUNNING', held: false, approved_by: by, released_at: at };
    }
    case 'RunWaiting':
      return { ...state, status: 'WAITING', group: event.data.group, released_at: null };
    case 'RunReleased':
      return { ...state, status: 'RUNNING', released_at: event.data.at };
    case 'StepReused': {
      const { step_id, from, status, message, pulled, job_id } = event.data;
      const awaited = new Set(state.awaited);
      awaited.delete(step_id);
      const change = { status, message, pulled, job_id, reused_from: from, ...resultOf(event.data) };
      return { ...withStep(state, step_id, change), awaited };
    }
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
    case 'StepAttemptFailed': {
      const { step_id, attempt, exit_code, message, failed_tests, at } = event.data;
      const before = stepOf(state, step_id);
      if (!before) return state;
      return withStep(state, step_id, {
        failed_attempts: [...before.failed_attempts, { attempt, exit_code, message, at }],
        failed_tests: [...new Set([...before.failed_tests, ...failed_tests])],
      });
    }
    case 'StepsAppended':
      return withMore(state, event.data);
    case 'StepSucceeded':
      return withStep(state, event.data.step_id, { status: 'SUCCEEDED', ...resultOf(event.data) });
    case 'StepFailed': {
      const { step_id, message } = event.data;
      return withStep(state, step_id, { status: 'FAILED', message, ...resultOf(event.data) });
    }
    case 'StepSkipped':
      return over(state, event.data, 'SKIPPED');
    case 'StepCancelled':
      return over(state, event.data, 'CANCELLED');
    case 'GateOpened': {
      const { step_id, at, ...gate } = event.data;
      const change = { status: 'WAITING', started_at: at, gate: { ...gate, decisions: [] } } as const;
      return withStep(state, step_id, change);
    }
    case 'GateApproved':
      return withDecision(state, event.data, 'approved');
    case 'GateRefused':
      return withDecision(state, event.data, 'rejected');
    case 'GatePassed':
      return over(state, { ...event.data, message: null }, 'SUCCEEDED');
    case 'GateRejected':
      return over(state, event.data, 'FAILED');
    case 'RunCancelling':
      return { ...state, status: 'CANCELLING', cancelling: event.data, message: event.data.reason };
    case 'RunSucceeded':
      return { ...state, status: 'SUCCEEDED', completed_at: event.data.at };
    case 'RunFailed': {
      const { at, message = null } = event.data;
      return { ...state, status: 'FAILED', completed_at: at, message };
    }
    case 'RunCancelled':
      return { ...state, status: 'CANCELLED', completed_at: event.data.at, message: event.data.reason };
  }
}

function begun({ at, ...data }: RunStarted['data']): Run {
  const plan = planOf(data.definition);
  return {
    ...data,
    appended: data.appended ?? {},
    awaited: new Set(data.retry?.reuse),
    status: 'RUNNING',
    started_at: at,
    released_at: at,
    completed_at: null,
    held: false,
    approved_by: null,
    group: null,
    cancelling: null,
    message: null,
    plan,
    steps: plan.instances.map(() => UNTOUCHED),
  };
}

export function isOver({ status }: StepState): boolean {
  switch (status) {
    case 'SUCCEEDED':
    case 'FAILED':
    case 'SKIPPED':
    case 'CANCELLED':
      return true;
    case 'PENDING':
    case 'WAITING':
    case 'QUEUED':
    case 'RUNNING':
      return false;
  }
}

/** Whether the run itself has ended. */
export function hasEnded({ status }: RunState): boolean {
  return status === 'SUCCEEDED' || status === 'FAILED' || status === 'CANCELLED';
}

export function stepOf(run: Run, id: string): StepState | undefined {
  return run.steps[run.plan.indexOf.get(id) ?? -1];
}

/** Steps that are there already keep their places. */
function withMore(state: Run, { by, steps }: { by: string; steps: Run['definition']['steps'] }): Run {
  const definition = { ...state.definition, steps: [...state.definition.steps, ...steps] };
  const plan = planOf(definition);
  const appended = { ...state.appended };
  for (const { name } of steps) appended[name] = by;
  const untouched = plan.instances.slice(state.steps.length).map(() => UNTOUCHED);
  return { ...state, definition, plan, appended, steps: [...state.steps, ...untouched] };
}

function withDecision(
  state: Run,
  { step_id, by, reason, at }: { step_id: string; by: string; reason: string | null; at: string },
  decision: GateDecision['decision'],
): Run {
  const gate = stepOf(state, step_id)?.gate;
  if (!gate) return state;
  const decisions = [...gate.decisions, { by, decision, reason, at }];
  return withStep(state, step_id, { gate: { ...gate, decisions } });
}

function over(
  state: Run,
  { step_id, message, at }: { step_id: string; message: string | null; at: string },
  status: StepStatus,
): Run {
  return withStep(state, step_id, { status, message, completed_at: at });
}

function resultOf({ exit_code, outputs, artifacts, report, at }: Result) {
  return { exit_code, outputs, artifacts, report: report ?? null, completed_at: at };
}

/** Copies one array of pointers: a fold over 1,000 steps stays in the milliseconds. */
function withStep(state: Run, id: string, change: Partial<StepState>): Run {
  const index = state.plan.indexOf.get(id);
  if (index === undefined) return state;
  return { ...state, steps: state.steps.with(index, { ...state.steps[index]!, ...change }) };
}
