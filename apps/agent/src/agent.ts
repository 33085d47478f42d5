/** The agent at work: one registration at a time; heartbeats, claims, and the jobs between their claim and their last word. */
import { Backoff, type DataDirectory } from '@hybrid/steps';
import {
  UNTRUSTED_JOBS,
  type ClaimedJob,
  type HeartbeatAnswer,
  type RegisterAgent,
  type RegisteredAgent,
  type RunningJob,
  type SetAgentStatus,
} from '@hybrid/contracts';
import { Attempts } from './attempts.js';
import { Claims } from './claims.js';
import { Delivery } from './delivery.js';
import { drain } from './drain.js';
import type { AgentHealth } from './health-server.js';
import { Heartbeats } from './heartbeats.js';
import { JobRun, type JobTools } from './job-run.js';
import {
  fits,
  forgetCredential,
  keepCredential,
  register,
  RegistrationError,
  storedCredential,
  type Credential,
} from './registration.js';
import { Vouching, VOUCHING_MAX_MS } from './vouching.js';
import type { WorkloadIdentity } from './workload-identity.js';

/** Milliseconds for telling a status when it ends. */
const STATUS_MS = 2_000;
/** Milliseconds; timers cannot be longer than about 24 days. */
const TIMER_MAX_MS = 86_400_000;
/** A file that is there from telling DRAINING to telling OFFLINE: an agent that was killed between must not drain for ever. */
const STOPPING = 'stopping';
const GETS_NO_FORKS =
  'this agent registered before its version knew jobs of forks, and is given none: to have it take them, deregister it ' +
  '(hybrid agent deregister) and start it with a join token';

export interface AgentOptions extends JobTools {
  data: DataDirectory;
  joinToken?: string;
  /** In place of a join token. */
  workload?: WorkloadIdentity;
  registration: RegisterAgent & { pool: string; capacity: number };
  /** When it is stopped: seconds that running jobs may take to end; they are handed back after that. */
  drainTimeoutSeconds: number;
  /** Ends after so many jobs. */
  jobs: number;
  /** Ends after so many seconds without a job. */
  idleSeconds: number;
  /** Takes no job while less is free on the data directory's disk. */
  minFreeDiskBytes: number;
  /** Called for each registration, when the gateway has accepted its first heartbeat. */
  onReady(agentId: string): void;
  /** Called for each registration, while nothing runs. */
  sweep(agentId: string): Promise<void>;
}

export class Agent {
  readonly #stopping = new AbortController();
  readonly #attempts: Attempts;
  #heartbeats: Heartbeats | null = null;
  #claims: Claims | null = null;
  #agentId = '';
  #registered: Credential['registered'] = {};
  #rotating = false;
  readonly #vouching: Vouching | undefined;
  /** From one refusal of its credential to the next, without an accepted heartbeat between. */
  readonly #refusals = new Backoff(VOUCHING_MAX_MS);
  /** Why it takes no new jobs. */
  readonly #held = new Map<'status' | 'disk', string>();

  constructor(private readonly options: AgentOptions) {
    this.#attempts = new Attempts(options.notify);
    const { workload } = options;
    this.#vouching = workload && new Vouching({ ...options, workload });
  }

  /** Ends the claims; `run` resolves when the running jobs have ended or were handed back. */
  stop(): void {
    this.#stopping.abort(new Error('the agent is stopping'));
  }

