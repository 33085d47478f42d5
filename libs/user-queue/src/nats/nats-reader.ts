import { jetstream, jetstreamManager, type ConsumerInfo } from '@nats-io/jetstream';
import { createInbox, TimeoutError, type Msg, type NatsConnection } from '@nats-io/transport-node';
import type { ReaderOptions } from '../open.js';
import type { NatsQueue } from '../queue-config.js';
import {
  QueueError,
  type Backlog,
  type QueueReader,
  type ReaderAccess,
  type ReceivedMessage,
  type ReceiveOptions,
} from '../user-queue.js';
import { readerInbox, readerPermissions, readerSubjects, tryToTake, verifyReader } from './nats-access.js';
import { natsSession, type NatsSession } from './nats-session.js';

const TIMEOUT_MS = 10_000;
/** Of one request for messages. Without an answer after that and the time-out, the line is dead. */
const WAIT_MS = 10_000;

/** What the server ends a request with: that it has no message, or none more in time. */
const NO_MORE = [404, 408];

/** How long a message is a reader's is a setting of the consumer (`ack_wait`). */
export class NatsReader implements QueueReader {
  readonly #session: NatsSession;
  /** Connections on which the consumer was found to be as it must be. */
  readonly #checked = new WeakSet<NatsConnection>();

  constructor(
    readonly config: NatsQueue,
    options: ReaderOptions,
  ) {
    this.#session = natsSession(config, options, readerInbox(config));
  }

  async verifyAccess(): Promise<ReaderAccess> {
    return this.#session.use(async (nats) => {
      const access = await verifyReader(nats, this.config);
      if (access.receive === 'allowed') check(await this.#info(nats));
      return access;
    });
  }

  async receive({ max, waitMs, signal }: ReceiveOptions): Promise<ReceivedMessage[]> {
    const until = performance.now() + waitMs;
    while (!signal.aborted) {
      const messages = await this.#session.use(
        async (nats) => {
          await this.#checkOnce(nats);
          const there = await this.#pull(nats, { batch: max, no_wait: true }, TIMEOUT_MS, signal);
          const leftMs = Math.min(WAIT_MS, until - performance.now());
          if (there.length > 0 || leftMs < 1) return there;
          // One alone: nothing more is under way to us when it is there.
          return this.#pull(
            nats,
            { batch: 1, expires: Math.floor(leftMs) * 1e6 },
            leftMs + TIMEOUT_MS,
            signal,
          );
        },
        2 * TIMEOUT_MS + WAIT_MS,
      );
      if (messages.length > 0 || performance.now() >= until) return messages;
    }
    return [];
  }

  async remove(messages: readonly ReceivedMessage[]): Promise<void> {
    await this.#answer(messages, '+ACK');
  }

  async release(messages: readonly ReceivedMessage[]): Promise<void> {
    await this.#answer(messages, '-NAK');
  }

  async putAside({ receipt, body, deliveries, sent_at }: ReceivedMessage, reason: string): Promise<void> {
    const note = { reason, put_aside_at: new Date().toISOString(), sent_at, deliveries, body };
    await this.#session.use(async (nats) => {
      await jetstream(nats).publish(this.config.aside, JSON.stringify(note), { timeout: TIMEOUT_MS });
      await nats.request(receipt, '+ACK', { timeout: TIMEOUT_MS });
    });
  }

  /** With those that a reader has. When they came, only the stream could tell, which the reader need not ask. */
  async backlog(): Promise<Backlog> {
    const { num_pending: waiting, num_ack_pending: taken } = await this.#session.use((nats) =>
      this.#info(nats),
    );
    return { messages: waiting + taken, oldest_seconds: null };
  }

  async close(): Promise<void> {
    await this.#session.close();
  }

  /** Each is answered by the server, so that none is taken for removed that is not. */
  async #answer(messages: readonly ReceivedMessage[], word: '+ACK' | '-NAK'): Promise<void> {
    if (messages.length === 0) return;
    await this.#session.use((nats) =>
      Promise.all(messages.map(({ receipt }) => nats.request(receipt, word, { timeout: TIMEOUT_MS }))),
    );
  }

  async #checkOnce(nats: NatsConnection): Promise<void> {
    if (this.#checked.has(nats)) return;
    check(await this.#info(nats));
    // A pull that is denied is answered by nothing.
    if ((await tryToTake(nats, this.config)) !== 'allowed')
      throw new QueueError(
        'queue_denied',
        `NATS does not let the user take messages: grant it the permissions ${JSON.stringify(readerPermissions(this.config))}`,
      );
    this.#checked.add(nats);
  }

  async #info(nats: NatsConnection): Promise<ConsumerInfo> {
    const manager = await jetstreamManager(nats, { checkAPI: false, timeout: TIMEOUT_MS });
    return manager.consumers.info(this.config.stream, this.config.consumer);
  }

  /**
   * One request to the consumer. The client's own `fetch` waits a second at least, and what arrives after it was broken
   * off is lost until it comes again.
   */
  async #pull(
    nats: NatsConnection,
    request: { batch: number; no_wait?: boolean; expires?: number },
    patienceMs: number,
    signal: AbortSignal,
  ): Promise<ReceivedMessage[]> {
    if (signal.aborted) return [];
    const inbox = createInbox(readerInbox(this.config));
    const subscription = nats.subscribe(inbox, { timeout: patienceMs });
    const stop = () => subscription.unsubscribe();
    signal.addEventListener('abort', stop, { once: true });
    const messages: ReceivedMessage[] = [];
    try {
      nats.publish(readerSubjects(this.config).next, JSON.stringify(request), { reply: inbox });
      for await (const message of subscription) {
        const { code = 0, description = '' } = message.headers ?? {};
        if (NO_MORE.includes(code)) break;
        if (code !== 0)
          throw new QueueError(
            'queue_unavailable',
            `the consumer ${this.config.consumer} refuses: ${code} ${description}`,
          );
        messages.push(messageOf(message));
        if (messages.length === request.batch) break;
      }
    } catch (error) {
      // What came before the line broke is ours all the same.
      if (messages.length === 0) throw error;
    } finally {
      signal.removeEventListener('abort', stop);
      subscription.unsubscribe();
    }
    if (messages.length === 0 && nats.isClosed()) throw new TimeoutError();
    return messages;
  }
}

function check({ config }: ConsumerInfo): void {
  const wrong = [
    config.deliver_subject && 'it must be a pull consumer',
    config.ack_policy !== 'explicit' && 'its ack policy must be explicit',
    (config.max_deliver ?? -1) > 0 && 'its max deliver must be -1, or messages are given up without a word',
  ].filter(Boolean);
  if (wrong.length > 0)
    throw new QueueError(
      'queue_misconfigured',
      `the consumer ${config.durable_name ?? config.name} is not as it must be: ${wrong.join('; ')}`,
    );
}

/** `$JS.ACK.<stream>.<consumer>.<deliveries>.<sequence>.<of the consumer>.<time, ns>.<pending>`; newer servers put a domain and an account after ACK. */
function messageOf(message: Msg): ReceivedMessage {
  const receipt = message.reply ?? '';
  const parts = receipt.split('.');
  const [deliveries, , , time] = parts.slice(parts.length > 9 ? 6 : 4);
  return {
    receipt,
    body: message.string(),
    deliveries: Number(deliveries),
    sent_at: new Date(Math.floor(Number(time) / 1e6)).toISOString(),
  };
}
