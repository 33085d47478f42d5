import type { ServiceBusReceivedMessage, ServiceBusReceiver } from '@azure/service-bus';
import { eachAtOnce } from '../batches.js';
import type { ReaderOptions } from '../open.js';
import type { AzureServiceBusQueue } from '../queue-config.js';
import type { Backlog, QueueReader, ReaderAccess, ReceivedMessage, ReceiveOptions } from '../user-queue.js';
import { openServiceBus, type ServiceBus } from './service-bus-client.js';

const GRANT = 'the claim Listen, or the role Azure Service Bus Data Receiver, on the queue';
/** The lock ran out: it comes again. */
const GONE = /MessageLockLost/;
const LEAST_WAIT_MS = 500;
const AT_ONCE = 20;
/** Long after any lock (5 min at most) ran out. */
const FORGET_MS = 15 * 60_000;

export async function openServiceBusReader(
  config: AzureServiceBusQueue,
  options: ReaderOptions,
): Promise<QueueReader> {
  return new ServiceBusReader(await openServiceBus(config, options), config.queue);
}

/** How long a message is ours stands in the queue. */
class ServiceBusReader implements QueueReader {
  readonly #receiver: ServiceBusReceiver;
  /** By its lock: the SDK settles what it gave out, not what was read from it. */
  readonly #given = new Map<string, { message: ServiceBusReceivedMessage; at: number }>();
  #receiving: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly bus: ServiceBus,
    private readonly queue: string,
  ) {
    this.#receiver = bus.client.createReceiver(queue, {
      receiveMode: 'peekLock',
      skipParsingBodyAsJson: true,
      // A lock that is renewed for ever by a reader that hangs would keep its messages from all others.
      maxAutoLockRenewalDurationInMs: 0,
    });
  }

  /** To look at messages and to open a link need the rights, and change nothing. */
  async verifyAccess(): Promise<ReaderAccess> {
    const { calls, client } = this.bus;
    const sender = client.createSender(this.queue);
    const read = await calls.verdict(
      { what: 'look at messages', grant: GRANT },
      (abortSignal) => this.#receiver.peekMessages(1, { abortSignal }),
      /^$/,
    );
    const send = await calls.verdict(
      { what: 'see whether messages may be sent', grant: 'nothing' },
      (abortSignal) => sender.createMessageBatch({ abortSignal }),
      /^$/,
    );
    await sender.close().catch(() => undefined);
    const remedies: string[] = [];
    if (read === 'denied') remedies.push(`grant ${GRANT}`);
    if (send === 'allowed')
      remedies.push('take away the claim Send and the role Azure Service Bus Data Sender');
    return { receive: read, remove: read, send, remedies };
  }

  async receive({ max, waitMs, signal }: ReceiveOptions): Promise<ReceivedMessage[]> {
    // One at a time: the SDK refuses the next until the one before, though ended, has given its credit back.
    await this.#receiving;
    const maxWaitTimeInMs = Math.max(waitMs, LEAST_WAIT_MS);
    const task = { what: 'receive messages', grant: GRANT, signal, waitMs: maxWaitTimeInMs };
    const given = await this.bus.calls.until(task, (abortSignal) => {
      const receiving = this.#receiver.receiveMessages(max, { maxWaitTimeInMs, abortSignal });
      this.#receiving = receiving.catch(() => undefined);
      return receiving;
    });
    const at = performance.now();
    for (const [lock, old] of this.#given) if (old.at < at - FORGET_MS) this.#given.delete(lock);
    for (const message of given) this.#given.set(message.lockToken ?? '', { message, at });
    return given.map(received);
  }

  remove(messages: readonly ReceivedMessage[]): Promise<void> {
    return this.#settle(messages, 'complete a message', (message) => this.#receiver.completeMessage(message));
  }

  release(messages: readonly ReceivedMessage[]): Promise<void> {
    return this.#settle(messages, 'abandon a message', (message) => this.#receiver.abandonMessage(message));
  }

  putAside(message: ReceivedMessage, reason: string): Promise<void> {
    return this.#settle([message], 'dead-letter a message', (one) =>
      this.#receiver.deadLetterMessage(one, {
        deadLetterReason: 'refused',
        deadLetterErrorDescription: reason.slice(0, 1_000),
      }),
    );
  }

  /** Only Azure Monitor knows, and who may manage the queue. */
  async backlog(): Promise<Backlog> {
    return { messages: null, oldest_seconds: null };
  }

  close(): Promise<void> {
    return this.bus.client.close();
  }

  #settle(
    messages: readonly ReceivedMessage[],
    what: string,
    how: (message: ServiceBusReceivedMessage) => Promise<void>,
  ): Promise<void> {
    return eachAtOnce(messages, AT_ONCE, async ({ receipt }) => {
      const given = this.#given.get(receipt);
      if (!given) return;
      await this.bus.calls.settle({ what, grant: GRANT }, GONE, () => how(given.message));
      this.#given.delete(receipt);
    });
  }
}

function received({
  lockToken = '',
  body,
  deliveryCount = 0,
  enqueuedTimeUtc,
}: ServiceBusReceivedMessage): ReceivedMessage {
  return {
    receipt: lockToken,
    body: Buffer.from(body as Uint8Array).toString(),
    // AMQP counts those before.
    deliveries: deliveryCount + 1,
    sent_at: enqueuedTimeUtc?.toISOString() ?? null,
  };
}
