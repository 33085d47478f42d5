/** One claimed job from its start to its result: prepares, runs the step, reports; never reports a job that was lost. */
import type { ClaimedJob, CompleteJob, StartJob } from '@hybrid/contracts';
import { withSpan } from '@hybrid/telemetry';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ArtifactStore } from './artifact-store.js';
import { pushArtifact, placeArtifacts, pullArtifact } from './artifact-steps.js';
import { pause } from './backoff.js';
import type { Executor } from './executor.js';
import { GatewayRefusal, type GatewayClient } from './gateway-client.js';
import { checkOut, publicName } from './git-checkout.js';
import { visibleControls } from './control-characters.js';
import { splitLine } from './output-lines.js';
import { LogShipper } from './log-shipper.js';
import type { Masker } from './masking.js';
import type { Notify } from './notices.js';
import type { Secrets } from './secrets.js';
import { runShellStep } from './shell-step.js';
import { StepProblem, StepStopped, type StepContext, type StepResult } from './step.js';

/** Characters; the contract's limit. */
const MESSAGE_MAX = 4000;
const TIMED_OUT = 124;
const TERMINATED = 143;
const COULD_NOT_RUN = -1;

export interface JobTools {
  gateway: GatewayClient;
  executor: Executor;
  secrets: Secrets;
  masker: Masker;
  notify: Notify;
  /** Folder of the jobs' folders. */
  workspaces: string;
}

export class JobRun {
  readonly #control = new AbortController();
  readonly #lost = new AbortController();
  readonly #folder: string;
  #traceparent = '';

  constructor(
    readonly job: ClaimedJob,
    private readonly tools: JobTools,
  ) {
    this.#folder = join(tools.workspaces, `${safeName(job.id)}-${job.attempt}`);
  }

  /** The job is someone else's now: everything is killed, nothing more is sent. */
  lose(): void {
    const reason = new StepStopped('lost', 'the job is no longer this agent’s');
    this.#lost.abort(reason);
    this.#control.abort(reason);
  }

  /** The agent ends: the step is killed and reported as failed. */
  stop(): void {
    this.#control.abort(new StepStopped('stopped', 'the agent was stopped'));
  }

  /** True when the result was accepted. Never rejects for what the job did. */
  async run(): Promise<boolean> {
    const { job } = this;
    const attributes = {
      'hybrid.job': job.id,
      'hybrid.attempt': job.attempt,
      'hybrid.step.type': job.spec.step.type,
    };
    try {
      return await withSpan(
        `step ${job.spec.step.name}`,
        { parent: job.traceparent, kind: 'consumer', attributes },
        async (span) => {
          this.#traceparent = span.traceparent;
          const result = await this.#startAndRun();
          span.set({ 'hybrid.exit_code': result.exitCode });
          await this.#complete(result);
          return true;
        },
      );
    } catch (error) {
      this.tools.notify(
        `job ${job.id}, attempt ${job.attempt}: its result is dropped: ${(error as Error).message}`,
      );
      return false;
    } finally {
      await rm(this.#folder, { recursive: true, force: true, maxRetries: 3 }).catch((error: Error) =>
        this.tools.notify(
          `the folder ${this.#folder} could not be removed (${error.message}): remove it by hand`,
        ),
      );
    }
  }

  async #startAndRun(): Promise<StepResult> {
    await this.#send('start', {});
    const shipper = new LogShipper((ndjson) => this.#sendLogs(ndjson));
    this.#lost.signal.addEventListener('abort', () => shipper.end(), { once: true });
    const over = new AbortController();
    const seconds = this.job.timeout_seconds;
    pause(seconds * 1000, over.signal).then(
      () => this.#control.abort(new StepStopped('timed_out', `timed out after ${seconds} s`)),
      () => undefined,
    );
    try {
      const result = await this.#runStep(shipper);
      if (result.errorMessage !== undefined) this.#say(shipper, result.errorMessage);
      await shipper.flush();
      this.#lost.signal.throwIfAborted();
      return result;
    } finally {
      over.abort();
    }
  }

  /** Failures of every kind become results; only a lost job throws. */
  async #runStep(shipper: LogShipper): Promise<StepResult> {
    const none = { outputs: {}, artifacts: [] };
    try {
      return await dispatch(await this.#prepare(shipper));
    } catch (error) {
      this.#lost.signal.throwIfAborted();
      const cause: unknown = this.#control.signal.aborted ? this.#control.signal.reason : error;
      if (cause instanceof StepStopped) {
        return {
          exitCode: cause.why === 'timed_out' ? TIMED_OUT : TERMINATED,
          errorMessage: cause.message,
          ...none,
        };
      }
      if (!(cause instanceof StepProblem))
        this.tools.notify(`job ${this.job.id}: ${(cause as Error).message}`);
      return { exitCode: COULD_NOT_RUN, errorMessage: (cause as Error).message, ...none };
    }
  }

