import { batches } from '../batches.js';
import type { OpenOptions } from '../open.js';
import type { PubSubQueue } from '../queue-config.js';
import { QueueError, type QueueWriter } from '../user-queue.js';
import { CALL_MS, once, openPubSub, type PubSubClients } from './pubsub-client.js';

/** Of one request, which may have 1,000 messages and 10 MB. */
const LIMITS = { count: 500, bytes: 5_000_000 };

export async function openPubSubWriter(config: PubSubQueue, options: OpenOptions): Promise<QueueWriter> {
  return new PubSubWriter(await openPubSub(config, options));
}

class PubSubWriter implements QueueWriter {
  readonly #task: { what: string; grant: string };

  constructor(private readonly clients: PubSubClients) {
    this.#task = { what: 'publish messages', grant: `roles/pubsub.publisher on ${clients.topic}` };
  }

  async verifyAccess(): Promise<void> {
    if (await mayPublish(this.clients, this.clients.topic)) return;
    // Of a topic that is not there nothing may be done; to publish no message tells which of both it is.
    await this.#publish([]);
    throw new QueueError('queue_denied', `cannot ${this.#task.what}: grant ${this.#task.grant}`);
  }

  async send(bodies: readonly string[]): Promise<void> {
    for (const batch of batches(bodies, LIMITS)) await this.#publish(batch);
  }

  close(): Promise<void> {
    return this.clients.close();
  }

  async #publish(bodies: string[]): Promise<void> {
    const { publisher, topic, calls } = this.clients;
    const messages = bodies.map((body) => ({ data: Buffer.from(body) }));
    await calls.run(this.#task, () => publisher.publish({ topic, messages }, once(CALL_MS)));
  }
}

export async function mayPublish({ publisher, calls }: PubSubClients, topic: string): Promise<boolean> {
  const permission = 'pubsub.topics.publish';
  const [{ permissions }] = await calls.run(
    { what: 'ask what is allowed', grant: 'any role in the project' },
    () =>
      publisher.testIamPermissions({ resource: topic, permissions: [permission] } as never, once(CALL_MS)),
  );
  return permissions.includes(permission);
}
