import type { protos } from '@google-cloud/pubsub';
import type { ReaderOptions } from '../open.js';
import type { PubSubQueue } from '../queue-config.js';
import { LEASE_MS } from '../sdk-calls.js';
import type { Backlog, QueueReader, ReaderAccess, ReceivedMessage, ReceiveOptions } from '../user-queue.js';
import { CALL_MS, once, openPubSub, type PubSubClients } from './pubsub-client.js';
import { mayPublish } from './pubsub-writer.js';

type Pulled = protos.google.pubsub.v1.IReceivedMessage;

/** Of one request. */
const MOST = 1_000;
/** A pull ends by its deadline, of which the service needs some to answer at all. */
const PULL_MS = { least: 1_500, most: 20_000 };
const DEADLINE_EXCEEDED = 4;

export async function openPubSubReader(config: PubSubQueue, options: ReaderOptions): Promise<QueueReader> {
  return new PubSubReader(await openPubSub(config, options), options.leaseMs ?? LEASE_MS);
}

class PubSubReader implements QueueReader {
  readonly #grant: string;

  constructor(
    private readonly clients: PubSubClients,
    private readonly leaseMs: number,
  ) {
    this.#grant = `roles/pubsub.subscriber on ${clients.subscription}`;
  }

  /** Google answers what is asked: which permissions there are. To receive and to remove are one. */
  async verifyAccess(): Promise<ReaderAccess> {
    const { subscriber, subscription, topic, aside, calls } = this.clients;
    const permission = 'pubsub.subscriptions.consume';
    const [[{ permissions }], send, putAside] = await Promise.all([
      calls.run({ what: 'ask what is allowed', grant: this.#grant }, () =>
        subscriber.testIamPermissions(
          { resource: subscription, permissions: [permission] } as never,
          once(CALL_MS),
        ),
      ),
      mayPublish(this.clients, topic),
      mayPublish(this.clients, aside),
    ]);
    const read = permissions.includes(permission) ? 'allowed' : 'denied';
    const remedies: string[] = [];
    if (read === 'denied') remedies.push(`grant ${this.#grant}, if it is there`);
    if (send) remedies.push(`take away pubsub.topics.publish on ${topic}`);
    if (!putAside) remedies.push(`grant roles/pubsub.publisher on ${aside}, for what cannot be read`);
    return { receive: read, remove: read, send: send ? 'allowed' : 'denied', remedies };
  }

  async receive({ max, waitMs, signal }: ReceiveOptions): Promise<ReceivedMessage[]> {
    const { calls } = this.clients;
    const deadline = Math.min(Math.max(waitMs, PULL_MS.least), PULL_MS.most);
    return calls.until(
      { what: 'pull messages', grant: this.#grant, signal, waitMs: deadline },
      async (abortSignal) => {
        const pulled = await this.#pull(Math.min(max, MOST), deadline);
        // A pull cannot be called back: what it brings after its end is for others.
        const wanted = !abortSignal.aborted;
        if (pulled.length > 0)
          await this.#lease(
            pulled.map(({ ackId }) => ackId ?? ''),
            wanted ? this.leaseMs : 0,
          );
        return wanted ? pulled.map(received) : [];
      },
    );
  }

  async remove(messages: readonly ReceivedMessage[]): Promise<void> {
    const { subscriber, subscription, calls } = this.clients;
    if (messages.length === 0) return;
    const ackIds = messages.map(({ receipt }) => receipt);
    await calls.run({ what: 'acknowledge messages', grant: this.#grant }, () =>
      subscriber.acknowledge({ subscription, ackIds }, once(CALL_MS)),
    );
  }

  async release(messages: readonly ReceivedMessage[]): Promise<void> {
    if (messages.length > 0)
      await this.#lease(
        messages.map(({ receipt }) => receipt),
        0,
      );
  }

  async putAside(message: ReceivedMessage, reason: string): Promise<void> {
    const { publisher, aside: topic, calls } = this.clients;
    const messages = [{ data: Buffer.from(message.body), attributes: { reason } }];
    await calls.run({ what: 'put a message aside', grant: `roles/pubsub.publisher on ${topic}` }, () =>
      publisher.publish({ topic, messages }, once(CALL_MS)),
    );
    await this.remove([message]);
  }

  /** Only Cloud Monitoring knows. */
  async backlog(): Promise<Backlog> {
    return { messages: null, oldest_seconds: null };
  }

  close(): Promise<void> {
    return this.clients.close();
  }

  async #pull(maxMessages: number, deadline: number): Promise<Pulled[]> {
    const { subscriber, subscription } = this.clients;
    try {
      const [{ receivedMessages }] = await subscriber.pull({ subscription, maxMessages }, once(deadline));
      return receivedMessages ?? [];
    } catch (error) {
      if ((error as { code?: unknown }).code === DEADLINE_EXCEEDED) return [];
      throw error;
    }
  }

  /** Whatever the subscription's own deadline is. */
  async #lease(ackIds: string[], ms: number): Promise<void> {
    const { subscriber, subscription, calls } = this.clients;
    const request = { subscription, ackIds, ackDeadlineSeconds: Math.ceil(ms / 1000) };
    await calls.run({ what: 'keep or release messages', grant: this.#grant }, () =>
      subscriber.modifyAckDeadline(request, once(CALL_MS)),
    );
  }
}

function received({ ackId, message, deliveryAttempt }: Pulled): ReceivedMessage {
  const { data, publishTime } = message ?? {};
  return {
    receipt: ackId ?? '',
    body:
      typeof data === 'string' ? Buffer.from(data, 'base64').toString() : Buffer.from(data ?? []).toString(),
    // Counted with a dead-letter policy only.
    deliveries: deliveryAttempt || null,
    sent_at: publishTime ? new Date(Number(publishTime.seconds) * 1000).toISOString() : null,
  };
}
