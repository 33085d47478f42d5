/** One claimed job from its start to its outcome on disk: prepares, runs the step, ends the log. The delivery tells the gateway. */
import type { ClaimedJob } from '@hybrid/contracts';
import {
  COULD_NOT_RUN,
  type CachePlace,
  commitOnRef,
  type Executor,
  makeAttemptFolders,
  maskedLines,
  maskedResult,
  type Masker,
  type Progress,
  resultOf,
  runStep,
  type SecretStore,
  type SourceSettings,
  splitLine,
  type StepContext,
  type StepResult,
  StepStopped,
  stopAfter,
} from '@hybrid/steps';
import type { ObjectStore } from '@hybrid/stores';
import { withSpan } from '@hybrid/telemetry';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { AttemptLog } from './attempt-log.js';
import type { CommitStatus, CommitStatuses } from './commit-status.js';
import { Delivery, type Delivered } from './delivery.js';
import type { GatewayClient } from './gateway-client.js';
import { GatewayArtifacts } from './gateway-artifacts.js';
import type { Notify } from './notices.js';
import type { Sealing } from './sealing.js';
import { safeName, type Outcome, type Spool } from './spool.js';
import type { JobTrust } from './trust.js';

/** Characters; the contract's limit. */
const PROGRESS_MAX = 200;

export interface JobTools {
  gateway: GatewayClient;
  executor: Executor;
  secrets: SecretStore;
  sources: SourceSettings;
  statuses: CommitStatuses;
  masker: Masker;
  notify: Notify;
  spool: Spool;
  /** The customer's own store of artifacts, if there is one. */
  artifacts?: ObjectStore;
  caches?: CachePlace;
  sealing: Sealing;
  /** Where it believes customers' keys, and not the control plane. */
  trust?: JobTrust;
  /** Environments that its steps may deploy to. */
  deployTo: readonly string[];
  /** Folder of the jobs' folders. */
  workspaces: string;
}

