/**
 * The state of one group of consumers: what they hold, what they must be given again, how far all is settled. Pure.
 *
 *   offer ─► waiting ─► in flight ─ack, skip──► settled
 *               ▲          │  └─park, too often──► to park ─parked─► settled
 *            retrying ◄────┘ retry, time-out, consumer gone
 *
 * It knows events by their number alone (revision or position), so that its size does not depend on theirs. A message
 * stays unsettled until its consumer or the parked stream has it; a checkpoint stands before the lowest unsettled one.
 * Times are milliseconds of any clock that never goes back.
 */
import { strategyOf, type ConsumerStrategy, type Slots } from './consumer-strategy.js';
import type { GroupSettings } from './group-settings.js';

export type NackAction = 'park' | 'retry' | 'skip' | 'stop' | 'unknown';

/** Where `number` counts: in what the group reads, or in the stream of its parked messages, which it replays. */
export type MessageSource = 'events' | 'parked';

export interface Message {
  readonly source: MessageSource;
  readonly number: number;
  /** The id that consumers settle it by. */
  readonly id: string;
  /** What the pinned strategies hash. */
  readonly pin: string;
  /** How often it was given in vain. */
  retries: number;
}

/** One message with one consumer; it counts until the message is settled, retried, or parked. */
export interface Delivery<Consumer> {
  readonly message: Message;
  readonly consumer: Consumer;
  readonly retries: number;
  readonly since: number;
  readonly deadline: number;
}

export interface Park {
  readonly message: Message;
  readonly reason: string;
}

/** What is to be done now. */
export interface Work<Consumer> {
  deliveries: Delivery<Consumer>[];
  parks: Park[];
  /** Everything up to this number is settled: keep it. */
  checkpoint: number | undefined;
  /** Replayed messages before this revision of the parked stream are settled: hide them. */
  truncateBefore: number | undefined;
}

export class ConsumerGroup<Consumer extends Slots> {
  readonly consumers = new Set<Consumer>();
  private readonly strategy: ConsumerStrategy<Consumer>;
  /** Both in ascending order, as they were offered: the first key is the lowest. */
  private readonly unsettled: Record<MessageSource, Map<number, Message>> = {
    events: new Map(),
    parked: new Map(),
  };
  private readonly waiting: Message[] = [];
  /** Ascending by number; replayed messages at the end. */
  private readonly retrying: Message[] = [];
  /** By message id, oldest first; the time-out is the same for all, so the deadlines ascend too. */
  private readonly inFlight = new Map<string, Delivery<Consumer>>();
  private parks: Park[] = [];
  private scannedTo: number;
  private checkpointed: number;
  private checkpointedAt = -Infinity;
  private uncounted = 0;
  private replayedTo = 0;
  private truncatedTo = 0;

  /** `settledTo`: the number up to which everything is settled, one less than the first to be offered. */
  constructor(
    private readonly settings: GroupSettings,
    settledTo: number,
  ) {
    this.strategy = strategyOf(settings.consumerStrategy);
    this.scannedTo = this.checkpointed = settledTo;
  }

  get counts(): { waiting: number; retrying: number; inFlight: number } {
    return { waiting: this.waiting.length, retrying: this.retrying.length, inFlight: this.inFlight.size };
  }

  /** How many more events may be offered. */
  get room(): number {
    return Math.max(0, this.settings.historyBufferSize - this.waiting.length - this.retrying.length);
  }

  /** How many more parked messages may be offered; apart from `room`, as they go before what waits. */
  get replayRoom(): number {
    return Math.max(0, Math.max(1, this.settings.readBatchSize) - this.retrying.length);
  }

  /** The next event, whose number is above all that were offered or passed over. */
  offer(number: number, id: string, pin: string): void {
    this.scannedTo = number;
    this.waiting.push(this.unsettledMessage('events', number, id, pin));
  }

  /** The group does not want the event `number`. Its own bookkeeping is not `counted`, or it would never rest. */
  passOver(number: number, counted: boolean): void {
    this.scannedTo = number;
    if (!counted) this.uncounted++;
  }

  /** A parked message to be given again, after all that were replayed before. */
  replay(number: number, id: string, pin: string): void {
    this.replayedTo = number + 1;
    this.retrying.push(this.unsettledMessage('parked', number, id, pin));
  }

  /** The parked message `number` leads to nothing any more. */
  passOverParked(number: number): void {
    this.replayedTo = number + 1;
  }

  join(consumer: Consumer): void {
    this.consumers.add(consumer);
    this.strategy.joined(consumer);
  }

  /** What it held is given to others, however often that was: a consumer that goes says nothing about its messages. */
  leave(consumer: Consumer): void {
    if (!this.consumers.delete(consumer)) return;
    this.strategy.left(consumer);
    for (const delivery of [...this.inFlight.values()])
      if (delivery.consumer === consumer) this.retry(this.release(delivery));
  }

