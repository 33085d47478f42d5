import { jetstream } from '@nats-io/jetstream';
import type { OpenOptions } from '../open.js';
import type { NatsQueue } from '../queue-config.js';
import { QueueError, type QueueWriter } from '../user-queue.js';
import { tryToSend, writerInbox, writerPermissions } from './nats-access.js';
import { natsSession, type NatsSession } from './nats-session.js';

const TIMEOUT_MS = 10_000;

export class NatsWriter implements QueueWriter {
  readonly #session: NatsSession;

  constructor(
    readonly config: NatsQueue,
    options: OpenOptions,
  ) {
    this.#session = natsSession(config, options, writerInbox(config));
  }

  async verifyAccess(): Promise<void> {
    const { subject } = this.config;
    await this.#session.use(async (nats) => {
      if ((await tryToSend(nats, subject)) !== 'allowed')
        throw new QueueError(
          'queue_denied',
          `NATS does not let the user publish to ${subject}: grant the relay the permissions ${JSON.stringify(writerPermissions(this.config))}`,
        );
    });
  }

  async send(bodies: readonly string[]): Promise<void> {
    const { stream, subject } = this.config;
    await this.#session.use(async (nats) => {
      const client = jetstream(nats);
      const kept = await Promise.all(
        bodies.map((body) => client.publish(subject, body, { timeout: TIMEOUT_MS })),
      );
      const other = kept.find((one) => one.stream !== stream)?.stream;
      if (other !== undefined)
        throw new QueueError(
          'queue_misconfigured',
          `${subject} is taken by the stream ${other}, not by ${stream}: name that one, or the subject of this one`,
        );
    });
  }

  async close(): Promise<void> {
    await this.#session.close();
  }
}
