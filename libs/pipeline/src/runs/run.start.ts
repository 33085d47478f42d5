/** How a run begins: at once, when its concurrency group lets it, or with results of the run that it repeats. */
import { isDeepStrictEqual } from 'node:util';
import { reject, type Rejection } from '@hybrid/decider';
import { resolveInputs } from '../language/inputs.js';
import { render, TemplateError } from '../language/template.js';
import type { ApproveRun, ReleaseRun, StartRun, TakeOverSteps } from './run.commands.js';
import type { RunEvent } from './run.events.js';
import { advance } from './run.schedule.js';
import { evolve, hasEnded, type Run, type RunState } from './run.state.js';
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
function begin(run: Run, first: RunEvent, group: string, now: string): RunEvent[] {
  if (group === '') return [first, ...advance(run, [first], now)];
  const { cancel_in_progress } = run.definition.concurrency!;
  return [first, { type: 'RunWaiting', data: { group, cancel_in_progress, at: now } }];
}

/** Rejections: run_needs_person, run_finished, run_not_held, own_run. */
export function approveRun({ person, now }: ApproveRun, run: Run): RunEvent[] | Rejection {
  if (!person)
    return reject(
      'run_needs_person',
      'a run is approved by a person who is signed in, not by an API key: use `hybrid login`, or the dashboard',
      'forbidden',
    );
  if (run.approved_by === person.user_id) return [];
  if (hasEnded(run)) return reject('run_finished', `the run ended at ${run.completed_at}`);
  if (!run.held)
    return reject(
      'run_not_held',
      run.approved_by === null
        ? 'the run waits for nobody: only runs of commits from a fork do'
        : `${run.approved_by} has approved it already`,
    );
  if (isWishOf(run, person))
    return reject(
      'own_run',
      'whoever wrote the commits or started the run does not approve it: somebody else has to',
      'forbidden',
    );
  const approved: RunEvent = { type: 'RunApproved', data: { by: person.user_id, at: now } };
  const begun = evolve(run, approved) as Run;
  const group = groupOf(begun);
  return typeof group === 'object' ? group : begin(begun, approved, group, now);
}

/** Logins at the host are not ours: one that is the name of the e-mail address counts, too. */
function isWishOf(
  { started_by, wanted_by = [], author }: Run,
  { user_id, email }: { user_id: string; email: string | null },
): boolean {
  if ([started_by, ...wanted_by].includes(user_id)) return true;
  const names = [user_id, email, email?.split('@')[0]].map((name) => name?.toLowerCase());
  return author !== undefined && names.includes(author.toLowerCase());
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
function groupOf(run: Run): string | Rejection {
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
