import { EVENTS_STREAM, ProblemError, type CallContext, type PublicEvent } from '@hybrid/contracts';
import { withSpan } from '@hybrid/telemetry';
import { AckPolicy, DeliverPolicy, jetstream, type ConsumerMessages, type JsMsg } from '@nats-io/jetstream';
import { nanos, type NatsConnection } from '@nats-io/transport-node';
import { readCall } from './call-headers.js';
import type { DurableConsumer } from './handlers.js';
import { ensureStreams } from './streams.js';

/** Longer than the slowest handler: a request to another service that times out, twice. */
const ACK_WAIT_MS = 30_000;
const MAX_RETRY_DELAY_MS = 30_000;
const RECOVER_MS = 500;
const MAX_IN_FLIGHT = 200;

type Handle = (event: PublicEvent, call: CallContext) => Promise<unknown>;

/** A durable pull consumer: events of one thing one after the other, of different things side by side. */
export class EventConsumer {
  private messages?: ConsumerMessages;
  private stopping = false;
  private readonly tails = new Map<string, Promise<void>>();
  private running: Promise<void> = Promise.resolve();

  constructor(
    private readonly nats: NatsConnection,
    private readonly consumer: DurableConsumer,
    private readonly handle: Handle,
    private readonly log: (message: string) => void,
  ) {}

  start(): void {
    this.running = this.run();
  }

  /** Takes no more, finishes what it has. */
  async stop(): Promise<void> {
    this.stopping = true;
    await this.messages?.close();
    await this.running;
    await Promise.all(this.tails.values());
  }

  private async run(): Promise<void> {
    while (!this.stopping && !this.nats.isClosed()) {
      try {
        this.messages = await this.open();
        for await (const message of this.messages) this.enqueue(message);
      } catch (error) {
        if (this.stopping || this.nats.isClosed()) return;
        this.log(`${this.consumer.durable}: ${text(error)}; opening the consumer again`);
      }
      if (!this.stopping) await new Promise((wake) => setTimeout(wake, RECOVER_MS));
    }
  }

  /** Creates stream and consumer where they are missing: NATS may have been wiped. */
  private async open(): Promise<ConsumerMessages> {
    await ensureStreams(this.nats);
    const client = jetstream(this.nats);
    const manager = await client.jetstreamManager();
    await manager.consumers.add(EVENTS_STREAM, {
      durable_name: this.consumer.durable,
      filter_subject: this.consumer.filter,
      ack_policy: AckPolicy.Explicit,
      deliver_policy: DeliverPolicy.All,
      ack_wait: nanos(ACK_WAIT_MS),
      max_ack_pending: MAX_IN_FLIGHT,
    });
    const consumer = await client.consumers.get(EVENTS_STREAM, this.consumer.durable);
    return consumer.consume({ max_messages: MAX_IN_FLIGHT, abort_on_missing_resource: true });
  }

  private enqueue(message: JsMsg): void {
    const key = message.subject.slice(message.subject.lastIndexOf('.') + 1);
    const tail = (this.tails.get(key) ?? Promise.resolve()).then(() => this.process(message));
    this.tails.set(key, tail);
    void tail.finally(() => {
      if (this.tails.get(key) === tail) this.tails.delete(key);
    });
  }

  private async process(message: JsMsg): Promise<void> {
    try {
      const event = message.json<PublicEvent>();
      const parent = message.headers?.get('traceparent') || null;
      const attributes = { 'messaging.system': 'nats', 'messaging.destination.name': message.subject };
      const call = { ...readCall(message.headers), causationId: event.event_id };
      await withSpan(`${this.consumer.durable} process`, { kind: 'consumer', parent, attributes }, async () =>
        this.handle(event, call),
      );
      message.ack();
    } catch (error) {
      this.refuse(message, error);
    }
  }

  private refuse(message: JsMsg, error: unknown): void {
    if (isFinal(error)) {
      this.log(`${this.consumer.durable}: ${message.subject} given up: ${text(error)}`);
      // Without the reason: servers before NATS 2.10 ignore a term that gives one, and deliver the event for ever.
      message.term();
      return;
    }
    const delay = Math.min(100 * 2 ** (message.info.deliveryCount - 1), MAX_RETRY_DELAY_MS);
    this.log(`${this.consumer.durable}: ${message.subject} again in ${delay} ms: ${text(error)}`);
    message.nak(delay);
  }
}

/** A refusal by the rules stays a refusal; whatever broke may work the next time. */
function isFinal(error: unknown): boolean {
  if (error instanceof SyntaxError) return true;
  return (
    error instanceof ProblemError && error.problem.kind !== 'unavailable' && error.problem.kind !== 'internal'
  );
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
