import { subscribe, type StoredEvent } from '@hybrid/event-store';
import type { EventStoreDBClient } from '@eventstore/db-client';

interface ReadLog {
  client: EventStoreDBClient;
  prefixes: string[];
  log: (message: string) => void;
}

/**
 * Gives each event to `take`, in the order of the log, to the end that it has at the call or past it; goes on where it was
 * when the event store was away meanwhile.
 * @throws what `take` throws.
 */
export async function readLog(
  { client, prefixes, log }: ReadLog,
  take: (stored: StoredEvent) => void,
): Promise<void> {
  const read = new AbortController();
  let position: { commit: bigint; prepare: bigint } | null = null;
  let failure: { error: unknown } | undefined;
  await subscribe({
    client,
    prefixes,
    signal: read.signal,
    log,
    from: () => position,
    following: (now) => now && read.abort(),
    handle: async (batch) => {
      try {
        for (const stored of batch.events) take(stored);
      } catch (error) {
        failure = { error };
        read.abort();
      }
      position = batch.position;
    },
  });
  if (failure) throw failure.error;
}
