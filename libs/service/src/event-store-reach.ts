/** Whether this process reaches the event store, looked after once a second from the first watcher on. */
import { readWithin } from '@hybrid/event-store';
import type { Reach } from '@hybrid/messaging';
import type { EventStoreDBClient } from '@eventstore/db-client';
import { Logger } from '@nestjs/common';

/** From the beginning of one look to that of the next. */
const LOOK_EVERY_MS = 1_000;
/** An event store that is slower than this is as good as away: whoever asks had better ask another replica. */
const LOOK_MS = 1_000;
/** One slow answer may be a hiccup of this process; so many in a row are none. */
const MAX_SLOW = 2;

export class EventStoreReach implements Reach {
  private readonly logger = new Logger(EventStoreReach.name);
  private readonly watchers: ((reached: boolean) => void)[] = [];
  private slow = 0;

  constructor(
    private readonly eventStore: EventStoreDBClient,
    private readonly stopping: AbortSignal,
  ) {}

  get reached(): boolean {
    return this.slow < MAX_SLOW;
  }

  watch(watcher: (reached: boolean) => void): void {
    this.watchers.push(watcher);
    if (this.watchers.length === 1) void this.look();
    if (!this.reached) watcher(false);
  }

  private async look(): Promise<void> {
    const begun = performance.now();
    const answered = await this.answers();
    if (this.stopping.aborted) return;
    const before = this.reached;
    this.slow = answered ? 0 : this.slow + 1;
    if (this.reached !== before) this.tell();
    const pause = Math.max(0, begun + LOOK_EVERY_MS - performance.now());
    setTimeout(() => void this.look(), pause).unref();
  }

  private tell(): void {
    for (const watcher of this.watchers) watcher(this.reached);
    if (!this.reached)
      this.logger.warn(
        'does not reach the event store: leaves requests and events to other replicas, if there are any; goes on by itself',
      );
  }

  private async answers(): Promise<boolean> {
    try {
      for await (const _ of readWithin(LOOK_MS, this.eventStore.readAll({ maxCount: 1 })));
      return true;
    } catch {
      return false;
    }
  }
}
