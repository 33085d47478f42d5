/** Hears of each run that starts, by the delivery that wanted it: from the event store, where it is durable then. */
import { END, EventStoreDBClient, streamNameFilter } from '@eventstore/db-client';
import type { Cleanup } from '../queue/cleanup.js';

const PATIENCE_MS = 1_200_000;

export class StartedRuns {
  /** When, by delivery: `performance.now()`. */
  readonly #at = new Map<string, number>();
  #heard: () => void = () => undefined;

  constructor(eventStoreUrl: string, cleanup: Cleanup) {
    const client = EventStoreDBClient.connectionString(eventStoreUrl);
    const subscription = client.subscribeToAll({
      fromPosition: END,
      filter: streamNameFilter({ prefixes: ['run-'] }),
    });
    cleanup.add(async () => {
      await subscription.unsubscribe();
      await client.dispose();
    });
    subscription.on('data', ({ event }) => {
      if (event?.type !== 'RunStarted') return;
      const { $correlationId: delivery } = event.metadata as { $correlationId: string };
      this.#at.set(delivery, performance.now());
      this.#heard();
    });
    subscription.on('error', (error) => console.error('subscription:', error.message));
  }

  /** When each of them started. @throws Error where some do not for minutes. */
  async all(deliveries: string[]): Promise<number[]> {
    const late = performance.now() + PATIENCE_MS;
    let left = deliveries.filter((id) => !this.#at.has(id));
    while (left.length > 0) {
      if (performance.now() > late) throw new Error(`${left.length} runs have not started, ${left[0]} first`);
      await new Promise<void>((heard) => {
        const timer = setTimeout(heard, 1_000);
        this.#heard = () => (clearTimeout(timer), heard());
      });
      left = left.filter((id) => !this.#at.has(id));
    }
    return deliveries.map((id) => this.#at.get(id)!);
  }
}
