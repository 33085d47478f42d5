/** The agent at work: one registration at a time, a heartbeat, and as many claim loops as it has capacity. */
import type { AgentStatus, ClaimedJob, Heartbeat, HeartbeatReply, RegisterAgent } from '@hybrid/contracts';
import { Backoff, pause } from './backoff.js';
import type { DataDirectory } from './data-directory.js';
import { GatewayAway, GatewayRefusal } from './gateway-client.js';
import { JobRun, type JobTools } from './job-run.js';
import { MachineLoadMeter } from './machine-load.js';
import { forgetCredential, register, RegistrationError, storedCredential } from './registration.js';

/** Seconds until the first reply names another interval. */
const HEARTBEAT_SECONDS = 5;
/** Seconds that a claim waits at the gateway: below the limits of common proxies. */
const CLAIM_WAIT_SECONDS = 25;
/** Milliseconds below which an empty answer to a claim is followed by a pause: the gateway did not wait. */
const HASTY_MS = 1_000;
/** Milliseconds that results of stopped jobs may take. */
const FAREWELL_MS = 10_000;
/** Milliseconds for telling a status: nothing but a nicer list depends on it. */
const STATUS_MS = 2_000;

export interface AgentOptions extends JobTools {
  data: DataDirectory;
  joinToken?: string;
  registration: RegisterAgent & { pool: string; capacity: number };
  drainTimeoutSeconds: number;
  /** Called for each registration, when the gateway has accepted it. */
  onReady(agentId: string): void;
  /** Called for each registration, while nothing runs. */
  sweep(agentId: string): Promise<void>;
}

export class Agent {
  readonly #stopping = new AbortController();
  readonly #running = new Map<string, JobRun>();
  #completed = 0;
  #agentId = '';

  constructor(private readonly options: AgentOptions) {}

  /** Ends the claims; `run` resolves when the running jobs have ended or were stopped. */
  drain(): void {
    this.#stopping.abort(new Error('the agent is stopping'));
  }

