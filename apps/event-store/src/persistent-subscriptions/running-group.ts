/**
 * A group at work: reads ahead as far as its buffer allows, hands messages to consumers, keeps checkpoints and parked
 * messages. What to do is decided in ConsumerGroup; here it is done.
 */
import { setImmediate as turn } from 'node:timers/promises';
import type { RecordedEvent } from '../store/event-record.js';
import type { EventStore } from '../store/event-store.js';
import { resolveLink, type ResolvedEvent } from '../store/links.js';
import { StoreClosedError, StreamDeletedError } from '../store/store-errors.js';
import type { WriteOutcome } from '../store/write-transaction.js';
import { park, readCheckpoint, truncateParked, writeCheckpoint } from './bookkeeping.js';
import { ConsumerGroup, type Delivery, type Message, type NackAction, type Park } from './consumer-group.js';
import { GroupError } from './group-errors.js';
import { keyOf, type GroupDefinition } from './group-settings.js';
import { sourceOf, type GroupSource } from './group-source.js';
import type { Latencies } from './latencies.js';
import { ParkedMessages } from './parked-messages.js';
import { pinOf } from './pin.js';
import { Rate } from './rate.js';

/** Events passed over before other calls get their turn. */
const SCAN_BEFORE_TURN = 200;

/** One connected consumer: how much it takes, and where its messages and the end of its call go. */
export interface GroupConsumer {
  readonly size: number;
  held: number;
  /** Host and port. */
  readonly from: string;
  readonly username: string;
  readonly connectionName: string;
  readonly delivered: Rate;
  /** Only with extra statistics. */
  readonly latencies: Latencies | undefined;
  deliver(delivery: Delivery<GroupConsumer>): void;
  drop(error: Error): void;
}

export class RunningGroup {
  readonly key: string;
  readonly source: GroupSource;
  readonly delivered = new Rate();
  private readonly group: ConsumerGroup<GroupConsumer>;
  private readonly parked: ParkedMessages;
  private readonly running: Promise<void>;
  private readonly writes = new Set<Promise<void>>();
  private next: number;
  private live = false;
  private stopped = false;
  private fault: Error | undefined;
  private nudge = new AbortController();
  private checkpointing = false;
  private nextCheckpoint: number | undefined;
  private unparked: Park[] = [];
  private lastCheckpoint: string | undefined;
  private lastKnown: number | undefined;

  /** Goes on behind its last checkpoint, or starts at `definition.first`. Throws DamagedRecordError. */
  constructor(
    private readonly store: EventStore,
    readonly definition: GroupDefinition,
  ) {
    this.key = keyOf(definition);
    this.source = sourceOf(store, definition);
    this.parked = new ParkedMessages(store, this.key);
    this.lastKnown = this.readCheckpoint();
    this.next = this.lastKnown === undefined ? definition.first : this.lastKnown + 1;
    this.group = new ConsumerGroup(definition.settings, this.next - 1);
    this.running = this.run();
  }

  get consumers(): ReadonlySet<GroupConsumer> {
    return this.group.consumers;
  }

  /** Figures for infos; `checkpoint` and `lastKnown` as the source formats them. Throws DamagedRecordError. */
  get figures() {
    return {
      ...this.group.counts,
      live: this.live,
      replaying: this.parked.isReplaying,
      checkpoint: this.lastCheckpoint,
      lastKnown: this.lastKnown === undefined ? undefined : this.source.format(this.lastKnown),
      parked: this.parked.count,
    };
  }

  /** Adds a consumer. Throws GroupError 'maximum-subscribers-reached', or 'dropped' when the group is at its end. */
  join(consumer: GroupConsumer): void {
    const { stream, group, settings } = this.definition;
    const { maxSubscriberCount } = settings;
    if (this.stopped || this.fault) throw this.dropped();
    if (maxSubscriberCount > 0 && this.consumers.size >= maxSubscriberCount)
      throw new GroupError('maximum-subscribers-reached', stream, group);
    this.group.join(consumer);
    this.work(false);
  }

  leave(consumer: GroupConsumer): void {
    this.group.leave(consumer);
    this.work(false);
  }

  ack(ids: readonly string[]): void {
    for (const { consumer, since } of this.group.ack(ids)) consumer.latencies?.add(performance.now() - since);
    this.work(false);
  }

  nack(ids: readonly string[], action: NackAction, reason: string): void {
    this.group.nack(ids, action, reason);
    this.work(false);
  }

  /** Looks at the clock: time-outs, checkpoints, and what could not be written before. */
  tick(): void {
    if (this.stopped || this.fault) return;
    for (const parked of this.unparked.splice(0)) this.park(parked);
    this.keepCheckpoint();
    this.work(true);
  }

  /** Gives parked messages again, the first `count` or all there are now; without effect while it does so. */
  replayParked(count: number | undefined): void {
    if (this.parked.startReplay(count)) this.nudge.abort();
  }

  holds(delivery: Delivery<GroupConsumer>): boolean {
    return !this.stopped && this.group.holds(delivery);
  }

  /** The event to give to the consumer, as it is now; nothing when the delivery no longer counts or nothing is left. */
  eventFor(delivery: Delivery<GroupConsumer>): ResolvedEvent | undefined {
    if (!this.holds(delivery)) return undefined;
    try {
      const resolved = this.resolve(delivery.message);
      if (!resolved) this.ack([delivery.message.id]);
      return resolved;
    } catch (error) {
      this.fail(error);
      return undefined;
    }
  }

