/** How a run begins: at once, when its concurrency group lets it, or with results of the run that it repeats. */
import { isDeepStrictEqual } from 'node:util';
import { reject, type Rejection } from '@hybrid/decider';
import { resolveInputs } from '../language/inputs.js';
import { render, TemplateError } from '../language/template.js';
import type { ReleaseRun, StartRun, TakeOverSteps } from './run.commands.js';
import type { RunEvent } from './run.events.js';
import { advance } from './run.schedule.js';
import { evolve, type Run, type RunState } from './run.state.js';
import { runValues } from './run.values.js';

/** The definition and its inputs go into one event, beside which the first jobs must find room in the append. */
const MAX_START_BYTES = 600_000;
const MAX_GROUP = 200;

export function startRun({ type: _, now, ...given }: StartRun, state: RunState): RunEvent[] | Rejection {
  const resolved = resolveInputs(given.definition.inputs, given.inputs);
  if ('errors' in resolved) return reject('inputs_invalid', resolved.errors.join('; '), 'invalid');
  if (state.status !== 'NONE') {
    if (isDeepStrictEqual(wish(state), wish({ ...given, inputs: resolved.inputs }))) return [];
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
  const run = evolve(state, started) as Run;
  const group = groupOf(run);
  if (typeof group === 'object') return group;
  if (given.fork) return [started, { type: 'RunHeld', data: { at: now } }];
  return begin(run, started, group, now);
}

/** At once, or when its concurrency group lets it. */
export function begin(run: Run, first: RunEvent, group: string, now: string): RunEvent[] {
  if (group === '') return [first, ...advance(run, [first], now)];
  const { cancel_in_progress } = run.definition.concurrency!;
  return [first, { type: 'RunWaiting', data: { group, cancel_in_progress, at: now } }];
}

/** What tells a repeated start from another one. */
function wish({
  pipeline,
  pipeline_version,
  source,
  inputs,
  retry,
}: Pick<StartRun, 'pipeline' | 'pipeline_version' | 'source' | 'inputs' | 'retry'>) {
  return { pipeline, pipeline_version, source, inputs, retry };
}

/** Empty: the run waits for nobody. */
export function groupOf(run: Run): string | Rejection {
  const { concurrency } = run.definition;
  if (!concurrency) return '';
  const invalid = (why: string) =>
    reject('concurrency_group_invalid', `concurrency.group \`${concurrency.group}\`: ${why}`, 'invalid');
  try {
    const group = render(concurrency.group, runValues(run)).trim();
    return group.length > MAX_GROUP ? invalid(`has more than ${MAX_GROUP} characters`) : group;
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    return invalid(error.message);
  }
}

export function releaseRun({ now }: ReleaseRun, run: Run): RunEvent[] {
  if (run.status !== 'WAITING' || run.held) return [];
  const released: RunEvent = { type: 'RunReleased', data: { at: now } };
  return [released, ...advance(evolve(run, released) as Run, [released], now)];
}

/** What is not awaited any more is passed over. */
export function takeOver({ steps, now }: TakeOverSteps, run: Run): RunEvent[] {
  if (run.status !== 'WAITING' && run.status !== 'RUNNING') return [];
  const reused = steps
    .filter(({ step_id }) => run.awaited.has(step_id))
    .map((data): RunEvent => ({ type: 'StepReused', data: { ...data, at: now } }));
  return [...reused, ...advance(reused.reduce(evolve, run) as Run, reused, now)];
}
