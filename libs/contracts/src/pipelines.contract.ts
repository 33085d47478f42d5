/** The pipelines' messages: definitions and runs. Owner: the pipelines service. */
import { AnyObject, Nested, OneOf, Text, TextMap } from './fields.js';
import { DEFINITION_MAX, RUN_TRIGGERS, type RunTrigger } from './limits.js';
import { ListQuery } from './paging.contract.js';
import type { FieldError } from './problem.js';
import { type ArtifactRef, Source } from './job.contract.js';
import type { StepReport } from './report.contract.js';
import { request, type Page } from './request.js';
import type { TriggerEvent } from './trigger-event.js';

/** WAITING: for its concurrency group, or for approval (`waits_for`). CANCELLING: its clean-up steps run. */
export const RUN_STATUSES = ['WAITING', 'RUNNING', 'CANCELLING', 'SUCCEEDED', 'FAILED', 'CANCELLED'] as const;
export type RunStatus = (typeof RUN_STATUSES)[number];

/** WAITING: a gate waits for people. */
export const STEP_STATUSES = [
  'PENDING',
  'WAITING',
  'QUEUED',
  'RUNNING',
  'SUCCEEDED',
  'FAILED',
  'SKIPPED',
  'CANCELLED',
] as const;
export type StepStatus = (typeof STEP_STATUSES)[number];

export class PutPipeline {
  @Text('configuration', { max: DEFINITION_MAX, description: 'the text of .hybrid/pipeline.yaml' })
  definition!: string;

  @TextMap('configuration', {
    optional: true,
    max: 50,
    itemMax: DEFINITION_MAX,
    description: 'files that the definition names with `uses: ./path`, by that path',
  })
  files?: Record<string, string>;

  @Text('reference', {
    optional: true,
    max: 500,
    description:
      'owner/name of the repository whose events start it by `on`, or host/owner/name; what is left out stays as it is',
  })
  repository?: string;

  @Text('reference', {
    optional: true,
    max: 2000,
    description: 'what scheduled runs clone, and whose host its events are of; no user, no password',
  })
  clone_url?: string;

  @Text('digest', {
    optional: true,
    max: 4_000,
    description: "JWS of the definition and its files by the customer's key: agents may ask for it",
  })
  signature?: string;
}

export interface PipelineView {
  /** The `name` of the definition: unique. */
  id: string;
  /** Counts from 1; a new one for each changed definition. */
  version: number;
  definition: string;
  repository: string | null;
  clone_url: string | null;
  signed: boolean;
  created_at: string;
  updated_at: string;
}

export interface ValidationReport {
  valid: boolean;
  errors: FieldError[];
}

export class StartRun {
  @Nested(() => Source, { optional: true })
  source?: Source;

  @AnyObject('configuration', {
    optional: true,
    maxBytes: 200_000,
    maxDepth: 5,
    description: 'values of {{.Inputs.x}}',
  })
  inputs?: Record<string, unknown>;

  @OneOf(RUN_TRIGGERS, {
    optional: true,
    description: 'what conditions see as `event`; manual for a person, api for a key unless told',
  })
  event?: RunTrigger;
}

export interface StepView {
  /** Unique within the run: the name, with the values of its matrix: `test[node=20]`. */
  id: string;
  name: string;
  type: string;
  matrix: Record<string, string>;
  /** Ids of the steps that must be over first. */
  needs: string[];
  status: StepStatus;
  /** It failed in a way that `continue_on_error` or `allow_failure` forgives: that counts as success for the run. */
  allowed?: true;
  job_id: string | null;
  agent_id: string | null;
  queued_at: string | null;
  started_at: string | null;
  completed_at: string | null;
  exit_code: number | null;
  /** Why it failed or was skipped. */
  message: string | null;
  outputs: Record<string, string>;
  artifacts: ArtifactRef[];
  report: StepReport | null;
  /** Attempts that failed before, oldest first. */
  failed_attempts: FailedAttempt[];
  gate: GateView | null;
  /** The run in which it ran, where a retry took over its result. */
  reused_from: string | null;
}

