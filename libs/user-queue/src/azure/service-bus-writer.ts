import type { ServiceBusSender } from '@azure/service-bus';
import type { OpenOptions } from '../open.js';
import type { AzureServiceBusQueue } from '../queue-config.js';
import { QueueError, type QueueWriter } from '../user-queue.js';
import { openServiceBus, type ServiceBus } from './service-bus-client.js';

const GRANT = 'the claim Send, or the role Azure Service Bus Data Sender, on the queue';

export async function openServiceBusWriter(
  config: AzureServiceBusQueue,
  options: OpenOptions,
): Promise<QueueWriter> {
  return new ServiceBusWriter(await openServiceBus(config, options), config.queue);
}

class ServiceBusWriter implements QueueWriter {
  readonly #sender: ServiceBusSender;

  constructor(
    private readonly bus: ServiceBus,
    queue: string,
  ) {
    this.#sender = bus.client.createSender(queue);
  }

  /** To open the link is what needs the right; nothing is sent by it. */
  async verifyAccess(): Promise<void> {
    await this.#newBatch();
  }

  async send(bodies: readonly string[]): Promise<void> {
    if (bodies.length === 0) return;
    let batch = await this.#newBatch();
    for (const body of bodies) {
      const message = { body: Buffer.from(body), contentType: 'text/plain' };
      if (batch.tryAddMessage(message)) continue;
      await this.#send(batch);
      batch = await this.#newBatch();
      if (!batch.tryAddMessage(message))
        throw new QueueError(
          'queue_misconfigured',
          `${this.bus.calls.queue} takes no message of ${body.length} characters`,
        );
    }
    await this.#send(batch);
  }

  close(): Promise<void> {
    return this.bus.client.close();
  }

  #newBatch() {
    return this.bus.calls.run({ what: 'open a link to send by', grant: GRANT }, (abortSignal) =>
      this.#sender.createMessageBatch({ abortSignal }),
    );
  }

  async #send(batch: Parameters<ServiceBusSender['sendMessages']>[0] & { count: number }): Promise<void> {
    if (batch.count === 0) return;
    await this.bus.calls.run({ what: 'send messages', grant: GRANT }, (abortSignal) =>
      this.#sender.sendMessages(batch, { abortSignal }),
    );
  }
}
