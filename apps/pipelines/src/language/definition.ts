/** A pipeline as it is run: checked, defaults filled in, durations in seconds. This is what a run's first event holds. */
export interface Definition {
  name: string;
  env: Record<string, string>;
  /** Declared inputs by name. */
  inputs: Record<string, InputDefinition>;
  steps: StepDefinition[];
}

export type InputValue = string | number | boolean;

export interface InputDefinition {
  type: 'string' | 'number' | 'boolean';
  required: boolean;
  default?: InputValue;
}

interface StepOfAnyType {
  name: string;
  /** Names of steps. */
  needs: string[];
  /** CEL; null: the step runs when what it needs went well. */
  if: string | null;
  /** Values by name, in the order in which they were written; empty: the step runs once. */
  matrix: Record<string, string[]>;
  env: Record<string, string>;
  pool: string;
  labels: Record<string, string>;
  timeout_seconds: number;
  retry: { max_attempts: number; backoff_seconds: number };
  continue_on_error: boolean;
}

export interface ShellStep extends StepOfAnyType {
  type: 'step.shell_exec';
  config: {
    image?: string;
    commands: string[];
    work_dir?: string;
    network?: 'bridge' | 'none';
    env: Record<string, string>;
    artifacts_out: { key: string; path: string }[];
    artifacts_in: { key: string; dest: string; execution_id?: string }[];
  };
}

export interface PushStep extends StepOfAnyType {
  type: 'step.artifact_push';
  config: { source_path: string; key: string; dest: 'artifact_store' };
}

export interface PullStep extends StepOfAnyType {
  type: 'step.artifact_pull';
  config: {
    source: 'artifact_store' | 'previous_execution';
    execution_id?: string;
    key: string;
    dest: string;
  };
}

export interface GateStep extends StepOfAnyType {
  type: 'step.gate';
  config: { type: 'automatic'; conditions: string[] };
}

export type StepDefinition = ShellStep | PushStep | PullStep | GateStep;

/** A person writes tens; a generator writes hundreds. */
export const MAX_STEPS = 500;
/** Instances of one step. The same bound that others chose. */
export const MAX_MATRIX = 256;
/** Instances of a whole run: each is a job and some events. */
export const MAX_INSTANCES = 1_000;
/** Bytes of the filled-in definition as JSON: it and the first jobs go into one append of at most 1 MiB. */
export const MAX_DEFINITION_BYTES = 300_000;

export const DEFAULT_POOL = 'default';
export const DEFAULT_TIMEOUT_SECONDS = 3600;
/** Jobs' time-outs are bounded by the queue. */
export const MAX_TIMEOUT_SECONDS = 86_400;
export const DEFAULT_BACKOFF_SECONDS = 5;
export const MAX_BACKOFF_SECONDS = 3600;
