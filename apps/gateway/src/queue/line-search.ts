/** Finds the chunk that holds a line, by halving: a log of a gigabyte is not read from its start for a link to its end. */
import type { NatsConnection } from '@nats-io/transport-node';
import { chunkAt, type Place } from './job-log.js';

/** The place before line `line` of an attempt; nothing where the attempt has no lines. */
export async function placeBefore(
  nats: NatsConnection,
  address: { org: string; jobId: string; attempt: number },
  line: number,
): Promise<Place | undefined> {
  const { attempt } = address;
  const first = await chunkAt(nats, address, 'first');
  const newest = await chunkAt(nats, address, 'last');
  if (!first || !newest) return undefined;
  let low = first.sequence;
  let high = newest.sequence;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    const chunk = await chunkAt(nats, address, middle);
    if (chunk && chunk.sequence <= high && chunk.line <= line) low = chunk.sequence;
    else high = middle - 1;
  }
  return { sequence: low, attempt, line: line - 1 };
}
