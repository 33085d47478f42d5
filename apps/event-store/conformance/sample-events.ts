/** Events to append, and what a spec wants to know of the events it reads. */
import {
  jsonEvent,
  type EventStoreDBClient,
  type JSONEventType,
  type ResolvedEvent,
} from '@eventstore/db-client';

export type Tried = JSONEventType<string, { n: number }>;
type Recorded = NonNullable<ResolvedEvent['event']>;

/** `count` new events, numbered from 0 in their data. */
export function events(count: number, type = 'Tried') {
  return Array.from({ length: count }, (_, n) => jsonEvent<Tried>({ type, data: { n } }));
}

/** One new event of about `bytes` bytes. */
export function eventOf(bytes: number) {
  return jsonEvent({ type: 'Large', data: { text: 'x'.repeat(bytes) } });
}

/** Reads to the end. Rejects with the client's error. */
export async function collect(read: AsyncIterable<ResolvedEvent>): Promise<Recorded[]> {
  const collected: Recorded[] = [];
  for await (const { event } of read) if (event) collected.push(event);
  return collected;
}

/** The revisions that a read of the stream gives, in its order. */
export async function revisions(
  client: EventStoreDBClient,
  ...read: Parameters<EventStoreDBClient['readStream']>
): Promise<number[]> {
  return (await collect(client.readStream(...read))).map(({ revision }) => Number(revision));
}

/** The ids of the stream's events from its start. */
export async function ids(client: EventStoreDBClient, stream: string): Promise<string[]> {
  return (await collect(client.readStream(stream))).map(({ id }) => id);
}
