/** What becomes of steps whose needs are over: queued, skipped, passed or rejected, and the end of the run. */
import { ConditionError } from '../language/cel.js';
import type { StepInstance } from '../language/expand.js';
import { TemplateError } from '../language/template.js';
import type { RunEvent } from './run.events.js';
import { openGate } from './run.gate.js';
import { JobError, jobOf } from './run.job.js';
import { forgives, judge, verdictOf } from './run.judgement.js';
import { evolve, isOver, type Run, type StepState } from './run.state.js';

/**
 * Bytes of events in one append; the event store takes 1 MiB. What doesn't fit is left for GoOn, or for the next message
 * about a job.
 */
export const MAX_APPEND_BYTES = 900_000;
/** Metadata and framing of an event, generously. */
const ENVELOPE_BYTES = 600;

/**
 * Events that follow from the state, in order. `before` are those decided already and not appended yet: their size
 * counts. One pass suffices because each step comes after all that it needs.
 */
export function advance(run: Run, before: readonly RunEvent[], now: string): RunEvent[] {
  if (run.status === 'WAITING' || (run.awaited.size > 0 && run.status === 'RUNNING')) return [];
  const events: RunEvent[] = [];
  let bytes = before.reduce((sum, event) => sum + sizeOf(event), 0);
  let state = run;
  /** False: the append is full. */
  const add = (event: RunEvent): boolean => {
    bytes += sizeOf(event);
    if (bytes > MAX_APPEND_BYTES && before.length + events.length > 0) return false;
    events.push(event);
    state = evolve(state, event) as Run;
    return true;
  };
  for (const step of run.plan.graph.order) {
    if (run.plan.instancesOf[step]!.every((index) => isOver(state.steps[index]!))) continue;
    for (const event of failedFast(state, step, now)) if (!add(event)) return events;
    if (state.plan.needs[step]!.some((need) => verdictOf(state, need) === 'open')) continue;
    let room = roomOf(state, step);
    for (const index of run.plan.instancesOf[step]!) {
      if (room === 0) break;
      if (state.steps[index]!.status !== 'PENDING') continue;
      const event = settle(state, run.plan.instances[index]!, now);
      if (!add(event)) return events;
      if (event.type === 'StepQueued') room--;
      for (const other of failedFast(state, step, now)) if (!add(other)) return events;
    }
  }
  return state.steps.every(isOver) ? [...events, ending(state, now)] : events;
}

/** How many instances more of the step may be under way. */
function roomOf(run: Run, step: number): number {
  const { max_parallel = Infinity } = run.definition.steps[step]!;
  return Math.max(
    0,
    max_parallel - run.plan.instancesOf[step]!.filter((i) => isOnItsWay(run.steps[i]!)).length,
  );
}

function isOnItsWay({ status }: StepState): boolean {
  return status === 'QUEUED' || status === 'RUNNING';
}

/** An instance that failed ends the others of its step, where that is wanted. */
function failedFast(run: Run, step: number, now: string): RunEvent[] {
  const definition = run.definition.steps[step]!;
  if (!definition.fail_fast) return [];
  const instances = run.plan.instancesOf[step]!;
  const first = instances.find((index) => {
    const state = run.steps[index]!;
    return state.status === 'FAILED' && !forgives(definition, state);
  });
  if (first === undefined) return [];
  const message = `${run.plan.instances[first]!.id} failed, and fail_fast ends the others`;
  return instances.flatMap((index): RunEvent[] => {
    const { job_id } = run.steps[index]!;
    const step_id = run.plan.instances[index]!.id;
    if (isOver(run.steps[index]!)) return [];
    return [{ type: 'StepCancelled', data: { step_id, job_id, message, at: now } }];
  });
}

export function sizeOf(event: RunEvent): number {
  return Buffer.byteLength(JSON.stringify(event)) + ENVELOPE_BYTES;
}

function settle(run: Run, instance: StepInstance, now: string): RunEvent {
  const step = run.definition.steps[instance.step]!;
  try {
    const verdict = judge(run, instance.step, instance.matrix);
    if (verdict !== true)
      return { type: 'StepSkipped', data: { step_id: instance.id, message: verdict, at: now } };
    if (step.type === 'step.gate') return openGate(run, instance, step, now);
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

function ending(run: Run, now: string): RunEvent {
  const failed_steps = run.plan.instances.flatMap(({ id, step }, index) => {
    const state = run.steps[index]!;
    const counts =
      state.status === 'CANCELLED' ||
      (state.status === 'FAILED' && !forgives(run.definition.steps[step]!, state));
    return counts ? [id] : [];
  });
  if (run.cancelling) {
    const { reason, actor, timed_out } = run.cancelling;
    if (!timed_out) return { type: 'RunCancelled', data: { reason, actor, at: now } };
    return { type: 'RunFailed', data: { failed_steps, message: reason, at: now } };
  }
  if (failed_steps.length === 0) return { type: 'RunSucceeded', data: { at: now } };
  return { type: 'RunFailed', data: { failed_steps, at: now } };
}
