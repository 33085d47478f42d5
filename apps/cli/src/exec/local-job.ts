/** One job of a local run: its attempts, as an agent and the queue would have them. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { EnqueueJobCommand, JobSpec, LogLine } from '@hybrid/contracts';
import {
  makeAttemptFolders,
  maskedLines,
  maskedResult,
  type Masker,
  pause,
  resultOf,
  runStep,
  type Executor,
  type Secrets,
  splitLine,
  type StepContext,
  type StepResult,
  StepStopped,
  stopAfter,
} from '@hybrid/steps';
import { duration } from '../text/duration.js';
import { LocalArtifacts } from './local-artifacts.js';

/** What the queue takes where a job does not say. */
const MAX_ATTEMPTS = 3;
const TIMEOUT_SECONDS = 3_600;
const BACKOFF_SECONDS = 5;
const BACKOFF_FACTOR = 2;
const MAX_BACKOFF_SECONDS = 3_600;

export interface JobTools {
  executor: Executor;
  secrets: Secrets;
  masker: Masker;
  /** Folder of the jobs' folders. */
  jobs: string;
  /** Workspaces stay when their step has ended. */
  keep: boolean;
  /** Folder of the runs' artifacts. */
  artifacts: string;
  checkOut: StepContext['checkOut'];
  /** Added to what the pipeline gives every step. */
  env: Record<string, string>;
  /** Resolves when more lines may be written. */
  logRoom(): Promise<void>;
}

export interface JobListener {
  attemptStarted(attempt: number): void;
  /** The job is tried again. */
  attemptFailed(attempt: number, result: StepResult): void;
  line(line: LogLine & { attempt: number }): void;
}

/** The last attempt's result, masked; nothing where the job was cancelled. */
export async function runJob(
  job: EnqueueJobCommand,
  tools: JobTools,
  listener: JobListener,
  signal: AbortSignal,
): Promise<StepResult | undefined> {
  try {
    for (let attempt = 1; ; attempt++) {
      const sayOf = lineWriter(attempt, tools.masker, listener);
      listener.attemptStarted(attempt);
      const result = await runAttempt(job, attempt, tools, sayOf, signal);
      if (result.errorMessage !== undefined) sayOf('system', result.errorMessage);
      if (!isTriedAgain(job, attempt, result)) return result;
      const seconds = secondsBefore(job, attempt + 1);
      sayOf('system', `attempt ${attempt} failed; the next one begins in ${duration(seconds * 1000)}`);
      listener.attemptFailed(attempt, result);
      await pause(seconds * 1000, signal);
    }
  } catch (error) {
    if (error instanceof StepStopped) return undefined;
    throw error;
  }
}

async function runAttempt(
  job: EnqueueJobCommand,
  attempt: number,
  tools: JobTools,
  say: StepContext['log'],
  signal: AbortSignal,
): Promise<StepResult> {
  const control = new AbortController();
  const stop = (): void => control.abort(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  const folder = join(tools.jobs, `${job.job_id}-${attempt}`);
  const timeout = job.timeout_seconds ?? TIMEOUT_SECONDS;
  const callOff = stopAfter(timeout, control);
  try {
    const result = await resultOf(
      async () =>
        runStep({
          ...tools,
          ...(await makeAttemptFolders(folder)),
          job: claimed(job, attempt, timeout, tools.env),
          store: new LocalArtifacts(tools.artifacts, control.signal),
          traceparent: '',
          log: say,
          logRoom: () => tools.logRoom(),
          // Whoever runs it is at the machine that it deploys to.
          deployTo: ['*'],
          tellProgress: () => Promise.resolve(),
          signal: control.signal,
        }),
      control.signal,
      // The result says it, without secrets, and is shown.
      () => undefined,
    );
    return maskedResult(result, tools.masker);
  } finally {
    callOff();
    signal.removeEventListener('abort', stop);
    if (!tools.keep) await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** What the deployments service fills in: a pipeline that names no service deploys its own. */
function withService(step: JobSpec['step'], pipeline: string | undefined): JobSpec['step'] {
  return step.type === 'step.deploy' ? { ...step, config: { service: pipeline, ...step.config } } : step;
}

/** The job as an agent would have it. */
function claimed(
  { job_id, name, run_id, pipeline_id, spec }: EnqueueJobCommand,
  attempt: number,
  timeout_seconds: number,
  env: Record<string, string>,
): StepContext['job'] {
  return {
    id: job_id,
    status: 'CLAIMED',
    attempt,
    lease_token: '',
    claimed_lease_expires_at: '',
    name: name ?? spec.step.name,
    run_id: run_id ?? null,
    timeout_seconds,
    spec: { ...spec, step: withService(spec.step, pipeline_id), env: { ...spec.env, ...env } },
    traceparent: null,
  };
}

/** Output comes masked already; what is said about the step is masked here. */
function lineWriter(attempt: number, masker: Masker, listener: JobListener): StepContext['log'] {
  let seq = 0;
  const emit = (stream: LogLine['stream'], text: string): void =>
    listener.line({ attempt, seq: seq++, time: new Date().toISOString(), stream, text });
  return (stream, text) => {
    if (stream !== 'system') return emit(stream, text);
    for (const line of maskedLines(text, masker)) for (const piece of splitLine(line)) emit(stream, piece);
  };
}

export function isTriedAgain(job: EnqueueJobCommand, attempt: number, { exitCode }: StepResult): boolean {
  if (exitCode === 0 || attempt >= (job.max_attempts ?? MAX_ATTEMPTS)) return false;
  const codes = job.retry_on_exit_codes;
  return codes === undefined || codes.length === 0 || codes.includes(exitCode);
}

/** The queue's rule, without its share of chance: here nothing else comes back at the same moment. */
export function secondsBefore(job: EnqueueJobCommand, attempt: number): number {
  const first = job.backoff_seconds ?? BACKOFF_SECONDS;
  const factor = job.backoff_factor ?? BACKOFF_FACTOR;
  return Math.min(first * factor ** (attempt - 2), job.max_backoff_seconds ?? MAX_BACKOFF_SECONDS);
}
