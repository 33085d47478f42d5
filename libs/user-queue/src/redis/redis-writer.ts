import type { OpenOptions } from '../open.js';
import type { RedisQueue } from '../queue-config.js';
import { QueueError, type QueueWriter } from '../user-queue.js';
import { tryToSend, writerRules } from './redis-access.js';
import { missing, redisSession, type RedisSession } from './redis-session.js';

/** The field of a message's entry in the stream. */
export const BODY = 'body';

export class RedisWriter implements QueueWriter {
  readonly #session: RedisSession;

  constructor(
    readonly config: RedisQueue,
    options: OpenOptions,
  ) {
    this.#session = redisSession(config, options);
  }

  async verifyAccess(): Promise<void> {
    const { stream } = this.config;
    await this.#session.use(async (client) => {
      if ((await tryToSend(client, stream)) === 'denied')
        throw new QueueError(
          'queue_denied',
          `Redis does not let the user write to ${stream}: grant it, with ACL SETUSER <relay> ${writerRules(this.config)}`,
        );
      if ((await client.exists(stream)) === 0) throw missing(this.config);
    });
  }

  async send(bodies: readonly string[]): Promise<void> {
    await this.#session.use(async (client) => {
      // In one round trip: what is called in one turn goes out together.
      const added = await Promise.all(
        bodies.map((body) => client.xAddNoMkStream(this.config.stream, '*', { [BODY]: body })),
      );
      // A stream that nobody made is one that nobody reads.
      if (added.some((id) => id === null)) throw missing(this.config);
    });
  }

  async close(): Promise<void> {
    await this.#session.close();
  }
}
