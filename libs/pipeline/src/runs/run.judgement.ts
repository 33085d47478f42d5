/** What steps that have ended mean for those that need them: the rules of `needs`, `if` and `continue_on_error`. */
import {
  evaluateCondition,
  parseCondition,
  type ConditionValues,
  type StatusValues,
} from '../language/condition.js';
import { ancestorsOf } from '../language/graph.js';
import { isOver, type Run } from './run.state.js';

type Verdict = 'open' | 'succeeded' | 'failed' | 'skipped' | 'cancelled';

/** A step with all its instances, as others see it: failed if one is, skipped only if all are. */
export function verdictOf(run: Run, step: number): Verdict {
  const instances = run.plan.instancesOf[step]!.map((index) => run.steps[index]!);
  if (!instances.every(isOver)) return 'open';
  if (instances.some(({ status }) => status === 'FAILED')) return 'failed';
  if (instances.some(({ status }) => status === 'CANCELLED')) return 'cancelled';
  return instances.every(({ status }) => status === 'SKIPPED') ? 'skipped' : 'succeeded';
}

/** Indices of the steps that a step needs directly. */
export function needsOf(run: Run, step: number): number[] {
  return run.definition.steps[step]!.needs.flatMap((name) => run.plan.graph.indexOf.get(name) ?? []);
}

/** Why a need keeps its dependents from running; null if it went well, or may fail. */
export function obstacle(run: Run, need: number): string | null {
  const { name, continue_on_error } = run.definition.steps[need]!;
  switch (verdictOf(run, need)) {
    case 'failed':
      return continue_on_error ? null : `needs ${name}, which failed`;
    case 'skipped':
      return `needs ${name}, which was skipped`;
    case 'cancelled':
      return `needs ${name}, which was cancelled`;
    case 'open':
    case 'succeeded':
      return null;
  }
}

/** Whether a step whose needs are over runs: true, or why it is skipped. Throws ConditionError if its `if` has no result. */
export function judge(run: Run, step: number, matrix: Record<string, string>): true | string {
  const obstacles = needsOf(run, step).flatMap((need) => obstacle(run, need) ?? []);
  const { if: condition } = run.definition.steps[step]!;
  if (condition === null) return obstacles[0] ?? true;
  if (obstacles[0] !== undefined && !parseCondition(condition).asksForStatus) return obstacles[0];
  const status = statusOf(run, step, obstacles.length === 0);
  return (
    evaluateCondition(condition, conditionValues(run, step, matrix), status) ||
    `its condition is false: ${condition}`
  );
}

export function statusOf(run: Run, step: number, success: boolean): StatusValues {
  const failure = ancestorsOf(run.plan.graph, step).some((index) => {
    const verdict = verdictOf(run, index);
    return (
      verdict === 'cancelled' || (verdict === 'failed' && !run.definition.steps[index]!.continue_on_error)
    );
  });
  return { success, failure };
}

/** What conditions of a step can look at: the run, and the steps that have ended by then for certain. */
export function conditionValues(run: Run, step: number, matrix: Record<string, string>): ConditionValues {
  const steps: ConditionValues['steps'] = {};
  for (const index of ancestorsOf(run.plan.graph, step)) {
    const verdict = verdictOf(run, index);
    steps[run.definition.steps[index]!.name] = {
      status: verdict === 'succeeded' || verdict === 'skipped' ? verdict : 'failed',
      outputs: outputsOf(run, index),
    };
  }
  return {
    branch: run.source?.ref ?? '',
    tag: '',
    commit: run.source?.commit ?? '',
    event: 'manual',
    inputs: run.inputs,
    matrix,
    steps,
    scan: { passed: true, critical: 0, high: 0, medium: 0, low: 0, info: 0 },
    tests: { passed: true, total: 0, failed: 0, skipped: 0, flaky: 0 },
  };
}

/** Outputs of a step without a matrix; none for one with. */
export function outputsOf(run: Run, step: number): Record<string, string> {
  const [instance, another] = run.plan.instancesOf[step]!;
  return instance === undefined || another !== undefined ? {} : run.steps[instance]!.outputs;
}