  /** Settles what is in flight under these ids, whoever holds it; other ids are without effect. */
  ack(ids: readonly string[]): Delivery<Consumer>[] {
    const acked = this.held(ids);
    for (const delivery of acked) this.settle(this.release(delivery));
    return acked;
  }

  /** As EventStoreDB: 'stop' settles like 'skip', 'unknown' retries. */
  nack(ids: readonly string[], action: NackAction, reason: string): void {
    for (const delivery of this.held(ids)) {
      const message = this.release(delivery);
      switch (action) {
        case 'park':
          this.parks.push({ message, reason: `Client explicitly NAK'ed message.\n${reason}` });
          break;
        case 'retry':
        case 'unknown':
          this.retryOrPark(message);
          break;
        case 'skip':
        case 'stop':
          this.settle(message);
          break;
      }
    }
  }

  /** The message is in the parked stream, or there is nothing left of it. */
  settle(message: Message): void {
    this.unsettled[message.source].delete(message.number);
  }

  /** Whether the delivery still counts: neither settled nor timed out. */
  holds(delivery: Delivery<Consumer>): boolean {
    return this.inFlight.get(delivery.message.id) === delivery;
  }

  /** The work that the inputs since the last call have made. `tick`: look at the clock too. */
  take(now: number, tick: boolean): Work<Consumer> {
    if (tick) this.expire(now);
    const deliveries = this.deliver(now);
    const parks = this.parks;
    this.parks = [];
    return {
      deliveries,
      parks,
      checkpoint: this.checkpoint(now, tick),
      truncateBefore: this.truncation(tick),
    };
  }

  private unsettledMessage(source: MessageSource, number: number, id: string, pin: string): Message {
    const message: Message = { source, number, id, pin, retries: 0 };
    this.unsettled[source].set(number, message);
    return message;
  }

  private held(ids: readonly string[]): Delivery<Consumer>[] {
    return ids.map((id) => this.inFlight.get(id)).filter((delivery) => delivery !== undefined);
  }

  private release({ message, consumer }: Delivery<Consumer>): Message {
    if (this.inFlight.delete(message.id)) consumer.held--;
    return message;
  }

  private expire(now: number): void {
    for (const delivery of this.inFlight.values()) {
      if (delivery.deadline > now) return;
      this.retryOrPark(this.release(delivery));
    }
  }

  private retryOrPark(message: Message): void {
    const { maxRetryCount } = this.settings;
    if (message.retries < maxRetryCount) this.retry(message);
    else this.parks.push({ message, reason: `Reached retry count of ${maxRetryCount}` });
  }

  private retry(message: Message): void {
    message.retries++;
    const before =
      message.source === 'parked'
        ? -1
        : this.retrying.findIndex(({ source, number }) => source === 'parked' || number > message.number);
    this.retrying.splice(before < 0 ? this.retrying.length : before, 0, message);
  }

  private deliver(now: number): Delivery<Consumer>[] {
    const deliveries: Delivery<Consumer>[] = [];
    for (const queue of [this.retrying, this.waiting]) {
      let index = 0;
      while (index < queue.length) {
        const message = queue[index];
        // Two streams may hold the same event id: the second waits, or one ack would settle both.
        const chosen = !message || this.inFlight.has(message.id) ? 'busy' : this.strategy.choose(message.pin);
        if (chosen === 'full') return deliveries;
        if (!message || chosen === 'busy') index++;
        else {
          queue.splice(index, 1);
          deliveries.push(this.give(message, chosen, now));
        }
      }
    }
    return deliveries;
  }

  private give(message: Message, consumer: Consumer, now: number): Delivery<Consumer> {
    const { retries } = message;
    const deadline = now + this.settings.messageTimeoutMs;
    const delivery: Delivery<Consumer> = { message, consumer, retries, since: now, deadline };
    consumer.held++;
    this.inFlight.set(message.id, delivery);
    return delivery;
  }

  /** Due when enough is settled and some time has passed, or when very much is settled. */
  private checkpoint(now: number, tick: boolean): number | undefined {
    const { minCheckpointCount, maxCheckpointCount, checkpointAfterMs } = this.settings;
    const settledTo = this.lowest('events', this.scannedTo + 1) - 1;
    const progress = settledTo - this.checkpointed - this.uncounted;
    const due = tick && now - this.checkpointedAt >= checkpointAfterMs && progress >= minCheckpointCount;
    if (progress <= 0 || !(due || progress >= maxCheckpointCount)) return undefined;
    this.checkpointed = settledTo;
    this.checkpointedAt = now;
    this.uncounted = 0;
    return settledTo;
  }

  private truncation(tick: boolean): number | undefined {
    const upTo = this.lowest('parked', this.replayedTo);
    if (upTo <= this.truncatedTo || !(tick || upTo === this.replayedTo)) return undefined;
    this.truncatedTo = upTo;
    return upTo;
  }

  private lowest(source: MessageSource, otherwise: number): number {
    for (const number of this.unsettled[source].keys()) return number;
    return otherwise;
  }
}
