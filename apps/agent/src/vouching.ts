/** The credential of an agent that its platform vouches for: it ends, and is renewed long before that. */
import type { RegisterAgent } from '@hybrid/contracts';
import { Backoff, type DataDirectory } from '@hybrid/steps';
import { Bell } from './bell.js';
import type { GatewayClient } from './gateway-client.js';
import type { Notify } from './notices.js';
import { registerWorkload, type Credential } from './registration.js';
import type { WorkloadIdentity } from './workload-identity.js';

/** Milliseconds between tries. */
export const VOUCHING_MAX_MS = 60_000;
/** Milliseconds; timers cannot be longer than about 24 days. */
const TIMER_MAX_MS = 86_400_000;
/** Of the credential's life, after which it is renewed: a third is left for tries. */
const RENEWED_AFTER = 2 / 3;

export interface VouchingOptions {
  gateway: GatewayClient;
  data: DataDirectory;
  workload: WorkloadIdentity;
  registration: RegisterAgent & { pool: string };
  notify: Notify;
}

export class Vouching {
  #until: string | null = null;
  /** By `performance.now`. */
  #renewAt = Infinity;
  readonly #renewal = new Bell();

  constructor(private readonly options: VouchingOptions) {}

  /** Has it renewed now. */
  renew(): void {
    this.#renewal.ring();
  }

  /** Registers, and so renews the credential. Throws what `registerWorkload` throws. */
  async register(signal: AbortSignal): Promise<Credential> {
    const { gateway, data, workload, registration } = this.options;
    const vouched = await registerWorkload(gateway, data, workload, registration, signal);
    const { expires_at: until, ...credential } = vouched;
    const lifeMs = until === null ? Infinity : Date.parse(until) - Date.now();
    this.#until = until;
    this.#renewAt = performance.now() + Math.max(lifeMs, 0) * RENEWED_AFTER;
    return credential;
  }

  /**
   * Renews the agent's credential until the signal aborts; what is under way goes on with the one before.
   * @param refused the token stands for another agent now.
   */
  async keep(agentId: string, signal: AbortSignal, refused: (reason: Error) => void): Promise<void> {
    const { gateway, notify } = this.options;
    const backoff = new Backoff(VOUCHING_MAX_MS);
    let told = '';
    for (;;) {
      await this.#renewal.wait({ signal, ms: Math.min(this.#renewAt - performance.now(), TIMER_MAX_MS) });
      if (signal.aborted) return;
      try {
        const { agent_id, credential } = await this.register(signal);
        if (agent_id !== agentId)
          return refused(new Error('the token of its platform stands for another agent now'));
        gateway.token = credential;
        notify(`its platform vouched for it anew, until ${this.#until}`);
        backoff.reset();
        told = '';
      } catch (error) {
        if (signal.aborted) return;
        const { message } = error as Error;
        if (message !== told)
          notify(`its credential cannot be renewed, and ends ${this.#until}: ${message}; trying again`);
        told = message;
        await backoff.pause(signal).catch(() => undefined);
      }
    }
  }
}