  get health(): AgentHealth {
    return {
      ready: this.#heartbeats?.fresh ?? false,
      held: [...this.#held.values()],
      capacity: this.options.registration.capacity,
      running: this.#attempts.taken,
      completed: this.#attempts.accepted,
      undelivered: this.#attempts.size - this.#attempts.taken,
      spool_bytes: this.options.spool.room.used,
    };
  }

  /** Works until stopped, or until it has had its jobs. Throws RegistrationError when the control plane does not want this agent. */
  async run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      try {
        await this.#join();
      } catch (error) {
        if (this.#stopping.signal.aborted && !(error instanceof RegistrationError)) return;
        throw error;
      }
      await this.#resend();
      let refusal = await this.#work();
      while (refusal && (await this.#vouchedForAgain(refusal))) refusal = await this.#work();
      if (!refusal) return;
      await this.#forget();
    }
  }

  async #join(): Promise<void> {
    const { gateway, data, registration, notify } = this.options;
    const stored = await storedCredential(data);
    const holds = stored && !this.#vouching && fits(stored, registration);
    const credential = holds ? stored : await this.#register(stored);
    this.#agentId = credential.agent_id;
    this.#registered = credential.registered;
    if (!credential.registered.capabilities?.includes(UNTRUSTED_JOBS)) notify(GETS_NO_FORKS);
    gateway.token = credential.credential;
    if ((await data.read(STOPPING)) !== undefined) await this.#tell('OFFLINE', this.#stopping.signal);
    await this.options.sweep(this.#agentId);
  }

  /** @param before the agent that it was, with another pool, other labels or capabilities, or by another trust rule. */
  async #register(before: Credential | undefined): Promise<Credential> {
    const { gateway, data, joinToken, registration, notify } = this.options;
    if (before && !joinToken && !this.#vouching)
      throw new RegistrationError(
        'pool, labels or capabilities are not those that this agent is registered with: start it with a join token (--join-token-file), or with the settings of before',
      );
    const { signal } = this.#stopping;
    const credential = this.#vouching
      ? await this.#vouching.register(signal)
      : await register(gateway, data, joinToken, registration, signal);
    notify(`registered as ${credential.agent_id} in pool ${registration.pool}`);
    if (!before || before.agent_id === credential.agent_id) return credential;
    notify(`${before.agent_id} was this agent before: deregistering it`);
    gateway.token = before.credential;
    const path = `/api/agents/${encodeURIComponent(before.agent_id)}/deregister`;
    await gateway
      .insist({ method: 'POST', path, json: {}, signal: AbortSignal.timeout(STATUS_MS) })
      .catch((error: Error) => notify(`it could not be deregistered: ${error.message}`));
    return credential;
  }

  /** Its credential is refused: with its platform's token it may be the same agent again, and its jobs go on. */
  async #vouchedForAgain(refusal: Error): Promise<boolean> {
    const { gateway, notify } = this.options;
    if (!this.#vouching) return false;
    const { signal } = this.#stopping;
    notify(`${refusal.message}; registering with the token of its platform again`);
    try {
      await this.#refusals.pause(signal);
      const { agent_id, credential } = await this.#vouching.register(signal);
      if (agent_id === this.#agentId) gateway.token = credential;
      return agent_id === this.#agentId;
    } catch (error) {
      await this.#attempts.dropAll('the gateway no longer takes this agent');
      if (signal.aborted && !(error instanceof RegistrationError)) return false;
      throw error;
    }
  }

  /** Resolves with why the gateway no longer takes the credential: then it may register anew; null: it is over. */
  async #work(): Promise<Error | null> {
    const refused = new AbortController();
    const over = new AbortController();
    const { signal: stopping } = this.#stopping;
    const claiming = new AbortController();
    const refuse = (reason: Error): void => refused.abort(reason);
    const claims = (this.#claims = this.#newClaims(refuse));
    const heartbeats = (this.#heartbeats = this.#newHeartbeats(refuse));
    const renewing = this.#vouching?.keep(
      this.#agentId,
      AbortSignal.any([over.signal, refused.signal]),
      refuse,
    );
    const beating = heartbeats.run(AbortSignal.any([over.signal, refused.signal]));
    const claimed = claims.run(claiming.signal);
    const ended = this.#hadItsJobs(claimed, AbortSignal.any([over.signal, refused.signal, stopping]));
    await Promise.race([ended, beating, aborted(AbortSignal.any([refused.signal, stopping]))]);
    claiming.abort();

    const refusal = refused.signal.aborted ? (refused.signal.reason as Error) : null;
    if (!refusal && stopping.aborted) await this.#drain();
    else if (!refusal) await this.#deregister();
    over.abort();
    await Promise.all([claimed, beating, renewing, ended]);
    if (stopping.aborted && !refused.signal.aborted)
      await this.#tell('OFFLINE', AbortSignal.timeout(STATUS_MS));
    return refusal;
  }

  #newClaims(refused: (refusal: Error) => void): Claims {
    const { gateway, registration, jobs, notify } = this.options;
    const { pool, labels, capabilities } = this.#registered;
    return new Claims({
      gateway,
      claimant: { agent_id: this.#agentId, pool, labels, capabilities },
      capacity: registration.capacity,
      jobs,
      taken: () => this.#attempts.taken,
      freed: this.#attempts.over,
      take: (job) => this.#take(job),
      refused,
      notify,
    });
  }

  #newHeartbeats(refused: (refusal: Error) => void): Heartbeats {
    const { gateway, data, notify } = this.options;
    let ready = false;
    return new Heartbeats({
      gateway,
      agentId: this.#agentId,
      dataPath: data.path,
      running: () => this.#attempts.vouchedFor(),
      completed: () => this.#attempts.accepted,
      disk: (freeBytes) => this.#watchDisk(freeBytes),
      accepted: (reply, reported) => {
        if (!ready) this.options.onReady(this.#agentId);
        ready = true;
        this.#refusals.reset();
        this.#hear(reply, reported);
      },
      refused,
      notify,
    });
  }

  #take(job: ClaimedJob): void {
    this.options.notify(`job ${job.id}, attempt ${job.attempt}: ${job.name}`);
    // What a step registers is masked in its own texts alone.
    const masker = this.options.masker.child();
    this.#attempts.run(new JobRun(job, this.#agentId, { ...this.options, masker }));
  }

  /** What ended in an earlier life of this agent, and may not have been heard. */
  async #resend(): Promise<void> {
    const { gateway, spool, notify } = this.options;
    for (const spooled of await spool.left(this.#agentId)) {
      const { job_id, attempt } = spooled.key;
      notify(`job ${job_id}, attempt ${attempt}: it ended before this agent was started: sending its result`);
      this.#attempts.resend(
        { job_id, attempt },
        new Delivery(spooled, gateway, notify, this.options.sealing.logs),
      );
    }
  }

  #hear({ status, lost, rotate_credential }: HeartbeatAnswer, reported: RunningJob[]): void {
    if (rotate_credential && this.#vouching) this.#vouching.renew();
    else if (rotate_credential && !this.#rotating) void this.#rotate();
    // What it is called while it stops is its own doing.
    if (status === 'HEALTHY') this.#hold('status', null);
    else if (['DRAINING', 'UNHEALTHY'].includes(status) && !this.#stopping.signal.aborted)
      this.#hold('status', `the control plane calls this agent ${status}`);
    this.#claims?.hold(this.#held.size > 0);
    this.#attempts.lose(lost, reported);
  }

  /** On disk first, then in use; what is under way goes on with the credential before. */
  async #rotate(): Promise<void> {
    const { gateway, data, notify } = this.options;
    const agent_id = this.#agentId;
    const path = `/api/agents/${encodeURIComponent(agent_id)}/credential`;
    this.#rotating = true;
    try {
      const next = await gateway.call<RegisteredAgent>({ method: 'POST', path, json: {} });
      if (agent_id !== this.#agentId) return;
      gateway.token = (await keepCredential(data, next, this.#registered)).credential;
      notify('got another credential, as the control plane wishes');
    } catch (error) {
      notify(
        `another credential is wanted, and could not be had (${(error as Error).message}): trying again`,
      );
    } finally {
      this.#rotating = false;
    }
  }

  #watchDisk(freeBytes: number): void {
    const { minFreeDiskBytes, data } = this.options;
    const low = freeBytes < minFreeDiskBytes;
    const reason = `${megabytes(freeBytes)} MB are free on the disk of ${data.path}, fewer than ${megabytes(minFreeDiskBytes)} (--min-free-disk-mb)`;
    this.#hold('disk', low ? reason : null);
    // Only a heartbeat that was accepted lets it claim.
    if (low) this.#claims?.hold(true);
  }

  /** Says so once. */
  #hold(why: 'status' | 'disk', reason: string | null): void {
    const { notify } = this.options;
    if (reason !== null && !this.#held.has(why))
      notify(`${reason}: taking no new jobs until that has changed`);
    if (reason !== null) this.#held.set(why, reason);
    else if (this.#held.delete(why) && this.#held.size === 0) notify('taking jobs again');
  }

  /** Resolves when it shall end by itself: it has had all its jobs, or none for long enough. */
  async #hadItsJobs(claimed: Promise<void>, signal: AbortSignal): Promise<void> {
    const attempts = this.#attempts;
    let all = false;
    void claimed.then(() => {
      all = true;
      attempts.over.ring();
    });
    const since = performance.now();
    while (!signal.aborted) {
      const busy = attempts.size > 0;
      const idleMs = Math.min(attempts.idleMs, performance.now() - since);
      const left = this.options.idleSeconds * 1000 - idleMs;
      if (!busy && (all || left <= 0)) return;
      const ms = busy || left === Infinity ? undefined : Math.min(left + 1, TIMER_MAX_MS);
      await attempts.over.wait({ signal, ms });
    }
  }

  async #forget(): Promise<void> {
    const { joinToken, workload, notify, data } = this.options;
    const dropped = this.#attempts.dropAll('the gateway no longer knows this agent');
    notify(
      joinToken || workload
        ? 'the gateway no longer knows this agent: registering anew'
        : 'the gateway no longer knows this agent: start it with a join token (--join-token-file)',
    );
    await forgetCredential(data);
    await dropped;
  }

  async #drain(): Promise<void> {
    const { notify, drainTimeoutSeconds } = this.options;
    const { taken } = this.#attempts;
    notify(
      drainTimeoutSeconds > 0
        ? `stopping: ${taken} running job(s) have ${drainTimeoutSeconds} s to end`
        : `stopping: ${taken} running job(s) are handed back`,
    );
    const undelivered = drain(this.#attempts.all(), drainTimeoutSeconds * 1000);
    await this.#tell('DRAINING', AbortSignal.timeout(STATUS_MS));
    const left = await undelivered;
    if (left > 0) notify(`${left} result(s) could not be sent: they are kept and sent at the next start`);
  }

  async #deregister(): Promise<void> {
    const { gateway, data, notify } = this.options;
    const path = `/api/agents/${encodeURIComponent(this.#agentId)}/deregister`;
    try {
      await gateway.insist({ method: 'POST', path, json: {}, signal: AbortSignal.timeout(STATUS_MS) });
      await forgetCredential(data);
      notify('deregistered: it has had its jobs');
    } catch (error) {
      notify(`it has had its jobs, but could not be deregistered: ${(error as Error).message}`);
    }
  }

  /** Best effort: an agent that says nothing is found out by its missing heartbeats. */
  async #tell(status: 'DRAINING' | 'OFFLINE', signal: AbortSignal): Promise<void> {
    const { gateway, data } = this.options;
    const path = `/api/agents/${encodeURIComponent(this.#agentId)}/status`;
    try {
      if (status === 'DRAINING') await data.write(STOPPING, '');
      await gateway.insist({ method: 'PATCH', path, json: { status } satisfies SetAgentStatus, signal });
      if (status === 'OFFLINE') await data.remove(STOPPING);
    } catch {
      // A full disk or a gateway that is away must not keep it from ending.
    }
  }
}

function megabytes(bytes: number): number {
  return Math.floor(bytes / 1024 ** 2);
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
