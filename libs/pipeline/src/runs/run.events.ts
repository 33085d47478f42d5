/** The facts of stream `run-<id>`: private to this service. Times (`at`) are RFC 3339 UTC, from the command. */
import type { ArtifactRef, EnqueueJobCommand, RunTrigger, Source, StepReport } from '@hybrid/contracts';
import type { EventTypes } from '@hybrid/decider';
import type { Definition, InputValue, StepDefinition } from '../language/definition.js';

export interface RunStarted {
  type: 'RunStarted';
  data: {
    run_id: string;
    pipeline: string;
    pipeline_version: number;
    definition: Definition;
    source: Source | null;
    /** Defaults filled in. */
    inputs: Record<string, InputValue>;
    /** The latest earlier run of the pipeline that succeeded. */
    previous_execution_id: string | null;
    started_by: string;
    /** `manual` where it is left out, as is what follows. */
    event?: RunTrigger;
    /** Everybody whose wish this is, who may therefore not approve it: ids of people. */
    wanted_by?: string[];
    /** Of the commits: the login at their host. Whoever wrote them does not approve them either. */
    author?: string;
    /** The commits come from a fork: it begins when somebody approves it, and its jobs are given no secrets. */
    fork?: true;
    /** Every step runs there, whatever pool it names. */
    pool?: string;
    /** Name of the routing rule that wanted it. */
    rule?: string;
    /** Of a schedule: the time that it was due. */
    due_at?: string;
    /** The pipeline whose run started this one. */
    after?: string;
    /** How many runs led to this one, each starting the next. */
    depth?: number;
    retry?: {
      /** The run that this one repeats. */
      of: string;
      /** Instances whose results are taken over from it, by StepReused; nothing begins before. */
      reuse: string[];
    };
    /** Steps that were appended in the run before, and by which step. */
    appended?: Record<string, string>;
    at: string;
  };
}

/** Nothing of it begins before somebody approved it. */
export interface RunHeld {
  type: 'RunHeld';
  data: { at: string };
}

/** `by`: id of a person. */
export interface RunApproved {
  type: 'RunApproved';
  data: { by: string; at: string };
}

/** It begins when its concurrency group lets it. */
export interface RunWaiting {
  type: 'RunWaiting';
  data: { group: string; cancel_in_progress: boolean; at: string };
}

export interface RunReleased {
  type: 'RunReleased';
  data: { at: string };
}

/** The job is complete but for secrets: its texts may still hold `{{.Secrets.NAME}}`. */
export interface StepQueued {
  type: 'StepQueued';
  data: { step_id: string; job_id: string; job: EnqueueJobCommand; at: string };
}

/** Once for each attempt of the job that an agent began. */
export interface StepStarted {
  type: 'StepStarted';
  data: { step_id: string; job_id: string; agent_id: string; attempt: number; at: string };
}

/** An attempt that is followed by another one. */
export interface StepAttemptFailed {
  type: 'StepAttemptFailed';
  data: {
    step_id: string;
    job_id: string;
    attempt: number;
    exit_code: number | null;
    message: string | null;
    /** Names. */
    failed_tests: string[];
    at: string;
  };
}

/** Of another run, which this one repeats: its result is this run's. */
export interface StepReused {
  type: 'StepReused';
  data: Result & {
    /** The run that has its artifacts. */
    from: string;
    status: 'SUCCEEDED' | 'FAILED' | 'SKIPPED' | 'CANCELLED';
    message: string | null;
    pulled: PulledArtifact | null;
  };
}

export interface PulledArtifact {
  execution_id: string;
  key: string;
  dest: string;
}

/** Told by a step that may do so; they stand behind all others. */
export interface StepsAppended {
  type: 'StepsAppended';
  data: { by: string; steps: StepDefinition[]; at: string };
}

export interface Result {
  step_id: string;
  job_id: string | null;
  exit_code: number | null;
  outputs: Record<string, string>;
  artifacts: ArtifactRef[];
  /** Without the steps to append, which StepsAppended has. */
  report?: StepReport;
  at: string;
}

export interface StepSucceeded {
  type: 'StepSucceeded';
  data: Result;
}

/** Without a job: the step could not even be queued. */
export interface StepFailed {
  type: 'StepFailed';
  data: Result & { message: string };
}

export interface StepSkipped {
  type: 'StepSkipped';
  data: { step_id: string; message: string; at: string };
}

export interface StepCancelled {
  type: 'StepCancelled';
  data: { step_id: string; job_id: string | null; message: string; at: string };
}

