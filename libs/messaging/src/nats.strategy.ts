/** Nest's transport for our services: requests on core NATS with a queue group per service, events from JetStream. */
import { problem, ProblemError, type CallContext, type Problem } from '@hybrid/contracts';
import { withSpan } from '@hybrid/telemetry';
import { Server, type CustomTransportStrategy, type MessageHandler } from '@nestjs/microservices';
import { headers, type Msg, type NatsConnection, type Subscription } from '@nats-io/transport-node';
import { isObservable, lastValueFrom } from 'rxjs';
import { BYTES_HEADER, INPUT_HEADER, PROBLEM_HEADER, readCall } from './call-headers.js';
import { EventConsumer } from './event-consumer.js';
import type { DurableConsumer } from './handlers.js';
import { ensureStreams } from './streams.js';

/** Nest's handlers take our CallContext where its own transports hand in a context object of theirs. */
type Answer = (input: unknown, call: CallContext) => Promise<unknown>;

export class NatsStrategy extends Server implements CustomTransportStrategy {
  private readonly subscriptions: Subscription[] = [];
  private readonly consumers: EventConsumer[] = [];
  private readonly inFlight = new Set<Promise<void>>();

  constructor(private readonly nats: NatsConnection) {
    super();
  }

  listen(ready: (error?: unknown) => void): void {
    void this.open().then(() => ready(), ready);
  }

  /** Stops taking messages and finishes those that it has; the connection is its owner's to close. */
  async close(): Promise<void> {
    await Promise.all(this.subscriptions.map((subscription) => subscription.drain()));
    await Promise.all([...this.consumers.map((consumer) => consumer.stop()), ...this.inFlight]);
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
      else if (broadcast) this.subscribe(broadcast, handler);
      else this.subscribe(pattern, handler, pattern.split('.')[1]);
    }
    await this.nats.flush();
  }

  private consume(consumer: DurableConsumer, handler: MessageHandler): void {
    const running = new EventConsumer(
      this.nats,
      consumer,
      async (event, call) => settle(await (handler as Answer)(event, call)),
      (message) => void this.logger.warn(message),
    );
    this.consumers.push(running);
    running.start();
  }

  private subscribe(subject: string, handler: MessageHandler, queue?: string): void {
    const subscription = this.nats.subscribe(subject, {
      queue,
      callback: (error, message) => {
        if (error) {
          this.logger.error(`${subject}: ${error.message}`);
          return;
        }
        const work = this.answer(message, handler).finally(() => this.inFlight.delete(work));
        this.inFlight.add(work);
      },
    });
    this.subscriptions.push(subscription);
  }

  private async answer(message: Msg, handler: MessageHandler): Promise<void> {
    const parent = message.headers?.get('traceparent') || null;
    try {
      const result = await withSpan(`${message.subject} process`, { kind: 'server', parent }, async () =>
        settle(await (handler as Answer)(readInput(message), readCall(message.headers))),
      );
      if (result instanceof Uint8Array) message.respond(result, { headers: mark(BYTES_HEADER) });
      else message.respond(JSON.stringify(result ?? null));
    } catch (error) {
      message.respond(JSON.stringify(this.describe(message.subject, error)), {
        headers: mark(PROBLEM_HEADER),
      });
    }
  }

  /** What broke stays in the log; the caller learns a code. */
  private describe(subject: string, error: unknown): Problem {
    if (error instanceof ProblemError) return error.problem;
    this.logger.error(
      `${subject}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    );
    return problem('internal', 'internal', `${subject} failed; the service's log says why`).problem;
  }
}

async function settle(result: unknown): Promise<unknown> {
  const value = isObservable(result) ? await lastValueFrom(result, { defaultValue: null }) : result;
  return isObservable(value) ? lastValueFrom(value, { defaultValue: null }) : value;
}

function readInput(message: Msg): unknown {
  const input = message.headers?.get(INPUT_HEADER);
  if (input) return { ...(JSON.parse(input) as object), bytes: message.data };
  return message.data.length ? message.json() : {};
}

function mark(header: string) {
  const result = headers();
  result.set(header, '1');
  return result;
}
