import type { StreamingRead } from '@eventstore/db-client';

/**
 * A read of the official client, which itself has no deadline for reads. To be read to its end: what is left half-way
 * stays in memory until the client is closed.
 * @throws Error when it is not over in time; what the read throws.
 */
export async function* readWithin<E>(ms: number, reading: StreamingRead<E>): AsyncGenerator<E> {
  // What comes of it when nobody looks any more is nobody's business.
  reading.on('error', () => undefined);
  const late = setTimeout(() => {
    reading.cancel().catch(() => undefined);
    reading.destroy(new Error(`the event store did not answer a read within ${ms} ms`));
  }, ms);
  try {
    yield* reading as AsyncIterable<E>;
  } finally {
    clearTimeout(late);
  }
}
