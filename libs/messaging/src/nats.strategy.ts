/** Nest's transport for our services: requests on core NATS with a queue group per service, events from JetStream. */
import {
  consumerRequests,
  problem,
  ProblemError,
  serviceOfDurable,
  type CallContext,
  type Problem,
} from '@hybrid/contracts';
import { durationHistogram, withSpan } from '@hybrid/telemetry';
import { Server, type CustomTransportStrategy, type MessageHandler } from '@nestjs/microservices';
import {
  headers,
  type Msg,
  type MsgHdrs,
  type NatsConnection,
  type Subscription,
} from '@nats-io/transport-node';
import { isObservable, lastValueFrom } from 'rxjs';
import { BYTES_HEADER, INPUT_HEADER, POSITION_HEADER, PROBLEM_HEADER, readCall } from './call-headers.js';
import { consumerOperations } from './consumer-operations.js';
import { EventConsumer } from './event-consumer.js';
import type { DurableConsumer } from './handlers.js';
import { outcomeOf } from './outcome.js';
import { ensureStreams } from './streams.js';

const duration = durationHistogram('rpc.server.call.duration', 'requests over NATS, as who answers saw them');

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
    // At once: a drain is a round trip, in which more events would come.
    const consumers = this.consumers.map((consumer) => consumer.stop());
    await Promise.all(this.subscriptions.map((subscription) => subscription.drain()));
    await Promise.all([...consumers, ...this.inFlight]);
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
    for (const service of this.services()) this.operate(service);
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
    this.subscribe(requests.list.subject, list, service);
    this.subscribe(requests.replay.subject, replay as Answer, service);
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

  private subscribe(subject: string, handler: MessageHandler | Answer, queue?: string): void {
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

  private async answer(message: Msg, handler: MessageHandler | Answer): Promise<void> {
    const { subject } = message;
    const parent = message.headers?.get('traceparent') || null;
    const begun = performance.now();
    const reply = headers();
    let written = -1n;
    // The highest, as one request may append to several streams.
    const wrote = (position: bigint) => {
      if (position <= written) return;
      written = position;
      reply.set(POSITION_HEADER, position.toString());
    };
    let failure: unknown;
    try {
      const result = await withSpan(`${subject} process`, { kind: 'server', parent }, async () =>
        settle(await (handler as Answer)(readInput(message), { ...readCall(message.headers), wrote })),
      );
      if (result instanceof Uint8Array) respond(message, result, reply, BYTES_HEADER);
      else respond(message, JSON.stringify(result ?? null), reply);
    } catch (error) {
      failure = error;
      respond(message, JSON.stringify(this.describe(subject, error)), reply, PROBLEM_HEADER);
    } finally {
      duration.since(begun, outcomeOf(subject, failure));
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

function respond(message: Msg, body: string | Uint8Array, reply: MsgHdrs, mark?: string): void {
  if (mark) reply.set(mark, '1');
  message.respond(body, reply.keys().length ? { headers: reply } : undefined);
}
