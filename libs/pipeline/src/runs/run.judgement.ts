/** What steps that have ended mean for those that need them: the rules of `needs`, `if` and `continue_on_error`. */
import { SEVERITIES } from '@hybrid/contracts';
import {
  evaluateCondition,
  parseCondition,
  type ConditionValues,
  type StatusValues,
} from '../language/condition.js';
import type { StepDefinition } from '../language/definition.js';
import { ancestorsOf } from '../language/graph.js';
import { isOver, type Run, type StepState } from './run.state.js';

/** forgiven: failed, in a way that it may. */
type Verdict = 'open' | 'succeeded' | 'failed' | 'forgiven' | 'skipped' | 'cancelled';

/** A step with all its instances, as others see it: failed if one is, skipped only if all are. */
export function verdictOf(run: Run, step: number): Verdict {
  const seen = { failed: false, forgiven: false, cancelled: false, succeeded: false };
  for (const index of run.plan.instancesOf[step]!) {
    const state = run.steps[index]!;
    if (!isOver(state)) return 'open';
    if (state.status === 'FAILED')
      seen[forgives(run.definition.steps[step]!, state) ? 'forgiven' : 'failed'] = true;
    else if (state.status === 'CANCELLED') seen.cancelled = true;
    else if (state.status === 'SUCCEEDED') seen.succeeded = true;
  }
  if (seen.failed) return 'failed';
  if (seen.cancelled) return 'cancelled';
  if (seen.forgiven) return 'forgiven';
  return seen.succeeded ? 'succeeded' : 'skipped';
}

/** Whether a failure of the step may be. */
export function forgives(
  { continue_on_error, forgiven_exit_codes }: StepDefinition,
  { exit_code }: StepState,
): boolean {
  if (!continue_on_error || !forgiven_exit_codes) return continue_on_error;
  return exit_code !== null && forgiven_exit_codes.includes(exit_code);
}

/** Why a need keeps its dependents from running; null if it went well, or may fail. */
function obstacle(run: Run, need: number): string | null {
  const { name } = run.definition.steps[need]!;
  const verdict = verdictOf(run, need);
  switch (verdict) {
    case 'failed':
      return `needs ${name}, which failed`;
    case 'skipped':
    case 'cancelled':
      return `needs ${name}, which was ${verdict}`;
    case 'open':
    case 'succeeded':
    case 'forgiven':
      return null;
  }
}

/** Whether a step whose needs are over runs: true, or why it is skipped. Throws ConditionError if its `if` has no result. */
export function judge(run: Run, step: number, matrix: Record<string, string>): true | string {
  const obstacles = run.plan.needs[step]!.flatMap((need) => obstacle(run, need) ?? []);
  if (run.cancelling) obstacles.unshift('the run was cancelled');
  const { if: condition } = run.definition.steps[step]!;
  if (condition === null) return obstacles[0] ?? true;
  if (obstacles[0] !== undefined && !parseCondition(condition).asksForStatus) return obstacles[0];
  const status = statusOf(run, step, obstacles.length === 0);
  return (
    evaluateCondition(condition, conditionValues(run, step, matrix), status) ||
    `its condition is false: ${condition}`
  );
}

/** In a run that is cancelled, what was cancelled with it has not failed. */
export function statusOf(run: Run, step: number, success: boolean): StatusValues {
  const cancelled = run.cancelling !== null;
  const failure = ancestorsOf(run.plan.graph, step).some((index) => {
    const verdict = verdictOf(run, index);
    return verdict === 'failed' || (verdict === 'cancelled' && !cancelled);
  });
  return { success, failure, cancelled };
}

/** What conditions of a step can look at: the run, and the steps that have ended by then for certain. */
export function conditionValues(run: Run, step: number, matrix: Record<string, string>): ConditionValues {
  const steps: ConditionValues['steps'] = {};
  const ancestors = ancestorsOf(run.plan.graph, step);
  for (const index of ancestors) {
    const verdict = verdictOf(run, index);
    steps[run.definition.steps[index]!.name] = {
      status: verdict === 'succeeded' || verdict === 'skipped' ? verdict : 'failed',
      outputs: outputsOf(run, index),
    };
  }
  const { event = 'manual', source } = run;
  const ref = source?.ref ?? '';
  return {
    branch: event === 'tag' ? '' : ref,
    tag: event === 'tag' ? ref : '',
    commit: source?.commit ?? '',
    event,
    inputs: run.inputs,
    matrix,
    steps,
    scan: scanOf(run, ancestors),
    tests: testsOf(run, ancestors),
  };
}

/** Passed: there was a scan, and every scan told that it found nothing as severe as its threshold. */
function scanOf(run: Run, steps: readonly number[]): ConditionValues['scan'] {
  const counts = { critical: 0, high: 0, medium: 0, low: 0, info: 0 };
  let passed = false;
  let failed = false;
  for (const step of steps) {
    const scans = run.definition.steps[step]!.type.startsWith('step.scan_');
    for (const { report } of statesOf(run, step)) {
      if (!report?.scan) {
        // It was skipped, or broke off: that it found nothing says nothing.
        failed ||= scans;
        continue;
      }
      passed ||= report.scan.passed;
      failed ||= !report.scan.passed;
      for (const severity of SEVERITIES) counts[severity] += report.scan.counts[severity];
    }
  }
  return { passed: passed && !failed, ...counts };
}

/** Passed: no test failed, and no step that reports tests did. Where nobody reports any, the steps themselves are the tests. */
function testsOf(run: Run, steps: readonly number[]): ConditionValues['tests'] {
  const sum = { total: 0, failed: 0, skipped: 0, flaky: 0 };
  const reporting = steps.filter(
    (step) =>
      run.definition.steps[step]!.test_reports?.length ||
      statesOf(run, step).some(({ report }) => report?.tests),
  );
  for (const step of reporting) {
    for (const { report } of statesOf(run, step)) {
      if (!report?.tests) continue;
      const { total, failed, skipped, flaky } = report.tests;
      sum.total += total;
      sum.failed += failed;
      sum.skipped += skipped;
      sum.flaky += flaky;
    }
  }
  const tests = reporting.length > 0 ? reporting : steps;
  const passed = sum.failed === 0 && tests.every((step) => verdictOf(run, step) === 'succeeded');
  return { passed, ...sum };
}

function statesOf(run: Run, step: number): StepState[] {
  return run.plan.instancesOf[step]!.map((index) => run.steps[index]!);
}

/** Outputs of a step without a matrix; none for one with. */
export function outputsOf(run: Run, step: number): Record<string, string> {
  const [instance, another] = run.plan.instancesOf[step]!;
  return instance === undefined || another !== undefined ? {} : run.steps[instance]!.outputs;
}
