/** A run that repeats another one, in whole or in part: what runs again, and what is taken over. */
import type { RetryRun } from '@hybrid/contracts';
import { reject, type Rejection } from '@hybrid/decider';
import type { Definition } from '../language/definition.js';
import type { StartRun, TakeOverSteps } from './run.commands.js';
import { sizeOf } from './run.schedule.js';
import { hasEnded, isOver, type Run } from './run.state.js';

/** Bytes of results in one append, beside which there must be room for what they lead to. */
const MAX_TAKEN_BYTES = 400_000;

export type Retry = Omit<StartRun, 'type' | 'run_id' | 'started_by' | 'now'>;

/**
 * What to start; `wanted_by` has all whose wish the run before was.
 * Rejections: run_not_over, nothing_failed, step_missing, step_not_found.
 */
export function retryOf(run: Run, { from, step }: RetryRun): Retry | Rejection {
  if (!hasEnded(run))
    return reject('run_not_over', `run ${run.run_id} is ${run.status}: cancel it, or wait for its end`);
  const { steps } = run.definition;
  const chosen = new Set<string>();
  switch (from) {
    case 'start':
      for (const { name } of steps) chosen.add(name);
      break;
    case 'failed':
      steps.forEach(({ name }, index) => {
        const instances = run.plan.instancesOf[index]!.map((instance) => run.steps[instance]!);
        if (instances.some(({ status }) => status !== 'SUCCEEDED')) chosen.add(name);
      });
      if (chosen.size === 0)
        return reject(
          'nothing_failed',
          `every step of run ${run.run_id} succeeded: repeat it as a whole, or from one of its steps`,
        );
      break;
    case 'step': {
      if (step === undefined)
        return reject('step_missing', 'say which step: {"from": "step", "step": "<name>"}', 'invalid');
      const index =
        run.plan.graph.indexOf.get(step) ?? run.plan.instances[run.plan.indexOf.get(step) ?? -1]?.step;
      if (index === undefined)
        return reject('step_not_found', `run ${run.run_id} has no step \`${step}\``, 'not_found');
      chosen.add(steps[index]!.name);
    }
  }
  const again = withAllBehind(run, chosen);
  // Whoever appended them does so again.
  const kept = steps.filter(({ name }) => !isAppendedBy(run, name, again));
  const definition: Definition = { ...run.definition, steps: kept };
  const names = new Set(kept.map(({ name }) => name));
  const appended = Object.fromEntries(Object.entries(run.appended).filter(([name]) => names.has(name)));
  const reuse = run.plan.instances
    .filter(({ step }, index) => {
      const { name } = steps[step]!;
      return names.has(name) && !again.has(name) && isOver(run.steps[index]!);
    })
    .map(({ id }) => id);
  return {
    pipeline: run.pipeline,
    pipeline_version: run.pipeline_version,
    definition,
    source: run.source,
    inputs: run.inputs,
    previous_execution_id: run.previous_execution_id,
    event: run.event ?? 'manual',
    wanted_by: [...new Set([run.started_by, ...(run.wanted_by ?? [])])],
    // Whose commits they are does not change: they wait for approval again, and get no secrets.
    ...(run.author !== undefined && { author: run.author }),
    ...(run.fork && { fork: true }),
    ...(run.pool !== undefined && { pool: run.pool }),
    retry: { of: run.run_id, reuse },
    appended,
  };
}

/** Names of the steps that run again: the chosen ones, and all that had anything from them. */
function withAllBehind(run: Run, chosen: ReadonlySet<string>): Set<string> {
  const again = new Set(chosen);
  for (let before = -1; before < again.size;) {
    before = again.size;
    for (const { name, needs } of run.definition.steps) {
      if (needs.some((need) => again.has(need))) again.add(name);
      // A step that needs one which will be appended anew must be appended anew itself.
      const by = run.appended[name];
      if (by !== undefined && needs.some((need) => isAppendedBy(run, need, again))) again.add(by);
    }
  }
  return again;
}

/** Whether the step was appended by one of these, directly or not. */
function isAppendedBy(run: Run, name: string, steps: ReadonlySet<string>): boolean {
  const seen = new Set<string>();
  for (let by = run.appended[name]; by !== undefined && !seen.has(by); by = run.appended[by]) {
    if (steps.has(by)) return true;
    seen.add(by);
  }
  return false;
}

/** The results that a run awaits of the one that it repeats, in portions that an append holds. */
export function takenOver({ awaited, retry }: Run, before: Run): TakeOverSteps['steps'][] {
  const portions: TakeOverSteps['steps'][] = [];
  let bytes = Infinity;
  for (const id of retry?.reuse ?? []) {
    if (!awaited.has(id)) continue;
    const state = before.steps[before.plan.indexOf.get(id)!]!;
    const { status, job_id, exit_code, outputs, artifacts, report, message, pulled, reused_from } = state;
    if (status === 'PENDING' || status === 'WAITING' || status === 'QUEUED' || status === 'RUNNING') continue;
    const step = {
      ...{ step_id: id, job_id, exit_code, outputs, artifacts, ...(report && { report }) },
      ...{ from: reused_from ?? before.run_id, status, message, pulled },
    };
    bytes += sizeOf({ type: 'StepReused', data: { ...step, at: '' } });
    if (bytes > MAX_TAKEN_BYTES) {
      portions.push([]);
      bytes = sizeOf({ type: 'StepReused', data: { ...step, at: '' } });
    }
    portions.at(-1)!.push(step);
  }
  return portions;
}
