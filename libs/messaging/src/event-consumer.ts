/** A durable pull consumer: events of one thing one after the other, of different things side by side. */
import {
  EVENTS_STREAM,
  ProblemError,
  REPLAY_MS,
  type CallContext,
  type ConsumerReplay,
  type ConsumerView,
  type PublicEvent,
} from '@hybrid/contracts';
import { meter, withSpan } from '@hybrid/telemetry';
import {
  AckPolicy,
  DeliverPolicy,
  jetstream,
  jetstreamManager,
  type ConsumerMessages,
  type JsMsg,
} from '@nats-io/jetstream';
import { nanos, type NatsConnection } from '@nats-io/transport-node';
import { readCall } from './call-headers.js';
import type { DurableConsumer } from './handlers.js';
import { ParkedEvents, type Delivery } from './parked-events.js';
import { ensureStreams } from './streams.js';

/** Longer than the slowest handler: a request to another service that times out, twice. */
const ACK_WAIT_MS = 30_000;
const MAX_RETRY_DELAY_MS = 30_000;
const RECOVER_MS = 500;
const MAX_IN_FLIGHT = 200;
/** With the pauses between them these take 50 s: longer than anything that mends itself, but for what is away. */
const MAX_TRIES = 10;
/** Failures are counted for so many events at most; others of them may have been handled by another replica. */
const MAX_COUNTED = 1_000;

const parkings = meter.createCounter('hybrid_consumer_parked', {
  description: 'events that this process gave up and parked',
});
const parkedNow = meter.createObservableGauge('hybrid_consumer_parked_events', {
  description: 'events that wait, parked, for a replay',
});

type Handle = (event: PublicEvent, call: CallContext) => Promise<unknown>;

interface Say {
  warn: (message: string) => void;
  /** For what somebody has to look at. */
  alert: (message: string) => void;
}

export class EventConsumer {
  private messages?: ConsumerMessages;
  private stopping = false;
  private takesPart = true;
  private readonly tails = new Map<string, Promise<void>>();
  private running: Promise<void> = Promise.resolve();
  private readonly parked: ParkedEvents;
  /** By sequence in EVENTS. Not the count of deliveries: that one grows while a service is away, too. */
  private readonly failures = new Map<number, number>();

  constructor(
    private readonly nats: NatsConnection,
    private readonly consumer: DurableConsumer,
    private readonly handle: Handle,
    private readonly say: Say,
  ) {
    this.parked = new ParkedEvents(nats, consumer.durable);
  }

  get durable(): string {
    return this.consumer.durable;
  }

  start(): void {
    parkedNow.addCallback(this.observe);
    this.running = this.run();
  }

  /** Takes no more, finishes what it has. */
  async stop(): Promise<void> {
    this.stopping = true;
    parkedNow.removeCallback(this.observe);
    await this.messages?.close();
    await this.running;
    await Promise.all(this.tails.values());
  }

  /** False: new events are left to other replicas, or wait for the time when this one takes part again. */
  takePart(now: boolean): void {
    this.takesPart = now;
    if (!now) this.messages?.stop();
  }

  async view(): Promise<ConsumerView> {
    const { consumers } = await jetstreamManager(this.nats);
    const { num_pending, num_ack_pending } = await consumers.info(EVENTS_STREAM, this.durable);
    return {
      durable: this.durable,
      pending: num_pending,
      in_progress: num_ack_pending,
      parked: await this.parked.count(),
    };
  }

  /** Hands parked events to the handler again, oldest first, each in turn with newer ones of its thing. */
  async replay(): Promise<ConsumerReplay> {
    const deadline = performance.now() + REPLAY_MS;
    const failed: ConsumerReplay['failed'] = [];
    let replayed = 0;
    for await (const event of this.parked.all()) {
      try {
        await this.inTurn(event.subject, () => this.deliver(event));
        await this.parked.remove(event);
        replayed++;
      } catch (error) {
        failed.push({ event_id: event.id, reason: text(error) });
      }
      if (this.stopping || performance.now() > deadline) break;
    }
    return { replayed, failed, parked: await this.parked.count() };
  }

  private readonly observe: Parameters<typeof parkedNow.addCallback>[0] = async (result) => {
    // Never in the way of the other metrics.
    const count = await this.parked.count().catch(() => null);
    if (count !== null) result.observe(count, { durable: this.durable });
  };

  private async run(): Promise<void> {
    while (!this.stopping && !this.nats.isClosed()) {
      let watch: { stop?: () => void } | undefined;
      try {
        if (this.takesPart) {
          this.messages = await this.open();
          // It was asked to stop before there was anything to close. The loop below then ends at once; not waited for, as
          // only the loop brings the end about.
          if (this.stopping || !this.takesPart) void this.messages.close();
          watch = this.reopenOnReconnect(this.messages);
          for await (const message of this.messages)
            void this.inTurn(message.subject, () => this.process(message));
        }
      } catch (error) {
        if (this.stopping || this.nats.isClosed()) return;
        this.say.warn(`${this.durable}: ${text(error)}; opening the consumer again`);
      } finally {
        watch?.stop?.();
      }
      if (!this.stopping) await new Promise((wake) => setTimeout(wake, RECOVER_MS));
    }
  }

