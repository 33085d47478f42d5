/** What becomes of steps whose needs are over: queued, skipped, passed or rejected, and the end of the run. */
import { ConditionError, evaluateCondition } from '../language/condition.js';
import type { GateStep } from '../language/definition.js';
import type { StepInstance } from '../language/expand.js';
import { TemplateError } from '../language/template.js';
import type { GateCondition, RunEvent } from './run.events.js';
import { JobError, jobOf } from './run.job.js';
import { conditionValues, judge, needsOf, statusOf, verdictOf } from './run.judgement.js';
import { evolve, isOver, type Run, type StepState } from './run.state.js';

/**
 * Bytes of events in one append; the event store takes 1 MiB. What doesn't fit follows with the next result: at least
 * one job is on its way by then, so there will be one.
 */
const MAX_APPEND_BYTES = 900_000;
/** Metadata and framing of an event, generously. */
const ENVELOPE_BYTES = 600;

/**
 * Events that follow from the state, in order. `before` are those decided already and not appended yet: their size
 * counts. One pass suffices because each step comes after all that it needs.
 */
export function advance(run: Run, before: readonly RunEvent[], now: string): RunEvent[] {
  const events: RunEvent[] = [];
  let bytes = before.reduce((sum, event) => sum + sizeOf(event), 0);
  let state = run;
  for (const step of run.plan.graph.order) {
    const pending = state.plan.instancesOf[step]!.filter((index) => state.steps[index]!.status === 'PENDING');
    if (pending.length === 0 || needsOf(state, step).some((need) => verdictOf(state, need) === 'open'))
      continue;
    for (const index of pending) {
      const event = settle(state, state.plan.instances[index]!, now);
      bytes += sizeOf(event);
      if (bytes > MAX_APPEND_BYTES && state.steps.some(isOnItsWay)) return events;
      events.push(event);
      state = evolve(state, event) as Run;
    }
  }
  return state.steps.every(isOver) ? [...events, ending(state, now)] : events;
}

function isOnItsWay({ status }: StepState): boolean {
  return status === 'QUEUED' || status === 'RUNNING';
}

function sizeOf(event: RunEvent): number {
  return Buffer.byteLength(JSON.stringify(event)) + ENVELOPE_BYTES;
}

function settle(run: Run, instance: StepInstance, now: string): RunEvent {
  const step = run.definition.steps[instance.step]!;
  try {
    const verdict = judge(run, instance.step, instance.matrix);
    if (verdict !== true)
      return { type: 'StepSkipped', data: { step_id: instance.id, message: verdict, at: now } };
    if (step.type === 'step.gate') return decideGate(run, instance, step, now);
    const job = jobOf(run, instance);
    return { type: 'StepQueued', data: { step_id: instance.id, job_id: job.job_id, job, at: now } };
  } catch (error) {
    const foreseen =
      error instanceof TemplateError || error instanceof ConditionError || error instanceof JobError;
    if (!foreseen) throw error;
    return failed(instance, error.message, now);
  }
}

function failed({ id }: StepInstance, message: string, now: string): RunEvent {
  const data = { step_id: id, job_id: null, exit_code: null, outputs: {}, artifacts: [], message, at: now };
  return { type: 'StepFailed', data };
}

function decideGate(run: Run, instance: StepInstance, step: GateStep, now: string): RunEvent {
  const values = conditionValues(run, instance.step, instance.matrix);
  const status = statusOf(run, instance.step, true);
  const expressions = step.config.type === 'automatic' ? step.config.conditions : [];
  const conditions = expressions.map((expression): GateCondition => {
    try {
      return { expression, result: evaluateCondition(expression, values, status), error: null };
    } catch (error) {
      if (!(error instanceof ConditionError)) throw error;
      return { expression, result: null, error: error.message };
    }
  });
  const data = { step_id: instance.id, conditions, at: now };
  const refusing = conditions.find(({ result }) => result !== true);
  if (!refusing) return { type: 'GatePassed', data };
  return {
    type: 'GateRejected',
    data: { ...data, message: refusing.error ?? `the condition is false: ${refusing.expression}` },
  };
}

function ending(run: Run, now: string): RunEvent {
  const failed_steps = run.plan.instances.flatMap(({ id, step }, index) => {
    const { status } = run.steps[index]!;
    const counts =
      status === 'CANCELLED' || (status === 'FAILED' && !run.definition.steps[step]!.continue_on_error);
    return counts ? [id] : [];
  });
  if (failed_steps.length === 0) return { type: 'RunSucceeded', data: { at: now } };
  return { type: 'RunFailed', data: { failed_steps, at: now } };
}