  async #prepare(shipper: LogShipper): Promise<StepContext> {
    const { job, tools } = this;
    const { signal } = this.#control;
    const workspace = join(this.#folder, 'workspace');
    const scratch = join(this.#folder, 'scratch');
    await rm(this.#folder, { recursive: true, force: true });
    await mkdir(workspace, { recursive: true, mode: 0o700 });
    await mkdir(scratch, { mode: 0o700 });
    const context: StepContext = {
      ...tools,
      job,
      workspace,
      scratch,
      traceparent: this.#traceparent,
      store: new ArtifactStore(tools.gateway, scratch, this.#traceparent, signal),
      log: (stream, text) => this.#say(shipper, text, stream),
      logRoom: () => shipper.room(),
      signal,
    };
    const { source } = job.spec;
    if (source) {
      context.commit = await checkOut({ source, workspace, scratch, signal });
      context.log('system', `checked out ${context.commit} of ${publicName(source.repository)}`);
    }
    await placeArtifacts(context);
    return context;
  }

  /** Output comes masked already; what the agent itself says is masked here. */
  #say(shipper: LogShipper, text: string, stream: 'stdout' | 'stderr' | 'system' = 'system'): void {
    if (stream !== 'system') return shipper.add(stream, text);
    for (const line of this.#masked(text)) for (const piece of splitLine(line)) shipper.add(stream, piece);
  }

  #masked(text: string): string[] {
    const lines = this.tools.masker.mask(text).split(/\r\n|\n|\r/);
    return lines.map((line) => this.tools.masker.mask(visibleControls(line)));
  }

  async #complete({ exitCode, errorMessage, outputs, artifacts }: StepResult): Promise<void> {
    const { masker } = this.tools;
    const masked = Object.entries(outputs).map(([key, value]) => [key, masker.mask(value)]);
    await this.#send('complete', {
      exit_code: exitCode,
      ...(errorMessage && { error_message: this.#masked(errorMessage).join('\n').slice(0, MESSAGE_MAX) }),
      outputs: Object.fromEntries(masked) as Record<string, string>,
      artifacts,
    });
  }

  async #send(
    what: 'start' | 'complete',
    fields: Omit<CompleteJob, keyof StartJob> | Record<string, never>,
  ): Promise<void> {
    const { id, attempt, lease_token } = this.job;
    await this.tools.gateway.insist({
      method: 'PATCH',
      path: `/api/queue/jobs/${encodeURIComponent(id)}/${what}`,
      json: { attempt, lease_token, ...fields },
      headers: this.#trace(),
      signal: this.#lost.signal,
    });
  }

  async #sendLogs(ndjson: string): Promise<void> {
    const { id, attempt, lease_token } = this.job;
    try {
      await this.tools.gateway.insist({
        method: 'POST',
        path: `/api/queue/jobs/${encodeURIComponent(id)}/logs`,
        body: ndjson,
        headers: {
          'content-type': 'application/x-ndjson',
          'x-attempt': String(attempt),
          'x-lease-token': lease_token,
          ...this.#trace(),
        },
        signal: this.#lost.signal,
      });
    } catch (error) {
      if (!(error instanceof GatewayRefusal)) throw error;
      if (error.status === 409 || error.status === 404) {
        this.lose();
        throw error;
      }
      // One batch that can't be taken must not keep the result from being reported.
      this.tools.notify(`job ${id}: a part of its log was refused: ${error.message}`);
    }
  }

  #trace(): { traceparent?: string } {
    return this.#traceparent ? { traceparent: this.#traceparent } : {};
  }
}

async function dispatch(context: StepContext): Promise<StepResult> {
  const { type } = context.job.spec.step;
  if (type === 'step.shell_exec') return runShellStep(context);
  if (type === 'step.artifact_push') return pushArtifact(context);
  if (type === 'step.artifact_pull') return pullArtifact(context);
  throw new StepProblem(
    `this agent cannot run steps of type ${type}: it knows step.shell_exec, step.artifact_push and step.artifact_pull`,
  );
}

/** Ids come from outside; as a folder's name they must not lead anywhere. */
function safeName(id: string): string {
  return id.replace(/[^A-Za-z0-9-]/g, '_').slice(0, 100);
}