export interface FailedAttempt {
  attempt: number;
  exit_code: number | null;
  message: string | null;
  at: string;
}

/** A gate that people decide. */
export interface GateView {
  /** E-mail addresses or user ids; empty: whoever may approve in this pipeline. */
  approvers: string[];
  required: number;
  expires_at: string | null;
  decisions: GateDecision[];
}

export interface GateDecision {
  by: string;
  decision: 'approved' | 'rejected';
  reason: string | null;
  at: string;
}

export class DecideGate {
  @Text('configuration', { optional: true, max: 1_000, description: 'kept with the decision' })
  reason?: string;

  @Text('digest', {
    optional: true,
    max: 4_000,
    description: "JWS of the approval by the person's own key: agents may ask for it",
  })
  signature?: string;
}

/** What a retry runs again; everything else is taken over from the run before. */
export class RetryRun {
  @OneOf(['start', 'failed', 'step'], {
    description: 'all; what did not succeed; one step and what needs it',
  })
  from!: 'start' | 'failed' | 'step';

  @Text('metadata', { optional: true, max: 200, description: 'with `step`: its name' })
  step?: string;
}

/** A test as its latest runs saw it. */
export interface TestView {
  name: string;
  step: string;
  file: string | null;
  /** It failed and succeeded on one commit. */
  flaky: boolean;
  failures: number;
  last_failed_at: string | null;
  last_run_id: string;
}

export interface RunSummary {
  id: string;
  pipeline: string;
  pipeline_version: number;
  status: RunStatus;
  source: Source | null;
  started_by: string;
  created_at: string;
  completed_at: string | null;
  /** Steps by status. */
  steps_total: number;
  steps_succeeded: number;
  steps_failed: number;
  /** The run that this one repeats, in whole or in part. */
  retry_of: string | null;
  /** Why it was cancelled, or that it timed out. */
  message?: string | null;
  /** While it is WAITING: for a person, as its commits come from a fork, or for its concurrency group. */
  waits_for?: 'approval' | 'group';
  /** Who let it begin. */
  approved_by?: string;
}

export interface RunView extends RunSummary {
  steps: StepView[];
  /**
   * The run is too large for one message: its steps lack outputs, artifacts and reports, messages are cut, and `needs`
   * has names of steps. `GET /api/runs/{run_id}/steps/{step_id}` has it all.
   */
  in_short?: boolean;
}

export interface RunGraph {
  nodes: { id: string; name: string; type: string; status: StepStatus }[];
  /** `from` must succeed before `to` starts. */
  edges: { from: string; to: string }[];
}

export class ListRuns extends ListQuery {
  @OneOf(RUN_STATUSES, { optional: true })
  status?: RunStatus;

  @Text('metadata', { optional: true, max: 200 })
  pipeline?: string;
}

/** A trigger as a pipeline's `on` says it; what fired last. */
export interface TriggerView {
  pipeline: string;
  repository: string | null;
  kind: 'push' | 'tag' | 'pull_request' | 'schedule' | 'pipeline';
  /** In words: `branches main, release/*`. */
  when: string;
  last_run_id: string | null;
  last_fired_at: string | null;
}

export interface ScheduleView {
  pipeline: string;
  /** Cron, five fields, UTC. */
  cron: string;
  next_at: string | null;
  last_run_id: string | null;
  last_fired_at: string | null;
}

/** The runs of a delivery: the same delivery again starts none anew. */
export interface FireTriggers {
  delivery_id: string;
  event: TriggerEvent;
}

export interface FiredTriggers {
  runs: { pipeline: string; run_id: string }[];
  /** Pipelines of the repository that do not run, and why. */
  passed_over: { pipeline: string; why: string }[];
}

/** What a routing rule wants of one pipeline. */
export interface StartByRoute {
  pipeline_id: string;
  delivery_id: string;
  rule: string;
  /** Its steps run there instead of the pools that the definition names. */
  pool?: string;
  inputs: Record<string, string>;
  event: TriggerEvent | null;
}

