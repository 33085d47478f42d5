/**
 * Tells the forge of a repository how its commit fares, from here, so that the token stays with the customer. Best effort:
 * what cannot be told is a notice of the agent and never a failure of the step.
 */
import type { ClaimedJob } from '@hybrid/contracts';
import { pause } from '@hybrid/steps';
import { FORGES, repositoryOf, statusRequest, type ForgeSettings, type StatusState } from './forges.js';
import { exchange, readText } from './http-exchange.js';
import type { Notify } from './notices.js';

/** Milliseconds. */
const ANSWER_MS = 15_000;
const PAUSES_MS = [1_000, 5_000, 15_000];
/** Longer limits of a forge are not waited for: the next state comes before. */
const LIMIT_MS = 60_000;
const ANSWER_MAX = 64 * 1024;
const FULL_SHA = /^([0-9a-f]{40}|[0-9a-f]{64})$/;

export interface CommitStatusesOptions {
  /** By host of the repository. */
  forges: Record<string, ForgeSettings>;
  secret(name: string, signal: AbortSignal): Promise<string>;
  notify: Notify;
  /** Milliseconds between tries. */
  pausesMs?: readonly number[];
}

export class CommitStatuses {
  readonly #sending = new Set<Promise<void>>();

  constructor(private readonly options: CommitStatusesOptions) {}

  /** Of one attempt; nothing where its repository's host has no forge in the settings. */
  of(job: ClaimedJob): CommitStatus | undefined {
    const repository = job.spec.source && repositoryOf(job.spec.source.repository);
    const forge = repository && this.options.forges[repository.host];
    if (!forge) return undefined;
    const { path } = repository;
    return new CommitStatus(
      job,
      (commit, state, latest) => this.#send({ job, forge, path, commit, state, latest }),
      (sending) => {
        this.#sending.add(sending);
        void sending.then(() => this.#sending.delete(sending));
      },
    );
  }

  /** Resolves when everything is told, or given up. */
  async settled(): Promise<void> {
    while (this.#sending.size > 0) await Promise.all(this.#sending);
  }

  async #send(told: Told): Promise<void> {
    const { forge, job } = told;
    const pauses = this.options.pausesMs ?? PAUSES_MS;
    try {
      for (const pauseMs of [...pauses, undefined]) {
        const again = await this.#sendOnce(told);
        if (again === undefined || !told.latest()) return;
        if (pauseMs === undefined || (again.afterMs ?? 0) > LIMIT_MS) throw new Error(again.why);
        await pause(Math.max(pauseMs, again.afterMs ?? 0));
      }
    } catch (error) {
      this.options.notify(
        `the status of job ${job.id} could not be told to ${FORGES[forge.kind].name}: ${(error as Error).message}`,
      );
    }
  }

  /** Nothing when it was told; else why not, and when it may be tried again. Throws what will not pass. */
  async #sendOnce({
    forge,
    path,
    commit,
    state,
    job,
  }: Told): Promise<{ why: string; afterMs?: number } | undefined> {
    const token = await this.options.secret(forge.token, AbortSignal.timeout(ANSWER_MS));
    const { url, headers, body } = statusRequest(forge, token, { path, commit, state, job });
    let status: number;
    let afterMs: number | undefined;
    let said: string;
    try {
      const response = await exchange({ method: 'POST', url, headers, body, idleMs: ANSWER_MS });
      status = response.statusCode ?? 0;
      afterMs = waitMs(response.headers);
      said = await readText(response, ANSWER_MAX);
    } catch (error) {
      return { why: (error as Error).message };
    }
    if (status >= 200 && status < 300) return undefined;
    // GitLab refuses a state that the commit has already.
    if (status === 400 && said.includes('Cannot transition status')) return undefined;
    const why = `${url.host} answers ${status}: ${messageOf(said)}`.replaceAll(token, '***');
    if (status === 429 || status >= 500 || (status === 403 && afterMs !== undefined)) return { why, afterMs };
    throw new Error(why);
  }
}

interface Told {
  forge: ForgeSettings;
  path: string;
  job: ClaimedJob;
  commit: string;
  state: StatusState;
  /** False once a later state is to be told. */
  latest(): boolean;
}

/** One after the other, and of those that wait the last alone. */
export class CommitStatus {
  #state: StatusState | undefined;
  #commit: string | undefined;
  #busy = false;

  constructor(
    job: ClaimedJob,
    /** Never rejects. */
    private readonly send: (commit: string, state: StatusState, latest: () => boolean) => Promise<void>,
    private readonly track: (sending: Promise<void>) => void,
  ) {
    this.#commit = job.spec.source?.commit;
  }

  /** `commit`: what was checked out, where that is known. */
  tell(state: StatusState, commit?: string): void {
    this.#state = state;
    this.#commit = commit ?? this.#commit;
    if (!this.#busy) this.track(this.#sendAll());
  }

  async #sendAll(): Promise<void> {
    this.#busy = true;
    while (this.#state !== undefined && this.#commit !== undefined && FULL_SHA.test(this.#commit)) {
      const state = this.#state;
      this.#state = undefined;
      await this.send(this.#commit, state, () => this.#state === undefined);
    }
    this.#busy = false;
  }
}

/** What the forge says of its limits, in milliseconds from now. */
function waitMs(headers: NodeJS.Dict<string | string[]>): number | undefined {
  const after = Number(headers['retry-after']);
  if (headers['retry-after'] !== undefined && Number.isFinite(after)) return after * 1000;
  const reset = Number(headers['x-ratelimit-reset']);
  if (headers['x-ratelimit-remaining'] === '0' && Number.isFinite(reset))
    return Math.max(0, reset * 1000 - Date.now());
  return undefined;
}

function messageOf(body: string): string {
  try {
    const { message } = JSON.parse(body) as { message?: unknown };
    return (typeof message === 'string' ? message : JSON.stringify(message ?? '')).slice(0, 200);
  } catch {
    return 'no reason';
  }
}