  /** Drops the consumers; resolves when nothing more is written. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.dropAll();
    this.nudge.abort();
    await this.running;
    await Promise.all(this.writes);
  }

  private readCheckpoint(): number | undefined {
    const text = readCheckpoint(this.store, this.key);
    if (text === undefined) return undefined;
    const number = this.source.parse(text);
    if (!Number.isSafeInteger(number)) {
      this.complain(`its checkpoint '${text}', which somebody else wrote, cannot be read; it starts over.`);
      return undefined;
    }
    this.lastCheckpoint = text;
    return number;
  }

  private async run(): Promise<void> {
    // Not before whoever made the group has it in hand.
    await turn();
    while (!this.stopped && !this.fault) {
      this.nudge = new AbortController();
      try {
        const found = this.read();
        this.work(false);
        // Waiting begins in the turn of the look at the store: what comes after it wakes.
        if (found) await turn();
        else await this.store.changes.next(this.source.stream, this.nudge.signal);
      } catch (error) {
        this.fail(error);
      }
    }
  }

  /** Takes a batch into the group, parked messages to be replayed first; answers whether there was anything. */
  private read(): boolean {
    const { readBatchSize, resolveLinks, consumerStrategy } = this.definition.settings;
    let found = 0;
    for (const { number, resolved } of this.parked.next(this.group.replayRoom)) {
      found++;
      const id = resolved?.link?.id;
      if (resolved && id)
        this.group.replay(
          number,
          id,
          pinOf(consumerStrategy, () => resolved),
        );
      else this.group.passOverParked(number);
    }
    let room = Math.min(this.group.room, Math.max(1, readBatchSize));
    if (room === 0) return found > 0;
    const foundBefore = found;
    for (const { number, event, counted } of this.source.pass(this.next)) {
      this.next = number + 1;
      if (event) {
        const pin = pinOf(consumerStrategy, () => this.shown(event, resolveLinks));
        this.group.offer(number, event.id, pin);
        this.lastKnown = number;
        room--;
      } else this.group.passOver(number, counted);
      if (++found >= SCAN_BEFORE_TURN || room === 0) break;
    }
    this.live = found === foundBefore;
    return found > 0;
  }

  /** Does what is to be done now; reads on if that made room. */
  private work(tick: boolean): void {
    if (this.stopped || this.fault) return;
    const { room } = this.group;
    const { deliveries, parks, checkpoint, truncateBefore } = this.group.take(performance.now(), tick);
    for (const delivery of deliveries) {
      this.delivered.add();
      delivery.consumer.delivered.add();
      delivery.consumer.deliver(delivery);
    }
    for (const parked of parks) this.park(parked);
    if (checkpoint !== undefined) {
      this.nextCheckpoint = checkpoint;
      this.keepCheckpoint();
    }
    if (truncateBefore !== undefined)
      this.write(
        'how far parked messages were replayed',
        truncateParked(this.store, this.key, truncateBefore),
      );
    if (this.group.room > room || this.parked.isReplaying) this.nudge.abort();
  }

  /** One at a time, as EventStoreDB: what is settled meanwhile is kept after it. */
  private keepCheckpoint(): void {
    if (this.checkpointing || this.nextCheckpoint === undefined || this.stopped) return;
    const number = this.nextCheckpoint;
    const text = this.source.format(number);
    this.nextCheckpoint = undefined;
    this.checkpointing = true;
    this.write(
      'a checkpoint',
      writeCheckpoint(this.store, this.key, text),
      () => {
        this.lastCheckpoint = text;
        this.checkpointing = false;
        this.keepCheckpoint();
      },
      () => {
        this.checkpointing = false;
        this.nextCheckpoint ??= number;
      },
    );
  }

  /** The message stays unsettled until the parked stream has it, so that it is never nowhere. */
  private park(parked: Park): void {
    const { message, reason } = parked;
    const done = () => {
      this.group.settle(message);
      this.work(false);
    };
    const keep = () => void this.unparked.push(parked);
    try {
      const resolved = this.resolve(message);
      if (resolved) this.write('a parked message', park(this.store, this.key, resolved, reason), done, keep);
      else done();
    } catch (error) {
      this.fail(error);
    }
  }

  /** Follows a write to its end. The store itself reports failed ones; `failed` arranges for another try. */
  private write(
    what: string,
    writing: Promise<WriteOutcome>,
    done: () => void = () => undefined,
    failed: () => void = () => undefined,
  ): void {
    const settled = writing.then((outcome) => {
      if (outcome.kind === 'deleted')
        this.complain(
          `${what} is lost, as its stream was deleted for good. Delete the group and create it anew.`,
        );
      done();
    }, failed);
    this.writes.add(settled);
    void settled.finally(() => this.writes.delete(settled));
  }

  private resolve({ source, number }: Message): ResolvedEvent | undefined {
    if (source === 'parked') return this.parked.resolve(number);
    const event = this.source.eventOf(number);
    return event && this.shown(event, this.definition.settings.resolveLinks);
  }

  private shown(event: RecordedEvent, resolveLinks: boolean): ResolvedEvent {
    return resolveLinks ? resolveLink(this.store, event) : { event, link: undefined };
  }

  /** As EventStoreDB: a group that cannot be read drops its consumers and takes none until it is started again. */
  private fail(error: unknown): void {
    if (this.stopped || this.fault) return;
    this.fault = error instanceof Error ? error : new Error(String(error));
    if (!(error instanceof StreamDeletedError || error instanceof StoreClosedError))
      this.complain(`it stands still: ${this.fault.stack ?? this.fault.message}`);
    this.dropAll();
  }

  private dropAll(): void {
    for (const consumer of [...this.consumers]) {
      this.group.leave(consumer);
      consumer.drop(this.dropped());
    }
  }

  private dropped(): GroupError {
    const { stream, group } = this.definition;
    return new GroupError('dropped', stream, group, '', { cause: this.fault });
  }

  private complain(what: string): void {
    process.stderr.write(`event-store: persistent subscription '${this.key}': ${what}\n`);
  }
}