/** Where an agent is to work out a job for itself, which it does not believe the control plane. */
export interface RunProof {
  /** Text of the version that the run is of, as it was stored. */
  definition: string;
  files: Record<string, string>;
  /** JWS by the customer's key. */
  signature: string | null;
  /** Of the run up to the job, oldest first; without definition and jobs, which follow from the text. */
  events: { type: string; data: object }[];
}

/** A gate by the name of its step, and the person who decides. */
export interface OfGate {
  run_id: string;
  gate: string;
  /** Null: no person, but an API key. */
  person: { user_id: string; email: string | null } | null;
}

export const pipelinesRequests = {
  /** Creates version 1, or the next version if the definition changed, else answers the current one. */
  put: request<PutPipeline & { pipeline_id?: string; create?: boolean }, PipelineView>(
    'cmd.pipelines.pipeline.put',
  ),
  delete: request<{ pipeline_id: string }, PipelineView>('cmd.pipelines.pipeline.delete'),
  get: request<{ pipeline_id: string }, PipelineView>('qry.pipelines.pipeline.get'),
  list: request<ListQuery, Page<PipelineView>>('qry.pipelines.pipeline.list'),
  validate: request<PutPipeline, ValidationReport>('qry.pipelines.pipeline.validate'),
  schema: request<Record<string, never>, Record<string, unknown>>('qry.pipelines.pipeline.schema'),
  moduleSchemas: request<
    Record<string, never>,
    { modules: { type: string; schema: Record<string, unknown> }[] }
  >('qry.pipelines.module.list'),
  /** `wanted_by`: the person whose wish it is, where that is not the caller: who made the key. */
  startRun: request<StartRun & { pipeline_id: string; run_id: string; wanted_by?: string }, RunView>(
    'cmd.pipelines.run.start',
  ),
  cancelRun: request<{ run_id: string; reason: string }, RunView>('cmd.pipelines.run.cancel'),
  /** `wanted_by` as in `startRun`. */
  retryRun: request<RetryRun & { run_id: string; new_run_id: string; wanted_by?: string }, RunView>(
    'cmd.pipelines.run.retry',
  ),
  /** `approvers` are compared with `user_id` and `email`. */
  approveGate: request<DecideGate & OfGate, RunView>('cmd.pipelines.run.approve-gate'),
  rejectGate: request<DecideGate & OfGate, RunView>('cmd.pipelines.run.reject-gate'),
  /** Tests that failed or were flaky lately, the most flaky first. */
  tests: request<ListQuery & { pipeline_id: string }, Page<TestView>>('qry.pipelines.pipeline.tests'),
  /** By the step's id, or by its name where it has one instance. */
  getStep: request<{ run_id: string; step_id: string }, StepView>('qry.pipelines.run.step'),
  getRun: request<{ run_id: string }, RunView>('qry.pipelines.run.get'),
  /** Starts whatever the pipelines of the repository say under `on`. */
  fireTriggers: request<FireTriggers, FiredTriggers>('cmd.pipelines.trigger.fire'),
  startByRoute: request<StartByRoute, RunView>('cmd.pipelines.trigger.start'),
  /** Lets a run begin that waits because its commits come from a fork. */
  approveRun: request<{ run_id: string; person: OfGate['person'] }, RunView>('cmd.pipelines.run.approve'),
  triggers: request<ListQuery, Page<TriggerView>>('qry.pipelines.trigger.list'),
  schedules: request<ListQuery, Page<ScheduleView>>('qry.pipelines.schedule.list'),
  /** For the agent that has the job. Apart, as each may be as large as a message. */
  proofOfRun: request<
    { run_id: string; job_id: string },
    Pick<RunProof, 'events'> & { pipeline_id: string; version: number }
  >('qry.pipelines.run.proof'),
  proofOfPipeline: request<{ pipeline_id: string; version: number }, Omit<RunProof, 'events'>>(
    'qry.pipelines.pipeline.proof',
  ),
  listRuns: request<ListRuns, Page<RunSummary>>('qry.pipelines.run.list'),
};
