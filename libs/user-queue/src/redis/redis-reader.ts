import type { ReaderOptions } from '../open.js';
import type { RedisQueue } from '../queue-config.js';
import type { Backlog, QueueReader, ReaderAccess, ReceivedMessage, ReceiveOptions } from '../user-queue.js';
import { CONSUMER, verifyReader } from './redis-access.js';
import { redisSession, type RedisClient, type RedisSession } from './redis-session.js';
import { BODY } from './redis-writer.js';

const LEASE_MS = 60_000;
/** Of one blocking command: it cannot be broken off, and the others of this connection wait behind it. */
const BLOCK_MS = 250;

interface Entry {
  id: string;
  message: Record<string, string>;
}

/** Of a consumer group. Redis gives nothing again by itself: each call looks first for what lay with a reader for too long. */
export class RedisReader implements QueueReader {
  readonly #session: RedisSession;
  readonly #leaseMs: number;
  /** How far the search for such messages came. */
  #searched = '0-0';

  constructor(
    readonly config: RedisQueue,
    options: ReaderOptions,
  ) {
    this.#session = redisSession(config, options);
    this.#leaseMs = options.leaseMs ?? LEASE_MS;
  }

  verifyAccess(): Promise<ReaderAccess> {
    return this.#session.use((client) => verifyReader(client, this.config));
  }

  async receive({ max, waitMs, signal }: ReceiveOptions): Promise<ReceivedMessage[]> {
    const until = performance.now() + waitMs;
    while (!signal.aborted) {
      const messages = await this.#session.use(async (client) => {
        const again = await this.#takeAgain(client, max);
        return again.length > 0 ? again : this.#takeNew(client, max, until - performance.now());
      });
      if (messages.length > 0 || performance.now() >= until) return messages;
    }
    return [];
  }

  /** First out of the stream: whoever is killed in between leaves an id that stands for nothing, and Redis drops it. */
  async remove(messages: readonly ReceivedMessage[]): Promise<void> {
    if (messages.length === 0) return;
    const { stream, group } = this.config;
    const ids = messages.map(({ receipt }) => receipt);
    await this.#session.use((client) =>
      Promise.all([client.xDel(stream, ids), client.xAck(stream, group, ids)]),
    );
  }

  /** As if it had lain with its reader for too long already. */
  async release(messages: readonly ReceivedMessage[]): Promise<void> {
    if (messages.length === 0) return;
    const { stream, group } = this.config;
    const ids = messages.map(({ receipt }) => receipt);
    await this.#session.use((client) =>
      client.xClaimJustId(stream, group, CONSUMER, 0, ids, { IDLE: this.#leaseMs }),
    );
    this.#searched = '0-0';
  }

  async putAside(message: ReceivedMessage, reason: string): Promise<void> {
    const note = {
      [BODY]: message.body,
      reason,
      put_aside_at: new Date().toISOString(),
      sent_at: message.sent_at ?? '',
      deliveries: String(message.deliveries ?? ''),
    };
    await this.#session.use((client) => client.xAdd(this.config.aside, '*', note));
    await this.remove([message]);
  }

  async backlog(): Promise<Backlog> {
    const { stream } = this.config;
    const [messages, [oldest]] = await this.#session.use((client) =>
      Promise.all([client.xLen(stream), client.xRange(stream, '-', '+', { COUNT: 1 })]),
    );
    const age = oldest ? Math.floor((Date.now() - sentAt(oldest.id)) / 1000) : null;
    return { messages, oldest_seconds: age === null ? null : Math.max(0, age) };
  }

  async close(): Promise<void> {
    await this.#session.close();
  }

  async #takeAgain(client: RedisClient, max: number): Promise<ReceivedMessage[]> {
    const { stream, group } = this.config;
    const found = await client.xAutoClaim(stream, group, CONSUMER, this.#leaseMs, this.#searched, {
      COUNT: max,
    });
    this.#searched = found.nextId;
    const entries = found.messages.filter((entry) => entry !== null);
    return Promise.all(
      entries.map(async (entry) => {
        const [about] = await client.xPendingRange(stream, group, entry.id, entry.id, 1);
        return messageOf(entry, about?.deliveriesCounter ?? null);
      }),
    );
  }

  async #takeNew(client: RedisClient, max: number, leftMs: number): Promise<ReceivedMessage[]> {
    const { stream, group } = this.config;
    // Zero would be for ever.
    const block = leftMs >= 1 ? { BLOCK: Math.floor(Math.min(leftMs, BLOCK_MS)) } : {};
    const read = await client.xReadGroup(group, CONSUMER, { key: stream, id: '>' }, { COUNT: max, ...block });
    const [answer] = (read ?? []) as { messages: Entry[] }[];
    return (answer?.messages ?? []).map((entry) => messageOf(entry, 1));
  }
}

/** An entry that was made by somebody else is told as it is, for whoever reads it to put aside. */
function messageOf({ id, message }: Entry, deliveries: number | null): ReceivedMessage {
  const body = message[BODY] ?? JSON.stringify(message);
  return { receipt: id, body, deliveries, sent_at: new Date(sentAt(id)).toISOString() };
}

/** Ids begin with the server's time, in milliseconds. */
function sentAt(id: string): number {
  return Number(id.split('-')[0]);
}
