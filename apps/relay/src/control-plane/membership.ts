/**
 * The relay as the control plane's: it registers, says every few seconds that it lives, and registers anew when it is not
 * known any more. Webhooks are taken and, once it is registered, sent without the control plane as well.
 */
import { type RegisteredRelay, type RelayHeartbeat, type RelayStatus } from '@hybrid/contracts';
import { Backoff, pause, type DataDirectory } from '@hybrid/steps';
import { randomUUID } from 'node:crypto';
import type { Configuration } from '../configuration.js';
import type { Notify } from '../notices.js';
import { SettingsError } from '../settings-error.js';
import { baseUrl, ControlPlaneAway, ControlPlaneRefusal, post } from './control-plane-client.js';
import { joiningToken } from './joining.js';
import {
  forgetRegistration,
  forgetRequestKey,
  keepRegistration,
  requestKey,
  storedRegistration,
  wasRegistered,
  type Introduction,
  type Registration,
  type RelayKey,
} from './registration.js';

/** Seconds until an answer names another interval. */
const HEARTBEAT_SECONDS = 15;
/** Milliseconds between tries to register anew. */
const REGISTER_MAX_MS = 60_000;

export type MembershipState = 'registering' | 'connected' | 'away' | 'refused';

export interface MembershipOptions {
  /** As it is now: what it registers with may change, the address not. */
  configuration(): Pick<Configuration, 'relay' | 'secret'>;
  data: DataDirectory;
  key: RelayKey;
  introduction: Introduction;
  heartbeat(): RelayHeartbeat;
  /** It has an id to sign with now. */
  registered(): void;
  notify: Notify;
}

export class Membership {
  #relayId?: string;
  #state: MembershipState = 'registering';
  #told = '';
  #everRegistered = false;
  readonly #url: string;

  constructor(private readonly options: MembershipOptions) {
    this.#url = baseUrl(options.configuration().relay.control_plane.url, 'relay.control_plane.url');
  }

  get state(): MembershipState {
    return this.#state;
  }

  /** What deliveries are signed as; nothing while it is not registered. */
  get relayId(): string | undefined {
    return this.#relayId;
  }

  /** Until the signal aborts. Throws SettingsError where it was never registered and is refused. */
  async run(signal: AbortSignal): Promise<void> {
    const { data, registered } = this.options;
    let stored = await storedRegistration(data, this.#self);
    this.#everRegistered = await wasRegistered(data);
    try {
      for (;;) {
        const registration = stored ?? (await this.#registerUntilAnswered(signal));
        this.#relayId = registration.relay_id;
        this.#everRegistered = true;
        registered();
        await this.#heartbeats(registration, signal);
        this.#relayId = stored = undefined;
        await forgetRegistration(data);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  get #self(): Pick<Registration, 'url' | 'connection' | 'public_key'> {
    const { introduction, key } = this.options;
    return { url: this.#url, connection: introduction.connection, public_key: key.x };
  }

  async #registerUntilAnswered(signal: AbortSignal): Promise<Registration> {
    const backoff = new Backoff(REGISTER_MAX_MS);
    for (;;) {
      try {
        const registration = await this.#register(signal);
        this.#becomes('connected', `registered as ${registration.relay_id} at ${this.#url}`);
        return registration;
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof ControlPlaneAway)
          this.#becomes('away', `not registered yet: ${error.message}; deliveries wait on disk`);
        else this.#refused(error);
      }
      await backoff.pause(signal);
    }
  }

  /** Whoever starts a relay for the first time sees that it ends; later, what it has taken must not depend on that. */
  #refused(error: unknown): void {
    if (!(error instanceof ControlPlaneRefusal) && !(error instanceof SettingsError)) throw error;
    const message =
      error instanceof SettingsError
        ? error.message
        : `the registration was ${error.message}; look at relay.control_plane: the join token must be one for relays and valid, the client one that a trust rule lets in`;
    if (!this.#everRegistered) throw new SettingsError(message, { cause: error });
    this.#becomes('refused', `${message}; deliveries wait on disk until it is mended`);
  }

  async #register(signal: AbortSignal): Promise<Registration> {
    const { data, introduction, key } = this.options;
    const { relay, secret } = this.options.configuration();
    const token = await joiningToken(relay.control_plane, secret, signal);
    try {
      const { relay_id, api_key } = await post<RegisteredRelay>({
        url: `${this.#url}/api/relays/register`,
        headers: {
          authorization: `Bearer ${token}`,
          'content-type': 'application/json',
          'idempotency-key': await requestKey(data, randomUUID),
        },
        body: JSON.stringify({ ...introduction, public_key: key.x }),
        signal,
      });
      if (typeof relay_id !== 'string' || typeof api_key !== 'string')
        throw new ControlPlaneRefusal(200, 'no_api_key', 'the answer is not that of a registration');
      const registration: Registration = { relay_id, api_key, ...this.#self };
      await keepRegistration(data, registration);
      return registration;
    } catch (error) {
      if (!(error instanceof ControlPlaneRefusal)) throw error;
      await forgetRequestKey(data);
      // Under it another one was registered, of which no answer came: an older version, or with other settings.
      if (error.code === 'idempotency_key_reused')
        throw new ControlPlaneAway(error.message, { cause: error });
      throw error;
    }
  }

  /** Until the API key is not known any more. */
  async #heartbeats({ api_key }: Registration, signal: AbortSignal): Promise<void> {
    let seconds = HEARTBEAT_SECONDS;
    for (;;) {
      try {
        const answer = await post<{ status: RelayStatus; next_check_interval: number }>({
          url: `${this.#url}/api/relays/heartbeat`,
          headers: { authorization: `Bearer ${api_key}`, 'content-type': 'application/json' },
          body: JSON.stringify(this.options.heartbeat()),
          signal,
        });
        if (answer.next_check_interval > 0) seconds = answer.next_check_interval;
        this.#becomes('connected', `the control plane ${this.#url} answers`);
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof ControlPlaneAway)
          this.#becomes('away', `${error.message}; webhooks are taken and sent without it`);
        else if (error instanceof ControlPlaneRefusal && error.status === 401)
          return this.#becomes(
            'refused',
            `the control plane does not know this relay any more (${error.code})`,
          );
        else if (error instanceof ControlPlaneRefusal)
          this.#becomes('refused', `the heartbeat was ${error.message}`);
        else throw error;
      }
      await pause(seconds * 1000, signal);
    }
  }

  /** Each change is told once; a refusal also when it has another reason. */
  #becomes(state: MembershipState, text: string): void {
    const still = state !== 'refused' && this.#state === state;
    this.#state = state;
    if (!still && text !== this.#told) this.options.notify(text);
    if (!still) this.#told = text;
  }
}
