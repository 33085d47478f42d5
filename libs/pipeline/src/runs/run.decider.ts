/**
 * A run: one execution of a pipeline's steps, in the order that their needs allow.
 *
 *   (none) ──StartRun──► RUNNING ──every step over──────────────────────► SUCCEEDED | FAILED
 *              │          ▲  └──CancelRun, or out of time──► CANCELLING ──steps that clean up over──► CANCELLED | FAILED
 *              ├─► WAITING (for its concurrency group) ──CancelRun──► CANCELLED
 *              └─► WAITING (held, for approval) ──ApproveRun──► RUNNING, or WAITING for its group
 *
 * and each step instance of it:
 *
 *   PENDING ──needs over──► QUEUED ──► RUNNING (again with each attempt) ──► SUCCEEDED | FAILED | CANCELLED
 *      │                       └──────────────────────────────────────────► (a start may be missed)
 *      ├──gate──► SUCCEEDED | FAILED
 *      ├──gate that people decide──► WAITING ──► SUCCEEDED | FAILED | CANCELLED
 *      ├──its `if` or a need says no──► SKIPPED
 *      ├──template without value──► FAILED
 *      └──result of the run that is repeated──► SUCCEEDED | FAILED | SKIPPED | CANCELLED
 */
import { reject, type Decider, type Rejection } from '@hybrid/decider';
import { approveRun } from './run.approval.js';
import { cancelRun, passDeadlines } from './run.cancel.js';
import type { RunCommand } from './run.commands.js';
import { runEvents, type RunEvent } from './run.events.js';
import { decideGate } from './run.gate-decision.js';
import { attemptFailed, jobFinished, jobStarted } from './run.results.js';
import { advance } from './run.schedule.js';
import { releaseRun, startRun, takeOver } from './run.start.js';
import { evolve, hasEnded, isOver, type Run, type RunState, type StepState } from './run.state.js';

export type * from './run.commands.js';

export const runDecider: Decider<RunState, RunCommand, RunEvent> = {
  initial: { status: 'NONE' },
  events: runEvents,
  decide,
  evolve,
};

/**
 * Rejections: run_not_found, run_finished; of a start: idempotency_key_reused, run_too_large, inputs_invalid,
 * concurrency_group_invalid; of an approval: run_needs_person, run_not_held, own_run; of a gate: gate_not_found, gate_needs_person, gate_not_open, gate_decided, not_an_approver,
 * own_run.
 */
function decide(command: RunCommand, state: RunState): RunEvent[] | Rejection {
  if (command.type === 'StartRun') return startRun(command, state);
  if (state.status === 'NONE') return reject('run_not_found', 'there is no such run', 'not_found');
  switch (command.type) {
    case 'ApproveRun':
      return approveRun(command, state);
    case 'ReleaseRun':
      return releaseRun(command, state);
    case 'TakeOverSteps':
      return takeOver(command, state);
    case 'GoOn':
      return hasEnded(state) ? [] : advance(state, [], command.now);
    case 'RecordJobStarted':
      return onJob(command, state, jobStarted);
    case 'RecordAttemptFailed':
      return onJob(command, state, attemptFailed);
    case 'RecordJobFinished':
      return onJob(command, state, jobFinished);
    case 'DecideGate':
      return decideGate(command, state);
    case 'PassDeadlines':
      return passDeadlines(command, state);
    case 'CancelRun':
      return cancelRun(command, state);
  }
}

/** A job that isn't the run's, or comes after the run's end, changes nothing. What comes twice may find something left over. */
function onJob<C extends { job_id: string; now: string }>(
  command: C,
  run: Run,
  record: (command: C, step: StepState, stepId: string, run: Run) => RunEvent[],
): RunEvent[] {
  if (hasEnded(run)) return [];
  const index = run.steps.findIndex(({ job_id }) => job_id === command.job_id);
  const step = run.steps[index];
  if (!step) return [];
  const events = isOver(step) ? [] : record(command, step, run.plan.instances[index]!.id, run);
  return [...events, ...advance(events.reduce(evolve, run) as Run, events, command.now)];
}
