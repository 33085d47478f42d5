/** What is heard of a step's job: attempts, their ends, and what the step told of its work. */
import { REPORT_LIST_MAX, type StepReport, type TestReport } from '@hybrid/contracts';
import { readAppendedSteps } from '../language/appended-steps.js';
import type { RecordAttemptFailed, RecordJobFinished, RecordJobStarted } from './run.commands.js';
import type { Result, RunEvent } from './run.events.js';
import { MAX_APPEND_BYTES, sizeOf } from './run.schedule.js';
import type { Run, StepState } from './run.state.js';

export function jobStarted(
  { job_id, agent_id, attempt, now }: RecordJobStarted,
  step: StepState,
  stepId: string,
): RunEvent[] {
  if (attempt <= step.attempt) return [];
  return [{ type: 'StepStarted', data: { step_id: stepId, job_id, agent_id, attempt, at: now } }];
}

export function attemptFailed(
  { type: _, now, ...failure }: RecordAttemptFailed,
  step: StepState,
  step_id: string,
): RunEvent[] {
  if (step.failed_attempts.some(({ attempt }) => attempt === failure.attempt)) return [];
  return [{ type: 'StepAttemptFailed', data: { step_id, ...failure, at: now } }];
}

export function jobFinished(
  command: RecordJobFinished,
  step: StepState,
  step_id: string,
  run: Run,
): RunEvent[] {
  const { job_id, exit_code, message, outputs, artifacts, now: at } = command;
  const report = command.report && keptOf(command.report, step.failed_tests);
  const result = { step_id, job_id, exit_code, outputs, artifacts, ...(report && { report }), at };
  switch (command.outcome) {
    case 'succeeded':
      return succeeded(command, result, run);
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

/** With the steps that it appends, or failed because of them. */
function succeeded({ report, now: at }: RecordJobFinished, result: Result, run: Run): RunEvent[] {
  const done: RunEvent = { type: 'StepSucceeded', data: result };
  const { step } = run.plan.instances[run.plan.indexOf.get(result.step_id)!]!;
  const { name, dynamic } = run.definition.steps[step]!;
  if (!report?.steps) return [done];
  const failed = (message: string): RunEvent[] => [{ type: 'StepFailed', data: { ...result, message } }];
  if (!dynamic) return failed('it appends steps, which only a step with `dynamic: true` may do');
  if (run.fork) return failed('it appends steps, and its commits come from a fork: they append none');
  const read = readAppendedSteps(report.steps, run.definition);
  if ('errors' in read) {
    const errors = read.errors.map(({ line, column, message }) => `${line}:${column} ${message}`);
    return failed(
      `the steps that it appends have ${errors.length} error(s): ${errors.join('; ')}`.slice(0, 4_000),
    );
  }
  if (read.steps.length === 0) return [done];
  const events: RunEvent[] = [{ type: 'StepsAppended', data: { by: name, steps: read.steps, at } }, done];
  if (events.reduce((sum, event) => sum + sizeOf(event), 0) > MAX_APPEND_BYTES)
    return failed('the steps that it appends, with all else that it reports, are too much for one event');
  return events;
}

/** Tests that failed in an attempt before and do not any more are flaky. Steps to append have their own event. */
function keptOf({ steps: _, tests, ...report }: StepReport, failedBefore: readonly string[]): StepReport {
  return tests ? { ...report, tests: withFlaky(tests, failedBefore) } : report;
}

function withFlaky(tests: TestReport, failedBefore: readonly string[]): TestReport {
  // Of a list that is cut short nobody can say that a test is not in it.
  if (tests.total === 0 || tests.failed > tests.failures.length) return tests;
  const known = new Set([...tests.failures, ...tests.flaky_tests].map(({ name }) => name));
  const flaky = failedBefore.filter((name) => !known.has(name)).map((name) => ({ name }));
  return {
    ...tests,
    flaky: tests.flaky + flaky.length,
    flaky_tests: [...tests.flaky_tests, ...flaky].slice(0, REPORT_LIST_MAX),
  };
}
