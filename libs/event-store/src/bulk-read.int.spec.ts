import {
  binaryEvent,
  EventStoreDBClient,
  jsonEvent,
  type Position,
  type RecordedEvent,
} from '@eventstore/db-client';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import { bulkRead, BulkReadUnsupportedError } from './bulk-read.js';
import { startPlatform, type Platform } from './platform.fixtures.js';

let platform: Platform;
const never = new AbortController().signal;

beforeAll(async () => {
  platform = await startPlatform();
  const { eventStore } = platform.connections;
  for (let index = 0; index < 30; index++) {
    const category = index % 3 === 0 ? 'other' : 'thing';
    const events = Array.from({ length: 40 }, (_, number) =>
      jsonEvent({
        id: randomUUID(),
        type: 'Happened',
        data: { number, text: 'ä\0€'.repeat(number) },
        metadata: { org: 'default', long: 'x'.repeat(1_000) },
      }),
    );
    await eventStore.appendToStream(`${category}-${index}`, events);
  }
  const binary = { type: 'Bytes', data: Buffer.from([0, 255]), metadata: Buffer.from('{no JSON') };
  await eventStore.appendToStream('thing-binary', [
    binaryEvent(binary),
    jsonEvent({ type: 'Bare', data: {} }),
  ]);
});

afterAll(() => platform?.stop());

describe('reading in bulk', () => {
  it('brings the same events in the same order as the official client', async () => {
    const wanted: RecordedEvent[] = [];
    for await (const { event } of platform.connections.eventStore.readAll())
      if (event?.streamId.startsWith('thing-')) wanted.push(event);
    const found = await all(['thing-'], null);
    expect(wanted).toHaveLength(802);
    expect(found.map(comparable)).toEqual(wanted.map(comparable));
  });

  it('goes on after a position, that one excluded, in several messages', async () => {
    const events = await all(['thing-'], null);
    const middle = events[300]!.position!;
    expect((await all(['thing-'], middle)).map(({ id }) => id)).toEqual(
      events.slice(301).map(({ id }) => id),
    );
    const messages: number[] = [];
    for await (const batch of read(['thing-', 'other-'], null)) messages.push(batch.events.length);
    expect(messages.length).toBeGreaterThan(1);
  });

  it('says how far it looked where nothing is wanted', async () => {
    const batches = [];
    for await (const batch of read(['nothing-'], null)) batches.push(batch);
    expect(batches).toMatchObject([{ events: [], position: { commit: 1202n, prepare: 1202n } }]);
  });

  it('ends without an error when its reader has enough', async () => {
    const enough = new AbortController();
    let batches = 0;
    for await (const batch of read(['thing-', 'other-'], null, enough.signal)) {
      if (batch) batches++;
      enough.abort();
    }
    expect(batches).toBe(1);
  });

  it('ends when nobody wanted it any more before it began, though it would follow for ever', async () => {
    const { eventStore: client } = platform.connections;
    const late = new AbortController();
    const reading = bulkRead({ client, prefixes: [], after: null, signal: late.signal, follow: true });
    const first = reading.next();
    // While the call is opened.
    late.abort();
    expect(await first).toEqual({ done: true, value: undefined });
  });

  it('says that another event store has no such call', async () => {
    const server = new Server();
    const port = await promisify(server.bindAsync.bind(server))(
      '127.0.0.1:0',
      ServerCredentials.createInsecure(),
    );
    const client = EventStoreDBClient.connectionString(`esdb://127.0.0.1:${port}?tls=false`);
    try {
      const reading = bulkRead({ client, prefixes: [], after: null, signal: never });
      await expect(reading.next()).rejects.toBeInstanceOf(BulkReadUnsupportedError);
    } finally {
      await client.dispose();
      server.forceShutdown();
    }
  });
});

function read(prefixes: string[], after: Position | null, signal = never) {
  return bulkRead({ client: platform.connections.eventStore, prefixes, after, signal });
}

async function all(prefixes: string[], after: Position | null): Promise<RecordedEvent[]> {
  const found: RecordedEvent[] = [];
  for await (const { events } of read(prefixes, after)) found.push(...events);
  return found;
}

/** What both must agree on; whole objects, so that a property that one lacks is seen. */
function comparable({
  id,
  streamId,
  type,
  revision,
  position,
  created,
  isJson,
  data,
  metadata,
}: RecordedEvent) {
  const bytes = (value: unknown) =>
    value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value;
  return {
    ...{ id, streamId, type, revision, position, created, isJson },
    ...{ data: bytes(data), metadata: bytes(metadata) },
  };
}
