/** Asks for as many jobs as there are free places: one long poll, and another for each place that gets free meanwhile. */
import type { ClaimedJob, ClaimJob } from '@hybrid/contracts';
import { Backoff } from '@hybrid/steps';
import type { Bell } from './bell.js';
import { GatewayAway, GatewayRefusal, type GatewayClient } from './gateway-client.js';
import type { Notify } from './notices.js';

/** Seconds that a claim waits at the gateway: below the limits of common proxies. */
const WAIT_SECONDS = 25;
/** Milliseconds below which an empty answer is followed by a pause: the gateway did not wait. */
const HASTY_MS = 1_000;
/** The contract's limit of jobs in one claim. */
const COUNT_MAX = 100;

export interface ClaimsOptions {
  gateway: GatewayClient;
  claimant: Pick<ClaimJob, 'agent_id' | 'pool' | 'labels' | 'capabilities'>;
  /** Jobs at a time. */
  capacity: number;
  /** Jobs in all, after which `run` resolves. */
  jobs: number;
  /** Places that are taken. */
  taken(): number;
  /** Rings when a place gets free. */
  freed: Bell;
  /** Takes a place at once. */
  take(job: ClaimedJob): void;
  /** The gateway does not know the agent's credential. */
  refused(refusal: GatewayRefusal): void;
  notify: Notify;
}

export class Claims {
  /** Places that open polls ask for. */
  #asked = 0;
  #claimed = 0;
  #held = true;
  #polls = new AbortController();
  readonly #backoff = new Backoff();

  constructor(private readonly options: ClaimsOptions) {}

  /** No new jobs while held; held at first. Open polls are given up. */
  hold(held: boolean): void {
    if (held === this.#held) return;
    this.#held = held;
    this.#polls.abort();
    this.#polls = new AbortController();
    this.options.freed.ring();
  }

  /** Until the signal aborts, or all jobs that it may take are taken. */
  async run(signal: AbortSignal): Promise<void> {
    const asks = new Set<Promise<void>>();
    while (!signal.aborted && this.#claimed < this.options.jobs) {
      const count = this.#held ? 0 : this.#free();
      if (count < 1) {
        await this.options.freed.wait({ signal });
        continue;
      }
      this.#asked += count;
      const ask = this.#ask(count, AbortSignal.any([signal, this.#polls.signal])).finally(() => {
        this.#asked -= count;
        asks.delete(ask);
        this.options.freed.ring();
      });
      asks.add(ask);
    }
    await Promise.all(asks);
  }

  #free(): number {
    const { capacity, taken, jobs } = this.options;
    return Math.min(Math.min(capacity - taken(), jobs - this.#claimed) - this.#asked, COUNT_MAX);
  }

  /** One poll; never rejects. Its places stay asked for while it pauses after a failure. */
  async #ask(count: number, signal: AbortSignal): Promise<void> {
    const { gateway, claimant, take, refused, notify } = this.options;
    const began = performance.now();
    try {
      const { jobs } = await gateway.call<{ jobs: ClaimedJob[] }>({
        method: 'POST',
        path: '/api/queue/claim',
        json: { ...claimant, count, wait_seconds: WAIT_SECONDS } satisfies ClaimJob,
        idleMs: (WAIT_SECONDS + 15) * 1000,
        signal,
      });
      this.#backoff.reset();
      this.#claimed += jobs.length;
      for (const job of jobs) take(job);
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof GatewayRefusal && error.status === 401) return refused(error);
      const empty = error instanceof GatewayRefusal && error.status === 404;
      if (empty && performance.now() - began > HASTY_MS) return this.#backoff.reset();
      if (!empty && !(error instanceof GatewayAway))
        notify(`no job can be claimed: ${(error as Error).message}`);
      await this.#backoff.pause(signal).catch(() => undefined);
    }
  }
}
