/** Nest's transport for our services: requests on core NATS with a queue group per service, events from JetStream. */
import { consumerRequests, serviceOfDurable, type CallContext } from '@hybrid/contracts';
import { Server, type CustomTransportStrategy, type MessageHandler } from '@nestjs/microservices';
import type { NatsConnection } from '@nats-io/transport-node';
import { isObservable, lastValueFrom } from 'rxjs';
import { Answering } from './answering.js';
import { consumerOperations } from './consumer-operations.js';
import { EventConsumer } from './event-consumer.js';
import type { DurableConsumer } from './handlers.js';
import { ensureStreams } from './streams.js';

/** Nest's handlers take our CallContext where its own transports hand in a context object of theirs. */
type Answer = (input: unknown, call: CallContext) => Promise<unknown>;

/** Whether this process reaches what its work needs. */
export interface Reach {
  /** Told of each change. */
  watch(listener: (reached: boolean) => void): void;
}

export class NatsStrategy extends Server implements CustomTransportStrategy {
  private readonly answering: Answering[] = [];
  private readonly consumers: EventConsumer[] = [];

  /** @param reach where this process may be cut off while other replicas are well: they get its requests and events then. */
  constructor(
    private readonly nats: NatsConnection,
    private readonly reach?: Reach,
  ) {
    super();
  }

  listen(ready: (error?: unknown) => void): void {
    void this.open().then(() => ready(), ready);
  }

  /** Stops taking messages and finishes those that it has; the connection is its owner's to close. */
  async close(): Promise<void> {
    // At once: a drain is a round trip, in which more events would come.
    const consumers = this.consumers.map((consumer) => consumer.stop());
    await Promise.all([...consumers, ...this.answering.map((one) => one.stop())]);
  }

  on(): never {
    throw new Error('NatsStrategy has no events of its own: listen to the connection');
  }

  unwrap<T>(): T {
    return this.nats as T;
  }

  private async open(): Promise<void> {
    await ensureStreams(this.nats);
    for (const [pattern, handler] of this.messageHandlers) {
      const { consumer, broadcast } = (handler.extras ?? {}) as {
        consumer?: DurableConsumer;
        broadcast?: string;
      };
      if (consumer) this.consume(consumer, handler);
      else if (broadcast) this.answer(broadcast, handler);
      else this.answer(pattern, handler, pattern.split('.')[1]);
    }
    for (const service of this.services()) this.operate(service);
    this.reach?.watch((reached) => {
      for (const one of [...this.answering, ...this.consumers]) one.takePart(reached);
    });
    await this.nats.flush();
  }

  /** Those that this process answers for. */
  private services(): Set<string> {
    const requests = [...this.messageHandlers.keys()].filter((pattern) => /^(cmd|qry)\./.test(pattern));
    return new Set(requests.map((pattern) => pattern.split('.')[1]!));
  }

  private operate(service: string): void {
    const { list, replay } = consumerOperations(
      this.consumers.filter(({ durable }) => serviceOfDurable(durable) === service),
    );
    const requests = consumerRequests(service);
    this.answer(requests.list.subject, list, service);
    this.answer(requests.replay.subject, replay as Answer, service);
  }

  private consume(consumer: DurableConsumer, handler: MessageHandler): void {
    const running = new EventConsumer(
      this.nats,
      consumer,
      async (event, call) => settle(await (handler as Answer)(event, call)),
      {
        warn: (message) => void this.logger.warn(message),
        alert: (message) => void this.logger.error(message),
      },
    );
    this.consumers.push(running);
    running.start();
  }

  private answer(subject: string, handler: MessageHandler | Answer, queue?: string): void {
    const answering = new Answering({
      nats: this.nats,
      subject,
      queue,
      lastResort: queue !== undefined,
      handler: async (input, call) => settle(await (handler as Answer)(input, call)),
      log: (error) => void this.logger.error(error),
    });
    this.answering.push(answering);
  }
}

async function settle(result: unknown): Promise<unknown> {
  const value = isObservable(result) ? await lastValueFrom(result, { defaultValue: null }) : result;
  return isObservable(value) ? lastValueFrom(value, { defaultValue: null }) : value;
}
