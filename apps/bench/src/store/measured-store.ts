/** The operations that are measured, through the official client, on whatever store it is connected to. */
import { EventStoreDBClient, START, type JSONEventData } from '@eventstore/db-client';
import { bulkRead } from '@hybrid/event-store';
import { randomUUID } from 'node:crypto';
import { measure, type Figures } from '../latency.js';
import { payloadEvent } from './payload.js';

export class MeasuredStore {
  readonly client: EventStoreDBClient;

  constructor(readonly url: string) {
    this.client = EventStoreDBClient.connectionString(url);
  }

  /** Single events, each to a stream of its own, at most `inFlight` unanswered. */
  append(inFlight: number, count: number): Promise<Figures> {
    return measure(inFlight, count, () =>
      this.client.appendToStream(`job-${randomUUID()}`, payloadEvent(), { expectedRevision: 'any' }),
    );
  }

  /** Appends `events` events as jobs have them: four to a stream; `told` hears of every 100,000. Answers events a second. */
  async fill(events: number, told: (done: number) => void = () => {}): Promise<number> {
    const begin = performance.now();
    let left = events;
    let done = 0;
    await Promise.all(
      Array.from({ length: 64 }, async () => {
        while (left > 0) {
          const size = Math.min(left, 4);
          left -= size;
          const batch: JSONEventData[] = Array.from({ length: size }, payloadEvent);
          await this.client.appendToStream(`job-${randomUUID()}`, batch, { expectedRevision: 'any' });
          if (Math.floor(done / 100_000) < Math.floor((done += size) / 100_000)) told(done);
        }
      }),
    );
    return events / seconds(begin);
  }

  /** Events a second of one read of $all. */
  async readAll(count: number): Promise<number> {
    const begin = performance.now();
    let read = 0;
    for await (const { event } of this.client.readAll({ maxCount: count })) if (event) read++;
    return read / seconds(begin);
  }

  /** Events a second of a catch-up subscription to $all. */
  async subscribe(count: number): Promise<number> {
    const begin = performance.now();
    const subscription = this.client.subscribeToAll({ fromPosition: START });
    let read = 0;
    for await (const { event } of subscription) if (event && ++read >= count) break;
    await subscription.unsubscribe();
    return read / seconds(begin);
  }

  /** Events a second of a read in batches, past the client. */
  async bulkRead(count: number): Promise<number> {
    const begin = performance.now();
    const enough = new AbortController();
    let read = 0;
    for await (const { events } of bulkRead({
      client: this.client,
      prefixes: [],
      after: null,
      signal: enough.signal,
    })) {
      read += events.length;
      if (read >= count) enough.abort();
    }
    return read / seconds(begin);
  }

  close(): Promise<void> {
    return this.client.dispose();
  }
}

export function seconds(since: number): number {
  return (performance.now() - since) / 1000;
}