  /** Works until drained. Throws RegistrationError when the control plane does not want this agent. */
  async run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      try {
        await this.#join();
      } catch (error) {
        if (this.#stopping.signal.aborted && !(error instanceof RegistrationError)) return;
        throw error;
      }
      await this.#work();
    }
  }

  async #join(): Promise<void> {
    const { gateway, data, joinToken, registration, notify } = this.options;
    let credential = await storedCredential(data);
    if (!credential) {
      credential = await register(gateway, data, joinToken, registration, this.#stopping.signal);
      notify(`registered as ${credential.agent_id} in pool ${registration.pool}`);
    }
    this.#agentId = credential.agent_id;
    gateway.token = credential.credential;
    await this.options.sweep(this.#agentId);
  }

  /** Until drained, or until the gateway no longer knows the credential. */
  async #work(): Promise<void> {
    const { registration, notify, data, joinToken } = this.options;
    const refused = new AbortController();
    const over = new AbortController();
    const claiming = AbortSignal.any([this.#stopping.signal, refused.signal]);
    const beating = AbortSignal.any([over.signal, refused.signal]);
    const status: { now: AgentStatus } = { now: 'HEALTHY' };

    const heartbeats = this.#heartbeats(status, refused, beating);
    const loops = Array.from({ length: registration.capacity }, () =>
      this.#claims(status, refused, claiming),
    );
    await new Promise<void>((resolve) => claiming.addEventListener('abort', () => resolve(), { once: true }));
    if (refused.signal.aborted) {
      for (const job of this.#running.values()) job.lose();
      notify(
        joinToken
          ? 'the gateway no longer knows this agent: registering anew'
          : 'the gateway no longer knows this agent: start it with a join token (--join-token-file)',
      );
      await forgetCredential(data);
    } else await this.#drained(loops);
    await Promise.all(loops);
    over.abort();
    await heartbeats;
    if (!refused.signal.aborted) await this.#tell('OFFLINE');
  }

  async #drained(loops: Promise<void>[]): Promise<void> {
    const { notify, drainTimeoutSeconds } = this.options;
    notify(`stopping: ${this.#running.size} running job(s) have ${drainTimeoutSeconds} s to end`);
    const done = new AbortController();
    const all = Promise.all(loops).finally(() => done.abort());
    const waits = async (): Promise<void> => {
      await pause(drainTimeoutSeconds * 1000, done.signal);
      for (const job of this.#running.values()) job.stop();
      // Ten seconds of grace for the processes come before the results.
      await pause(2 * FAREWELL_MS, done.signal);
      for (const job of this.#running.values()) job.lose();
    };
    await Promise.all([this.#tell('DRAINING'), Promise.race([all, waits().catch(() => undefined)])]);
  }

  async #claims(status: { now: AgentStatus }, refused: AbortController, signal: AbortSignal): Promise<void> {
    const { gateway, registration, executor, notify } = this.options;
    const backoff = new Backoff();
    while (!signal.aborted) {
      const began = performance.now();
      try {
        if (status.now === 'DRAINING') {
          await pause(HASTY_MS, signal);
          continue;
        }
        const { job } = await gateway.call<{ job: ClaimedJob }>({
          method: 'POST',
          path: '/api/queue/claim',
          json: {
            agent_id: this.#agentId,
            pool: registration.pool,
            labels: registration.labels,
            capabilities: [executor.name],
            wait_seconds: CLAIM_WAIT_SECONDS,
          },
          idleMs: (CLAIM_WAIT_SECONDS + 15) * 1000,
          signal,
        });
        backoff.reset();
        await this.#runJob(job);
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof GatewayRefusal && error.status === 401) return refused.abort();
        const empty = error instanceof GatewayRefusal && error.status === 404;
        if (empty && performance.now() - began > HASTY_MS) {
          backoff.reset();
          continue;
        }
        if (!empty && !(error instanceof GatewayAway))
          notify(`no job can be claimed: ${(error as Error).message}`);
        await backoff.pause(signal).catch(() => undefined);
      }
    }
  }

  async #runJob(job: ClaimedJob): Promise<void> {
    const { notify } = this.options;
    const run = new JobRun(job, this.options);
    // A later attempt of the same job can come back to this agent while the lost one is still being ended.
    const id = `${job.id} ${job.attempt}`;
    this.#running.set(id, run);
    notify(`job ${job.id}, attempt ${job.attempt}: ${job.name}`);
    try {
      if (await run.run()) this.#completed++;
    } finally {
      this.#running.delete(id);
    }
  }

  async #heartbeats(
    status: { now: AgentStatus },
    refused: AbortController,
    signal: AbortSignal,
  ): Promise<void> {
    const { gateway, data, notify } = this.options;
    const meter = new MachineLoadMeter(data.path);
    let seconds = HEARTBEAT_SECONDS;
    let ready = false;
    while (!signal.aborted) {
      try {
        const jobs = [...this.#running.values()].map(({ job }) => ({ job_id: job.id, attempt: job.attempt }));
        const json: Heartbeat = {
          ...(await meter.read()),
          jobs_queued: 0,
          jobs_completed: this.#completed,
          uptime_seconds: Math.round(process.uptime()),
          running: jobs,
        };
        const reply = await gateway.call<HeartbeatReply>({
          method: 'POST',
          path: `/api/agents/${encodeURIComponent(this.#agentId)}/heartbeat`,
          json,
          signal,
        });
        if (!ready) this.options.onReady(this.#agentId);
        ready = true;
        status.now = reply.status;
        seconds = reply.next_check_interval;
        this.#lose(reply.lost, jobs);
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof GatewayRefusal && error.status === 401) return refused.abort();
        if (error instanceof GatewayRefusal) notify(`the heartbeat was refused: ${error.message}`);
        else if (!(error instanceof GatewayAway)) throw error;
      }
      await pause(seconds * 1000, signal).catch(() => undefined);
    }
  }

  #lose(lost: string[], reported: { job_id: string; attempt: number }[]): void {
    for (const { job_id, attempt } of reported) {
      const run = lost.includes(job_id) ? this.#running.get(`${job_id} ${attempt}`) : undefined;
      if (!run) continue;
      this.options.notify(`job ${job_id}, attempt ${attempt} is no longer this agent’s: stopping it`);
      run.lose();
    }
  }

  /** Best effort: an agent that says nothing is found out by its missing heartbeats. */
  async #tell(status: AgentStatus): Promise<void> {
    const signal = AbortSignal.timeout(STATUS_MS);
    const path = `/api/agents/${encodeURIComponent(this.#agentId)}/status`;
    await this.options.gateway
      .insist({ method: 'PATCH', path, json: { status }, signal })
      .catch(() => undefined);
  }
}