  /** The server may be an empty one now: without this the client finds out by the heartbeats that it misses, in half a minute. */
  private reopenOnReconnect(messages: ConsumerMessages): { stop?: () => void } {
    const status = this.nats.status() as AsyncIterable<{ type: string }> & { stop?: () => void };
    void (async () => {
      for await (const { type } of status) if (type === 'reconnect') return messages.stop();
    })();
    return status;
  }

  /** Creates stream and consumer where they are missing: NATS may have been wiped. */
  private async open(): Promise<ConsumerMessages> {
    await ensureStreams(this.nats);
    // A wiped stream counts from 1 again.
    this.failures.clear();
    const client = jetstream(this.nats);
    const manager = await client.jetstreamManager();
    await manager.consumers.add(EVENTS_STREAM, {
      durable_name: this.durable,
      filter_subject: this.consumer.filter,
      ack_policy: AckPolicy.Explicit,
      deliver_policy: DeliverPolicy.All,
      ack_wait: nanos(ACK_WAIT_MS),
      max_ack_pending: MAX_IN_FLIGHT,
    });
    const consumer = await client.consumers.get(EVENTS_STREAM, this.durable);
    return consumer.consume({ max_messages: MAX_IN_FLIGHT, abort_on_missing_resource: true });
  }

  /** After all that was given before it for the same thing, whatever became of that. */
  private inTurn<T>(subject: string, work: () => Promise<T>): Promise<T> {
    const key = subject.slice(subject.lastIndexOf('.') + 1);
    const done = (this.tails.get(key) ?? Promise.resolve()).then(work);
    const tail = done.then(
      () => undefined,
      () => undefined,
    );
    this.tails.set(key, tail);
    void tail.finally(() => {
      if (this.tails.get(key) === tail) this.tails.delete(key);
    });
    return done;
  }

  private async deliver({ subject, data, headers }: Delivery): Promise<void> {
    const event = JSON.parse(new TextDecoder().decode(data)) as PublicEvent;
    const parent = headers?.get('traceparent') || null;
    const attributes = { 'messaging.system': 'nats', 'messaging.destination.name': subject };
    const call = { ...readCall(headers), causationId: event.event_id };
    await withSpan(`${this.durable} process`, { kind: 'consumer', parent, attributes }, async () =>
      this.handle(event, call),
    );
  }

  /** Never rejects. */
  private async process(message: JsMsg): Promise<void> {
    try {
      await this.deliver(message);
      this.failures.delete(message.seq);
      message.ack();
    } catch (error) {
      await this.refuse(message, error);
    }
  }

  private async refuse(message: JsMsg, error: unknown): Promise<void> {
    if (!isAway(error)) {
      const tries = (this.failures.get(message.seq) ?? 0) + 1;
      if (isFinal(error) || tries >= (this.consumer.maxTries ?? MAX_TRIES))
        return this.park(message, error, tries);
      this.count(message.seq, tries);
    }
    const delay = Math.min(100 * 2 ** (message.info.deliveryCount - 1), MAX_RETRY_DELAY_MS);
    this.say.warn(`${this.durable}: ${message.subject} again in ${delay} ms: ${text(error)}`);
    message.nak(delay);
  }

  private count(seq: number, tries: number): void {
    this.failures.delete(seq);
    this.failures.set(seq, tries);
    const [oldest] = this.failures.keys();
    if (this.failures.size > MAX_COUNTED) this.failures.delete(oldest!);
  }

  /** Acknowledged only when it is safe in PARKED. */
  private async park(message: JsMsg, error: unknown, tries: number): Promise<void> {
    const { subject, seq } = message;
    try {
      await this.parked.park(message, idOf(message), text(error), tries);
    } catch (cause) {
      this.say.alert(`${this.durable}: ${subject} could not be parked: ${text(cause)}; trying again`);
      this.count(seq, tries);
      message.nak(MAX_RETRY_DELAY_MS);
      return;
    }
    message.ack();
    this.failures.delete(seq);
    parkings.add(1, { durable: this.durable });
    this.say.alert(
      `${this.durable}: ${subject} is parked after ${tries} ${tries === 1 ? 'try' : 'tries'}: ${text(error)}; mend the cause, then \`hybrid consumer replay ${this.durable}\``,
    );
  }
}

/** What it needs does not answer: no fault of the event's, however long it takes. */
function isAway(error: unknown): boolean {
  return error instanceof ProblemError && error.problem.kind === 'unavailable';
}

/** A refusal by the rules stays a refusal; whatever broke may work the next time, and so may losing a race too often. */
function isFinal(error: unknown): boolean {
  if (error instanceof SyntaxError) return true;
  if (!(error instanceof ProblemError)) return false;
  const { kind, code } = error.problem;
  return kind !== 'internal' && code !== 'conflict';
}

/** The same for every delivery of an event, also where NATS was wiped in between. */
function idOf(message: JsMsg): string {
  const id = message.headers?.get('Nats-Msg-Id') ?? '';
  return /^[A-Za-z0-9_-]{1,100}$/.test(id) ? id : `message-${message.seq}`;
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
