/**
 * The new end of the log, followed once for all who listen in this process: read models, relay and indexes of a noun want
 * the same events, and reading and decoding them is most of what following costs. Who listens keeps a position and a
 * speed of its own: the newest events stay in a window of memory, and who falls behind it reads from the log again.
 */
import type { EventStoreDBClient, Position } from '@eventstore/db-client';
import { bulkRead } from './bulk-read.js';
import { toStoredEvent, type StoredEvent } from './stored-event.js';

/** Events with everything up to `position`; events of others may be left out. */
export interface Batch {
  events: StoredEvent[];
  /** Everything up to here is in this batch or before it; may be past the last event where others were filtered out. */
  position: Position;
}

/** As they came over the wire: some thousand events, a second of a busy log; decoded they take about five times as much. */
const WINDOW_BYTES = 2 * 1024 * 1024;

type State = 'opens' | 'follows' | 'ended' | { failure: unknown };

export class Feed {
  private readonly window: (Batch & { bytes: number })[] = [];
  private bytes = 0;
  private listeners = 0;
  private state: State = 'opens';
  private readonly left = new AbortController();
  private arrived!: Promise<void>;
  private wake!: () => void;

  /** @param begin everything after it is in the window, or was. */
  private constructor(
    private readonly client: EventStoreDBClient,
    private readonly prefixes: string[],
    private begin: bigint,
    private readonly forget: () => void,
  ) {
    this.expect();
    void this.read();
  }

  /** The feed of these streams; where nobody listens yet, it begins after `position`. Call `leave` when done. */
  static join(client: EventStoreDBClient, prefixes: string[], position: Position | null): Feed {
    let known = feeds.get(client);
    if (!known) feeds.set(client, (known = new Map<string, Feed>()));
    const key = JSON.stringify([...prefixes].sort());
    let feed = known.get(key);
    if (!feed) {
      const made = new Feed(client, prefixes, position?.commit ?? 0n, () => {
        // Another one may have taken its place, after this one broke.
        if (known.get(key) === made) known.delete(key);
      });
      known.set(key, (feed = made));
    }
    feed.listeners++;
    return feed;
  }

  leave(): void {
    if (--this.listeners > 0) return;
    this.forget();
    this.left.abort();
  }

  /**
   * What came after a position: as many messages as hold up to `max` events, one at least. Undefined: nothing yet.
   * `behind`: it is not in the window any more. `ended`: the event store does not follow.
   * @throws what ended the call to the event store.
   */
  take(after: Position | null, max: number): Batch | 'behind' | 'ended' | undefined {
    const from = after?.commit ?? 0n;
    if (from < this.begin) return 'behind';
    const first = this.window.findLastIndex(({ position }) => position.commit <= from) + 1;
    let taken: Batch | undefined;
    for (const { events, position } of this.window.slice(first)) {
      if (!taken) {
        const fresh = events[0] && events[0].position!.commit > from;
        taken = {
          events: fresh ? [...events] : events.filter((event) => event.position!.commit > from),
          position,
        };
      } else if (taken.events.length + events.length > max) break;
      else {
        taken.events.push(...events);
        taken.position = position;
      }
    }
    if (taken || this.state === 'opens' || this.state === 'follows') return taken;
    if (this.state === 'ended') return 'ended';
    throw this.state.failure;
  }

  /** The event store has begun to send: what comes will be heard of. */
  get live(): boolean {
    return this.state === 'follows';
  }

  /** Resolves when `take` may have something new to say. To be asked for before `take`. */
  arrival(): Promise<void> {
    return this.arrived;
  }

  /** Resolves `arrival` though nothing came. */
  nudge(): void {
    this.wake();
    this.expect();
  }

  private async read(): Promise<void> {
    const after = { commit: this.begin, prepare: this.begin };
    const { client, prefixes, left } = this;
    try {
      for await (const { events, position, bytes } of bulkRead({
        ...{ client, prefixes, after, signal: left.signal, follow: true },
      }))
        this.add({ events: events.flatMap((event) => toStoredEvent({ event }) ?? []), position, bytes });
      this.state = 'ended';
    } catch (failure) {
      this.state = { failure };
    }
    this.forget();
    this.nudge();
  }

  private add(batch: Batch & { bytes: number }): void {
    this.state = 'follows';
    this.window.push(batch);
    this.bytes += batch.bytes;
    while (this.bytes > WINDOW_BYTES && this.window.length > 1) {
      const oldest = this.window.shift()!;
      this.bytes -= oldest.bytes;
      this.begin = oldest.position.commit;
    }
    this.nudge();
  }

  private expect(): void {
    this.arrived = new Promise((resolve) => (this.wake = resolve));
  }
}

const feeds = new WeakMap<EventStoreDBClient, Map<string, Feed>>();