export interface GateCondition {
  expression: string;
  /** Null: it could not be evaluated. */
  result: boolean | null;
  /** Why it could not. */
  error: string | null;
}

/** It waits for people from now on. */
export interface GateOpened {
  type: 'GateOpened';
  data: {
    step_id: string;
    approvers: string[];
    required: number;
    expires_at: string | null;
    /** Of its `auto_approve_conditions`, not all of which are true. */
    conditions: GateCondition[];
    at: string;
  };
}

/** `by`: id of a person. */
export interface GateApproved {
  type: 'GateApproved';
  data: {
    step_id: string;
    by: string;
    reason: string | null;
    /** JWS by the person's own key: agents may ask for it. */
    signature?: string;
    at: string;
  };
}

export interface GateRefused {
  type: 'GateRefused';
  data: { step_id: string; by: string; reason: string | null; at: string };
}

export interface GatePassed {
  type: 'GatePassed';
  data: { step_id: string; conditions: GateCondition[]; at: string };
}

export interface GateRejected {
  type: 'GateRejected';
  data: { step_id: string; conditions: GateCondition[]; message: string; at: string };
}

/** What is open was cancelled; steps that clean up run before the end. */
export interface RunCancelling {
  type: 'RunCancelling';
  data: { reason: string; actor: string; timed_out: boolean; at: string };
}

export interface RunSucceeded {
  type: 'RunSucceeded';
  data: { at: string };
}

export interface RunFailed {
  type: 'RunFailed';
  /** With a message where it ran out of time. */
  data: { failed_steps: string[]; message?: string; at: string };
}

export interface RunCancelled {
  type: 'RunCancelled';
  data: { reason: string; actor: string; at: string };
}

export type RunEvent =
  | RunStarted
  | RunHeld
  | RunApproved
  | RunWaiting
  | RunReleased
  | StepReused
  | StepQueued
  | StepStarted
  | StepAttemptFailed
  | StepsAppended
  | StepSucceeded
  | StepFailed
  | StepSkipped
  | StepCancelled
  | GateOpened
  | GateApproved
  | GateRefused
  | GatePassed
  | GateRejected
  | RunCancelling
  | RunSucceeded
  | RunFailed
  | RunCancelled;

export const runEvents: EventTypes<RunEvent> = {
  today: {
    RunStarted: true,
    RunHeld: true,
    RunApproved: true,
    RunWaiting: true,
    RunReleased: true,
    StepReused: true,
    StepQueued: true,
    StepStarted: true,
    StepAttemptFailed: true,
    StepsAppended: true,
    StepSucceeded: true,
    StepFailed: true,
    StepSkipped: true,
    StepCancelled: true,
    GateOpened: true,
    GateApproved: true,
    GateRefused: true,
    GatePassed: true,
    GateRejected: true,
    RunCancelling: true,
    RunSucceeded: true,
    RunFailed: true,
    RunCancelled: true,
  },
  downcasts: {
    // To them it is over: they would begin it at once, and give its jobs secrets.
    RunHeld: ({ at }: RunHeld['data']): RunCancelled => ({
      type: 'RunCancelled',
      data: { reason: 'waits for approval', actor: 'pipelines', at },
    }),
    RunApproved: () => null,
    RunWaiting: () => null,
    RunReleased: () => null,
    StepReused: (data: StepReused['data']) => asEnded(data),
    StepAttemptFailed: () => null,
    StepsAppended: () => null,
    // To them it is at work: they would let it pass, as they know no people.
    GateOpened: ({ step_id, at }: GateOpened['data']): StepStarted => ({
      type: 'StepStarted',
      data: { step_id, job_id: '', agent_id: '', attempt: 0, at },
    }),
    GateApproved: () => null,
    GateRefused: () => null,
    // To them it is over, and none of their business any more.
    RunCancelling: ({ reason, actor, at }: RunCancelling['data']): RunCancelled => ({
      type: 'RunCancelled',
      data: { reason, actor, at },
    }),
  },
};

function asEnded({ from: _, status, message, pulled: __, ...result }: StepReused['data']): RunEvent {
  const { step_id, job_id, at } = result;
  const text = message ?? 'as in the run before';
  switch (status) {
    case 'SUCCEEDED':
      return { type: 'StepSucceeded', data: result };
    case 'FAILED':
      return { type: 'StepFailed', data: { ...result, message: text } };
    case 'SKIPPED':
      return { type: 'StepSkipped', data: { step_id, message: text, at } };
    case 'CANCELLED':
      return { type: 'StepCancelled', data: { step_id, job_id, message: text, at } };
  }
}
