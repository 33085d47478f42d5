/** Follows a run to its end. Events only say that it is time to look: what is shown comes from the run itself. */
import type { RunView, StepView, WaitReason } from '@hybrid/contracts';
import { setTimeout as pause } from 'node:timers/promises';
import type { Api, AttemptLogLine } from '../api.js';
import { patience } from '../patience.js';
import { serverEvents } from '../server-events.js';
import type { JobLogs } from './job-log.js';
import { LongWaits } from './long-waits.js';
import { isRunOver, runChanges } from './run-changes.js';

export interface RunAudience {
  begins(run: RunView): void;
  /** The whole run waits: for its concurrency group, or for somebody's approval. */
  runWaits(run: RunView): void;
  /** No agent takes the step. */
  stepWaits(step: StepView, reason: WaitReason): void;
  stepStarted(step: StepView): void;
  gateWaits(run: RunView, step: StepView): void;
  logLine(step: StepView, line: AttemptLogLine): void;
  /** Comes after the step's last line of log. */
  stepEnded(step: StepView): void;
  ends(run: RunView): void;
  note(text: string): void;
}

/** How old the picture may get when events are lost. */
const LOOK_AGAIN_MS = 2_000;
/** The last lines of a step travel on another path than its result; after this long the result is shown without them. */
const LAST_LINES_MS = 5_000;

/** Resolves with the run when it is over. Rejects with RefusedError, with UnreachableError after minutes, or when aborted. */
export async function watchRun(
  api: Api,
  logs: JobLogs,
  runId: string,
  audience: RunAudience,
  signal: AbortSignal,
): Promise<RunView> {
  const stop = new AbortController();
  const until = AbortSignal.any([signal, stop.signal]);
  const bell = alarm();
  const events = ringOnEvents(api, runId, bell.ring, until);
  const shown = new Map<string, ShownStep>();
  const calm = patience((text) => audience.note(text), until);
  const waits = new LongWaits(
    (jobId) => api.explainJob(jobId, { claims: 0 }),
    (step, reason) => audience.stepWaits(step, reason),
  );
  try {
    let run: RunView | undefined;
    while (!run || !isRunOver(run)) {
      const before = run;
      try {
        run = await api.getRun(runId);
        calm.recovered();
      } catch (error) {
        await calm.bear(error);
        continue;
      }
      if (!before) audience.begins(run);
      if (run.status === 'WAITING' && before?.status !== 'WAITING') audience.runWaits(run);
      const now = run;
      for (const { kind, step } of runChanges(before, now)) {
        if (kind === 'gate-waits') void needsShown(step, shown).then(() => audience.gateWaits(now, step));
        else if (kind === 'step-started') shown.set(step.id, showStart(logs, step, shown, audience, until));
        else shown.set(step.id, showEnd(step, shown, audience, until));
      }
      void waits.look(run.steps);
      if (!isRunOver(run)) await bell.wait(LOOK_AGAIN_MS, until);
    }
    await Promise.all([...shown.values()].map(({ ended }) => ended));
    signal.throwIfAborted();
    audience.ends(await withReports(api, run));
    return run;
  } finally {
    stop.abort();
    await Promise.allSettled([events, ...[...shown.values()].flatMap(({ log, ended }) => [log, ended])]);
  }
}

/** Steps whose reports are fetched one by one. */
const MOST_REPORTS = 20;

/** A run of many steps comes without what they reported: that of those that failed is fetched. */
export async function withReports(api: Api, run: RunView): Promise<RunView> {
  if (!run.in_short) return run;
  const failed = run.steps.filter(({ status }) => status === 'FAILED').slice(0, MOST_REPORTS);
  const whole = await Promise.all(failed.map((step) => api.getStep(run.id, step.id).catch(() => step)));
  const byId = new Map(whole.map((step) => [step.id, step]));
  return { ...run, steps: run.steps.map((step) => byId.get(step.id) ?? step) };
}

/** How far the showing of a step has come. */
interface ShownStep {
  id: string;
  name: string;
  started: Promise<void>;
  log: Promise<void>;
  ended: Promise<void>;
}

/** Resolves when the ends of the steps that `step` needs (by id, or by name for all of a matrix) are shown. */
async function needsShown(step: StepView, shown: Map<string, ShownStep>): Promise<void> {
  const needed = [...shown.values()].filter(
    ({ id, name }) => step.needs.includes(id) || step.needs.includes(name),
  );
  await Promise.all(needed.map(({ ended }) => ended));
}

/** Waits for the steps before it, whose last lines may still be on their way. */
function showStart(
  logs: JobLogs,
  step: StepView,
  shown: Map<string, ShownStep>,
  audience: RunAudience,
  signal: AbortSignal,
): ShownStep {
  const started = needsShown(step, shown).then(() => audience.stepStarted(step));
  const log = started.then(() => followStep(logs, step, audience, signal));
  return { id: step.id, name: step.name, started, log, ended: started };
}

function showEnd(
  step: StepView,
  shown: Map<string, ShownStep>,
  audience: RunAudience,
  signal: AbortSignal,
): ShownStep {
  const before = shown.get(step.id);
  const started = before?.started ?? needsShown(step, shown);
  const log = before?.log ?? started;
  const ended = started.then(() => soonEnough(log, signal)).then(() => audience.stepEnded(step));
  return { id: step.id, name: step.name, started, log, ended };
}

async function followStep(
  logs: JobLogs,
  step: StepView,
  audience: RunAudience,
  signal: AbortSignal,
): Promise<void> {
  if (step.job_id === null) return;
  try {
    await logs.follow(step.job_id, (line) => audience.logLine(step, line), signal);
  } catch (error) {
    audience.note(`the log of ${step.id} cannot be shown: ${(error as Error).message}`);
  }
}

async function soonEnough(log: Promise<void>, signal: AbortSignal): Promise<void> {
  const enough = new AbortController();
  const limit = pause(LAST_LINES_MS, undefined, { signal: AbortSignal.any([signal, enough.signal]) });
  await Promise.race([log, limit.catch(() => undefined)]);
  enough.abort();
}

async function ringOnEvents(api: Api, runId: string, ring: () => void, signal: AbortSignal): Promise<void> {
  try {
    const path = `/api/dashboard/events?run_id=${encodeURIComponent(runId)}`;
    for await (const event of serverEvents(api, path, signal)) if (event.event !== undefined) ring();
  } catch {
    // Without events the run is still looked at every LOOK_AGAIN_MS; a lasting refusal shows there.
  }
}

/** `wait` returns at the next `ring`, at once if one came since the last wait, or after a while. */
function alarm() {
  let rung = false;
  let wake: () => void = () => undefined;
  return {
    ring() {
      rung = true;
      wake();
    },
    async wait(milliseconds: number, signal: AbortSignal): Promise<void> {
      signal.throwIfAborted();
      const woken = new AbortController();
      wake = () => woken.abort();
      if (!rung) {
        await pause(milliseconds, undefined, { signal: AbortSignal.any([signal, woken.signal]) }).catch(
          () => undefined,
        );
      }
      rung = false;
      signal.throwIfAborted();
    },
  };
}
