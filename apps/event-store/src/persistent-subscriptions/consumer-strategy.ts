/** Which consumer of a group takes the next message, as EventStoreDB's named strategies choose. Pure. */
import { crc32 } from 'node:zlib';

/** EventStoreDB's number; enough that a handful of consumers share the buckets evenly. */
const BUCKETS = 1024;

export const STRATEGIES = ['DispatchToSingle', 'RoundRobin', 'Pinned', 'PinnedByCorrelation'] as const;
export type StrategyName = (typeof STRATEGIES)[number];

/** A consumer as far as a strategy sees it: it asked for `size` messages and holds `held` of them. */
export interface Slots {
  readonly size: number;
  held: number;
}

export interface ConsumerStrategy<Consumer extends Slots> {
  joined(consumer: Consumer): void;
  left(consumer: Consumer): void;
  /** 'full': nobody takes anything now. 'busy': not this message, but perhaps the next. */
  choose(pin: string): Consumer | 'full' | 'busy';
}

export function strategyOf<Consumer extends Slots>(name: StrategyName): ConsumerStrategy<Consumer> {
  switch (name) {
    case 'DispatchToSingle':
      return new Rotation<Consumer>(false);
    case 'RoundRobin':
      return new Rotation<Consumer>(true);
    case 'Pinned':
    case 'PinnedByCorrelation':
      return new Buckets<Consumer>();
  }
}

/** One after the other: moving on after each message, or only when the first one is full. */
class Rotation<Consumer extends Slots> implements ConsumerStrategy<Consumer> {
  private readonly consumers: Consumer[] = [];

  constructor(private readonly afterEach: boolean) {}

  joined(consumer: Consumer): void {
    this.consumers.push(consumer);
  }

  left(consumer: Consumer): void {
    this.consumers.splice(this.consumers.indexOf(consumer), 1);
  }

  choose(): Consumer | 'full' {
    for (let tries = this.consumers.length; tries > 0; tries--) {
      const [first] = this.consumers;
      if (!first) return 'full';
      const free = hasRoom(first);
      if (!free || this.afterEach) this.consumers.push(...this.consumers.splice(0, 1));
      if (free) return first;
    }
    return 'full';
  }
}

/** Messages of one key fall into one bucket, and a bucket belongs to one consumer as long as that one is there. */
class Buckets<Consumer extends Slots> implements ConsumerStrategy<Consumer> {
  private readonly owners = new Array<Consumer | undefined>(BUCKETS).fill(undefined);
  private readonly owned = new Map<Consumer, number>();

  /** A newcomer gets what the others have above their fair share. */
  joined(consumer: Consumer): void {
    this.owned.set(consumer, 0);
    const assigned = [...this.owned.values()].reduce((sum, count) => sum + count, 0);
    const fair = Math.ceil(assigned / this.owned.size);
    this.owners.forEach((owner, bucket) => {
      if (owner && owner !== consumer && this.countOf(owner) > fair) this.give(bucket, consumer);
    });
  }

  /** Its buckets find an owner when a message needs one. */
  left(consumer: Consumer): void {
    this.owned.delete(consumer);
    this.owners.forEach((owner, bucket) => {
      if (owner === consumer) this.owners[bucket] = undefined;
    });
  }

  choose(pin: string): Consumer | 'full' | 'busy' {
    const consumers = [...this.owned.keys()];
    if (!consumers.some(hasRoom)) return 'full';
    const bucket = crc32(pin) % BUCKETS;
    if (!this.owners[bucket])
      this.give(
        bucket,
        consumers.reduce((least, next) => (this.countOf(next) < this.countOf(least) ? next : least)),
      );
    const owner = this.owners[bucket];
    return owner && hasRoom(owner) ? owner : 'busy';
  }

  private give(bucket: number, consumer: Consumer): void {
    const before = this.owners[bucket];
    if (before) this.owned.set(before, this.countOf(before) - 1);
    this.owners[bucket] = consumer;
    this.owned.set(consumer, this.countOf(consumer) + 1);
  }

  private countOf(consumer: Consumer): number {
    return this.owned.get(consumer) ?? 0;
  }
}

function hasRoom({ size, held }: Slots): boolean {
  return held < size;
}
