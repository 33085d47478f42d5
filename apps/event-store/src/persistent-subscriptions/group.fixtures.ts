/** A group and consumers for specs, with a clock that they set. */
import { ConsumerGroup, type Delivery, type Work } from './consumer-group.js';
import type { GroupSettings } from './group-settings.js';

export interface TestConsumer {
  name: string;
  size: number;
  held: number;
}

const settings: GroupSettings = {
  resolveLinks: false,
  extraStatistics: false,
  messageTimeoutMs: 1000,
  maxRetryCount: 2,
  checkpointAfterMs: 500,
  minCheckpointCount: 1,
  maxCheckpointCount: 100,
  maxSubscriberCount: 0,
  liveBufferSize: 10,
  readBatchSize: 5,
  historyBufferSize: 50,
  consumerStrategy: 'RoundRobin',
};

export function consumer(name: string, size: number): TestConsumer {
  return { name, size, held: 0 };
}

/** A group that begins at 0 and is driven step by step; `given` lists who got what, as `a:0`, with `#n` for retries. */
export class TestGroup {
  readonly group: ConsumerGroup<TestConsumer>;
  now = 0;
  last: Work<TestConsumer> = {
    ...{ deliveries: [], parks: [], checkpoint: undefined, truncateBefore: undefined },
  };
  private offered = 0;

  constructor(changes: Partial<GroupSettings> = {}) {
    this.group = new ConsumerGroup<TestConsumer>({ ...settings, ...changes }, -1);
  }

  join(name: string, size: number): TestConsumer {
    const joined = consumer(name, size);
    this.group.join(joined);
    return joined;
  }

  /** Offers the next events; the id of each is its number. */
  offer(count: number, pin: (number: number) => string = () => ''): void {
    for (let left = count; left > 0; left--, this.offered++)
      this.group.offer(this.offered, String(this.offered), pin(this.offered));
  }

  passOver(count: number, counted = true): void {
    for (let left = count; left > 0; left--) this.group.passOver(this.offered++, counted);
  }

  work(tick = false): Work<TestConsumer> {
    return (this.last = this.group.take(this.now, tick));
  }

  /** Lets time pass and looks at the clock. */
  tick(milliseconds: number): Work<TestConsumer> {
    this.now += milliseconds;
    return this.work(true);
  }

  given(): string[] {
    return this.work().deliveries.map(tell);
  }

  ack(...numbers: number[]): void {
    this.group.ack(numbers.map(String));
  }
}

export function tell({ consumer: { name }, message, retries }: Delivery<TestConsumer>): string {
  const number = message.source === 'parked' ? `parked ${message.number}` : String(message.number);
  return `${name}:${number}${retries > 0 ? `#${retries}` : ''}`;
}
