/** What may be asked of a run. `now` in all of them: RFC 3339 UTC. */
import type { ArtifactRef, RunTrigger, Source, StepReport } from '@hybrid/contracts';
import type { Definition } from '../language/definition.js';
import type { RunStarted, StepReused } from './run.events.js';

export type RunCommand =
  | StartRun
  | ApproveRun
  | ReleaseRun
  | TakeOverSteps
  | GoOn
  | RecordJobStarted
  | RecordAttemptFailed
  | RecordJobFinished
  | DecideGate
  | PassDeadlines
  | CancelRun;

export interface StartRun {
  type: 'StartRun';
  run_id: string;
  pipeline: string;
  pipeline_version: number;
  definition: Definition;
  source: Source | null;
  /** As the caller gave them. */
  inputs: Record<string, unknown>;
  previous_execution_id: string | null;
  started_by: string;
  /** `manual` unless told. */
  event?: RunTrigger;
  /** Ids of people; nobody unless told. */
  wanted_by?: string[];
  author?: string;
  fork?: true;
  pool?: string;
  rule?: string;
  due_at?: string;
  after?: string;
  depth?: number;
  retry?: RunStarted['data']['retry'];
  appended?: Record<string, string>;
  now: string;
}

/** Of a run whose commits come from a fork. */
export interface ApproveRun {
  type: 'ApproveRun';
  /** Null: whoever asks is none. */
  person: { user_id: string; email: string | null } | null;
  now: string;
}

/** Its concurrency group lets it begin. */
export interface ReleaseRun {
  type: 'ReleaseRun';
  now: string;
}

/** Results of the run that this one repeats; as many as an append holds. */
export interface TakeOverSteps {
  type: 'TakeOverSteps';
  steps: Omit<StepReused['data'], 'at'>[];
  now: string;
}

/** Decides what did not fit into the append before; nothing where nothing is left. */
export interface GoOn {
  type: 'GoOn';
  now: string;
}

export interface RecordJobStarted {
  type: 'RecordJobStarted';
  job_id: string;
  agent_id: string;
  /** From 1; tells a new attempt from a repeated message. */
  attempt: number;
  now: string;
}

/** Another attempt follows, which is the queue's business. */
export interface RecordAttemptFailed {
  type: 'RecordAttemptFailed';
  job_id: string;
  attempt: number;
  exit_code: number | null;
  message: string | null;
  /** Names. */
  failed_tests: string[];
  now: string;
}

/** For the last attempt's end only. */
export interface RecordJobFinished {
  type: 'RecordJobFinished';
  job_id: string;
  outcome: 'succeeded' | 'failed' | 'cancelled';
  exit_code: number | null;
  message: string | null;
  outputs: Record<string, string>;
  artifacts: ArtifactRef[];
  report?: StepReport | null;
  now: string;
}

export interface DecideGate {
  type: 'DecideGate';
  /** Id of the gate's step, or its name. */
  gate: string;
  /** Null: whoever asks is none. */
  person: { user_id: string; email: string | null } | null;
  decision: 'approved' | 'rejected';
  reason: string | null;
  signature?: string;
  now: string;
}

/** `now` is the clock that deadlines go by. */
export interface PassDeadlines {
  type: 'PassDeadlines';
  now: string;
}

export interface CancelRun {
  type: 'CancelRun';
  reason: string;
  actor: string;
  /** It leaves a run alone that is being cancelled already; without, that ends the steps that clean up. */
  once?: boolean;
  now: string;
}