export class JobRun {
  readonly #control = new AbortController();
  readonly #folder: string;
  readonly #status: CommitStatus | undefined;
  #delivery: Delivery | null = null;
  #context: StepContext | null = null;
  #trusted: boolean;
  #ended: () => void = () => undefined;
  /** Resolves when nothing of the job runs any more and its outcome is on disk, or is not wanted. */
  readonly ended = new Promise<void>((resolve) => (this.#ended = resolve));

  constructor(
    readonly job: ClaimedJob,
    private readonly agentId: string,
    private readonly tools: JobTools,
  ) {
    this.#folder = join(tools.workspaces, `${safeName(job.id)}-${job.attempt}`);
    this.#trusted = tools.trust === undefined;
    // Its token is the customer's, and the commit is not.
    this.#status = job.spec.untrusted ? undefined : tools.statuses.of(job);
  }

  /** The heartbeat says that the job is someone else's now: its processes are ended, nothing more is sent. */
  lose(): boolean {
    return this.#delivery?.lose() ?? false;
  }

  drop(reason: string): void {
    this.#delivery?.drop(reason);
  }

  /** The agent ends: the step's processes are ended and the job is given back unfinished. */
  handBack(): void {
    this.#control.abort(new StepStopped('handed_back', 'the agent was stopped'));
  }

  /** The process ends: what the gateway has not accepted yet stays on disk. */
  leave(): void {
    this.#delivery?.leave();
  }

  /** Never rejects for what the job did. */
  async run(): Promise<Delivered> {
    const { job } = this;
    const attributes = {
      'hybrid.job': job.id,
      'hybrid.attempt': job.attempt,
      'hybrid.step.type': job.spec.step.type,
    };
    return withSpan(
      `step ${job.spec.step.name}`,
      { parent: job.traceparent, kind: 'consumer', attributes },
      async (span) => {
        try {
          return await this.#run(span.traceparent, (exitCode) => span.set({ 'hybrid.exit_code': exitCode }));
        } finally {
          this.#ended();
        }
      },
    );
  }

  async #run(traceparent: string, tellExitCode: (exitCode: number) => void): Promise<Delivered> {
    const { job, tools, agentId } = this;
    const { id: job_id, attempt, lease_token } = job;
    const key = { agent_id: agentId, job_id, attempt, lease_token, traceparent };
    const spooled = await tools.spool.begin(key).catch((error: Error) => this.#refuse(error));
    if (!spooled) return 'dropped';
    const delivery = (this.#delivery = new Delivery(
      spooled,
      tools.gateway,
      tools.notify,
      tools.sealing.logs,
    ));
    delivery.signal.addEventListener('abort', () => this.#control.abort(delivery.signal.reason), {
      once: true,
    });
    try {
      await this.#start(traceparent);
      if (!tools.trust) this.#status?.tell('pending');
    } catch (error) {
      // A refused start is final. One that was broken off is handed back.
      if (!this.#control.signal.aborted) delivery.drop((error as Error).message);
    }
    const delivered = delivery.run();
    const outcome = await this.#outcome(spooled.log, traceparent);
    if (outcome?.what === 'complete') {
      tellExitCode(outcome.body.exit_code);
      if (this.#trusted) this.#status?.tell(stateOf(outcome.body.exit_code), this.#context?.commit);
    }
    const cleanedUp = this.#cleanUp();
    if (outcome) await spooled.end(outcome);
    this.#ended();
    await cleanedUp;
    return delivered;
  }

  /** The job runs only when the gateway has said that its lease is this agent's: tried until there is an answer. */
  async #start(traceparent: string): Promise<void> {
    const { id, attempt, lease_token } = this.job;
    await this.tools.gateway.insist({
      method: 'PATCH',
      path: `/api/queue/jobs/${encodeURIComponent(id)}/start`,
      json: { attempt, lease_token },
      headers: trace(traceparent),
      signal: this.#control.signal,
    });
  }

  /** Nothing where the job is lost: then nobody wants to hear of it. */
  async #outcome(log: AttemptLog, traceparent: string): Promise<Outcome | undefined> {
    const callOff = stopAfter(this.job.timeout_seconds, this.#control);
    try {
      const result = await this.#runStep(log, traceparent);
      if (result.errorMessage !== undefined) this.#say(log, result.errorMessage);
      return { what: 'complete', body: this.#masked(result) };
    } catch (error) {
      if (!(error instanceof StepStopped)) throw error;
      if (error.why !== 'handed_back') return undefined;
      this.#say(log, `handed back: ${error.message}`);
      return { what: 'release', body: { reason: error.message } };
    } finally {
      callOff();
    }
  }

  #runStep(log: AttemptLog, traceparent: string): Promise<StepResult> {
    const { job, tools } = this;
    return resultOf(
      async () => {
        this.#context = await this.#prepare(log, traceparent);
        return runStep(this.#context);
      },
      this.#control.signal,
      (text) => tools.notify(`job ${job.id}: ${text}`),
    );
  }

  async #prepare(log: AttemptLog, traceparent: string): Promise<StepContext> {
    const { job, tools } = this;
    const { signal } = this.#control;
    const attempt = {
      'x-job-id': job.id,
      'x-attempt': String(job.attempt),
      'x-lease-token': job.lease_token,
    };
    // Before that its own token goes nowhere, and says nothing.
    if (tools.trust) {
      await tools.trust.check(job, attempt, signal);
      this.#trusted = true;
      this.#status?.tell('pending');
    }
    const { workspace, scratch } = await makeAttemptFolders(this.#folder);
    return {
      ...tools,
      ...(await this.#secretsFor(job, scratch)),
      workspace,
      scratch,
      traceparent,
      store: new GatewayArtifacts(
        tools.gateway,
        scratch,
        { ...attempt, ...trace(traceparent) },
        signal,
        tools.sealing.artifacts,
        tools.artifacts,
      ),
      log: (stream, text) => this.#say(log, text, stream),
      tellProgress: (progress) => this.#tellProgress(progress, traceparent),
      logRoom: (until) => log.room(until),
      signal,
    };
  }

  /** The secrets that the step names, and the job at the commit that was proven to be on its branch, where that was asked. */
  async #secretsFor(job: ClaimedJob, scratch: string): Promise<Pick<StepContext, 'secrets' | 'job'>> {
    const { secrets, sources: settings } = this.tools;
    const { signal } = this.#control;
    const { source, untrusted } = job.spec;
    let proven = job;
    const proveRef = async (): Promise<void> => {
      if (!source) return;
      const commit = await commitOnRef({ source, scratch, settings, signal });
      // A branch may go on, and a tag of its name may come, until it is checked out.
      proven = { ...job, spec: { ...job.spec, source: { ...source, commit } } };
    };
    const asker = { pipeline: job.pipeline_id ?? undefined, ref: source?.ref, untrusted, proveRef };
    return { secrets: await secrets.forStep(job.spec, asker, signal), job: proven };
  }

  async #tellProgress({ percent, message }: Progress, traceparent: string): Promise<void> {
    const { id, attempt, lease_token } = this.job;
    const masked = message && maskedLines(message, this.tools.masker).join(' ').slice(0, PROGRESS_MAX);
    await this.tools.gateway.call({
      method: 'PATCH',
      path: `/api/queue/jobs/${encodeURIComponent(id)}/progress`,
      json: { attempt, lease_token, percent, message: masked },
      headers: trace(traceparent),
      signal: this.#control.signal,
    });
  }

  /** Output comes masked already; what the agent itself says is masked here. */
  #say(log: AttemptLog, text: string, stream: 'stdout' | 'stderr' | 'system' = 'system'): void {
    if (stream !== 'system') return log.add(stream, text);
    for (const line of maskedLines(text, this.tools.masker))
      for (const piece of splitLine(line)) log.add(stream, piece);
  }

  #masked(result: StepResult): (Outcome & { what: 'complete' })['body'] {
    const { exitCode, errorMessage, ...rest } = maskedResult(result, this.tools.masker);
    return { exit_code: exitCode, ...(errorMessage && { error_message: errorMessage }), ...rest };
  }

  async #cleanUp(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 3 }).catch((error: Error) =>
      this.tools.notify(
        `the folder ${this.#folder} could not be removed (${error.message}): remove it by hand`,
      ),
    );
  }

  /** Where nothing can be kept nothing is run: another agent may have the job. */
  async #refuse(cause: Error): Promise<undefined> {
    const { id, attempt, lease_token } = this.job;
    const reason = `its agent has no place to keep the result (${(cause as NodeJS.ErrnoException).code})`;
    this.tools.notify(`job ${id}, attempt ${attempt} is handed back: ${cause.message}`);
    const path = `/api/queue/jobs/${encodeURIComponent(id)}/release`;
    await this.tools.gateway
      .call({ method: 'POST', path, json: { attempt, lease_token, reason } })
      .catch(() => undefined);
  }
}

function stateOf(exitCode: number): 'success' | 'failure' | 'error' {
  if (exitCode === 0) return 'success';
  return exitCode === COULD_NOT_RUN ? 'error' : 'failure';
}

function trace(traceparent: string): { traceparent?: string } {
  return traceparent ? { traceparent } : {};
}
