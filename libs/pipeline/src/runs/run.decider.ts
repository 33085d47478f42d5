/**
 * A run: one execution of a pipeline's steps, in the order that their needs allow.
 *
 *   (none) ──StartRun──► RUNNING ──every step over──► SUCCEEDED | FAILED
 *                           └──────CancelRun────────► CANCELLED
 *
 * and each step instance of it:
 *
 *   PENDING ──needs over──► QUEUED ──► RUNNING (again with each attempt) ──► SUCCEEDED | FAILED | CANCELLED
 *      │                       └──────────────────────────────────────────► (a start may be missed)
 *      ├──gate──► SUCCEEDED | FAILED
 *      ├──its `if` or a need says no──► SKIPPED
 *      └──template without value──► FAILED
 */
import { isDeepStrictEqual } from 'node:util';
import type { ArtifactRef, Source } from '@hybrid/contracts';
import { reject, type Decider, type Rejection } from '@hybrid/decider';
import type { Definition } from '../language/definition.js';
import { resolveInputs } from '../language/inputs.js';
import { runEvents, type RunEvent } from './run.events.js';
import { advance } from './run.schedule.js';
import { evolve, isOver, type Run, type RunState, type StepState } from './run.state.js';

/** `now` in all of them: RFC 3339 UTC. */
export type RunCommand = StartRun | RecordJobStarted | RecordJobFinished | CancelRun;

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

/** For the last attempt's end only: failures that are retried are the queue's business. */
export interface RecordJobFinished {
  type: 'RecordJobFinished';
  job_id: string;
  outcome: 'succeeded' | 'failed' | 'cancelled';
  exit_code: number | null;
  message: string | null;
  outputs: Record<string, string>;
  artifacts: ArtifactRef[];
  now: string;
}

export interface CancelRun {
  type: 'CancelRun';
  reason: string;
  actor: string;
  now: string;
}

export const runDecider: Decider<RunState, RunCommand, RunEvent> = {
  initial: { status: 'NONE' },
  events: runEvents,
  decide,
  evolve,
};

/** Rejections: idempotency_key_reused, run_not_found, run_finished, run_too_large, inputs_invalid. */
function decide(command: RunCommand, state: RunState): RunEvent[] | Rejection {
  switch (command.type) {
    case 'StartRun':
      return startRun(command, state);
    case 'RecordJobStarted':
      return onJob(command, state, jobStarted);
    case 'RecordJobFinished':
      return onJob(command, state, jobFinished);
    case 'CancelRun':
      return cancelRun(command, state);
  }
}

/** The definition and its inputs go into one event, beside which the first jobs must find room in the append. */
const MAX_START_BYTES = 600_000;

function startRun({ type: _, now, ...given }: StartRun, state: RunState): RunEvent[] | Rejection {
  const resolved = resolveInputs(given.definition.inputs, given.inputs);
  if ('errors' in resolved) return reject('inputs_invalid', resolved.errors.join('; '), 'invalid');
  if (state.status !== 'NONE') {
    const { pipeline, pipeline_version, source } = state;
    const same = { pipeline, pipeline_version, source, inputs: state.inputs };
    const asked = {
      pipeline: given.pipeline,
      pipeline_version: given.pipeline_version,
      source: given.source,
      inputs: resolved.inputs,
    };
    if (isDeepStrictEqual(same, asked)) return [];
    return reject(
      'idempotency_key_reused',
      `run ${given.run_id} exists and was started differently; choose another id`,
    );
  }
  const started: RunEvent = { type: 'RunStarted', data: { ...given, inputs: resolved.inputs, at: now } };
  if (Buffer.byteLength(JSON.stringify(started)) > MAX_START_BYTES) {
    return reject(
      'run_too_large',
      `definition and inputs together have more than ${MAX_START_BYTES} bytes`,
      'invalid',
    );
  }
  return [started, ...advance(evolve(state, started) as Run, [started], now)];
}

/** A job that isn't the run's, or comes after the run's end, changes nothing. */
function onJob<C extends RecordJobStarted | RecordJobFinished>(
  command: C,
  state: RunState,
  record: (command: C, step: StepState, stepId: string) => RunEvent[],
): RunEvent[] | Rejection {
  if (state.status === 'NONE')
    return reject('run_not_found', `job ${command.job_id} names a run that does not exist`, 'not_found');
  if (state.status !== 'RUNNING') return [];
  const index = state.steps.findIndex(({ job_id }) => job_id === command.job_id);
  const step = state.steps[index];
  if (!step || isOver(step)) return [];
  const events = record(command, step, state.plan.instances[index]!.id);
  return events.length === 0
    ? []
    : [...events, ...advance(events.reduce(evolve, state) as Run, events, command.now)];
}

function jobStarted(
  { job_id, agent_id, attempt, now }: RecordJobStarted,
  step: StepState,
  stepId: string,
): RunEvent[] {
  if (attempt <= step.attempt) return [];
  return [{ type: 'StepStarted', data: { step_id: stepId, job_id, agent_id, attempt, at: now } }];
}

function jobFinished(command: RecordJobFinished, _step: StepState, step_id: string): RunEvent[] {
  const { job_id, exit_code, message, outputs, artifacts, now: at } = command;
  const result = { step_id, job_id, exit_code, outputs, artifacts, at };
  switch (command.outcome) {
    case 'succeeded':
      return [{ type: 'StepSucceeded', data: result }];
    case 'failed':
      return [
        { type: 'StepFailed', data: { ...result, message: message ?? `ended with exit code ${exit_code}` } },
      ];
    case 'cancelled':
      return [
        { type: 'StepCancelled', data: { step_id, job_id, message: message ?? 'its job was cancelled', at } },
      ];
  }
}

function cancelRun({ reason, actor, now }: CancelRun, state: RunState): RunEvent[] | Rejection {
  switch (state.status) {
    case 'NONE':
      return reject('run_not_found', 'there is no such run', 'not_found');
    case 'CANCELLED':
      return [];
    case 'SUCCEEDED':
    case 'FAILED':
      return reject('run_finished', `the run ended at ${state.completed_at}; there is nothing to cancel`);
    case 'WAITING':
    case 'CANCELLING':
    case 'RUNNING': {
      const cancelled = state.steps.flatMap((step, index): RunEvent[] => {
        if (isOver(step)) return [];
        const { id } = state.plan.instances[index]!;
        return [
          {
            type: 'StepCancelled',
            data: { step_id: id, job_id: step.job_id, message: 'the run was cancelled', at: now },
          },
        ];
      });
      return [...cancelled, { type: 'RunCancelled', data: { reason, actor, at: now } }];
    }
  }
}
