/** The facts of stream `run-<id>`: private to this service. Times (`at`) are RFC 3339 UTC, from the command. */
import type { ArtifactRef, EnqueueJobCommand, Source } from '@hybrid/contracts';
import type { EventTypes } from '@hybrid/decider';
import type { Definition, InputValue } from '../language/definition.js';

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
    at: string;
  };
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

export interface Result {
  step_id: string;
  job_id: string | null;
  exit_code: number | null;
  outputs: Record<string, string>;
  artifacts: ArtifactRef[];
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

export interface GatePassed {
  type: 'GatePassed';
  data: { step_id: string; conditions: GateCondition[]; at: string };
}

export interface GateRejected {
  type: 'GateRejected';
  data: { step_id: string; conditions: GateCondition[]; message: string; at: string };
}

export interface RunSucceeded {
  type: 'RunSucceeded';
  data: { at: string };
}

export interface RunFailed {
  type: 'RunFailed';
  data: { failed_steps: string[]; at: string };
}

export interface RunCancelled {
  type: 'RunCancelled';
  data: { reason: string; actor: string; at: string };
}

export type RunEvent =
  | RunStarted
  | StepQueued
  | StepStarted
  | StepSucceeded
  | StepFailed
  | StepSkipped
  | StepCancelled
  | GatePassed
  | GateRejected
  | RunSucceeded
  | RunFailed
  | RunCancelled;

export const runEvents: EventTypes<RunEvent> = {
  today: {
    RunStarted: true,
    StepQueued: true,
    StepStarted: true,
    StepSucceeded: true,
    StepFailed: true,
    StepSkipped: true,
    StepCancelled: true,
    GatePassed: true,
    GateRejected: true,
    RunSucceeded: true,
    RunFailed: true,
    RunCancelled: true,
  },
};
