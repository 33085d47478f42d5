import { randomUUID } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ANY, jsonEvent, NO_STREAM, type EventStoreDBClient } from '@eventstore/db-client';
import { afterEach, describe, expect, it } from '@jest/globals';
import { EventStoreProcesses } from '../test/event-store-process.js';

const processes = new EventStoreProcesses();
afterEach(() => processes.release());

/** One append: its events carry its id and size, so that a torn one would be seen. */
function batch(size: number) {
  const id = randomUUID();
  return Array.from({ length: size }, (_, n) =>
    jsonEvent({ type: 'Tried', data: { batch: id, n, size, text: 'ü'.repeat(n * 50) } }),
  );
}

interface Acknowledged {
  stream: string;
  last: bigint;
  events: ReturnType<typeof batch>;
}

async function read(client: EventStoreDBClient) {
  const events = [];
  for await (const { event } of client.readAll()) if (event) events.push(event);
  return events;
}

describe('acknowledged events', () => {
  it('survive SIGKILL in the middle of concurrent appends', async () => {
    const seed = Number(process.env['SPEC_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
    console.log(`SPEC_SEED=${seed}`);
    const random = seeded(seed);
    const directory = await processes.directory();
    const acknowledged: Acknowledged[] = [];

    for (let round = 0; round < 5; round++) {
      const store = await processes.start(directory);
      const client = store.client();
      // The kill comes with an acknowledgement, the moment when an answer sent too early would show.
      const killAt = acknowledged.length + 20 + Math.floor(random() * 400);
      const kill: { done?: Promise<unknown> } = {};
      const writers = Array.from({ length: 8 }, async () => {
        while (!kill.done) {
          const stream = `kill-${Math.floor(random() * 6)}`;
          const events = batch(1 + Math.floor(random() * 4));
          try {
            const { nextExpectedRevision } = await client.appendToStream(stream, events, {
              expectedRevision: ANY,
            });
            acknowledged.push({ stream, last: nextExpectedRevision, events });
            if (acknowledged.length >= killAt) kill.done ??= store.process.kill('SIGKILL');
          } catch (error) {
            if (!kill.done) throw error;
          }
        }
      });
      await Promise.all(writers);
      await kill.done;
      await store.disconnect();

      const restarted = await processes.start(directory);
      verify(await read(restarted.client()), acknowledged);
      await restarted.disconnect();
      await restarted.process.kill('SIGTERM');
    }
    expect(acknowledged.length).toBeGreaterThan(100);
  });

  it('are written once when the answer was lost, also after a restart', async () => {
    const directory = await processes.directory();
    let store = await processes.start(directory);
    const known = [];
    for (const expectedRevision of [NO_STREAM, ANY] as const) {
      const append = { stream: `retry-${randomUUID()}`, events: batch(3), options: { expectedRevision } };
      const first = await store.client().appendToStream(append.stream, append.events, append.options);
      await store.client().appendToStream(append.stream, batch(1));
      known.push({ ...append, first });
    }
    await store.process.kill('SIGKILL');
    store = await processes.start(directory);
    for (const { stream, events, options, first } of known)
      await expect(store.client().appendToStream(stream, events, options)).resolves.toEqual(first);
    expect(await read(store.client())).toHaveLength(8);
  });
});

describe('a damaged byte', () => {
  it('is answered with DATA_LOSS that names the event, and the others are read', async () => {
    const directory = await processes.directory();
    let store = await processes.start(directory);
    const marker = `marker-${randomUUID()}`;
    await store
      .client()
      .appendToStream('damaged', [...batch(1), jsonEvent({ type: 'Hit', data: { marker } })]);
    await store.client().appendToStream('sound', batch(2));
    await store.process.kill('SIGTERM');

    const file = join(directory, 'data.mdb');
    const bytes = await readFile(file);
    let hits = 0;
    for (let at = bytes.indexOf(marker); at >= 0; at = bytes.indexOf(marker, at + 1), hits++)
      bytes.writeUInt8(bytes.readUInt8(at + 8) ^ 1, at + 8);
    expect(hits).toBeGreaterThan(0);
    await writeFile(file, bytes);

    store = await processes.start(directory);
    const client = store.client();
    const stream = async (name: string) => {
      const seen = [];
      for await (const { event } of client.readStream(name)) seen.push(event);
      return seen;
    };
    const loss = expect.stringMatching(/stream 'damaged' revision 1 is damaged/);
    await expect(stream('damaged')).rejects.toMatchObject({ code: 15, message: loss });
    await expect(read(client)).rejects.toMatchObject({
      code: 15,
      message: expect.stringMatching(/position 2/),
    });
    await expect(stream('sound')).resolves.toHaveLength(2);
    await expect(client.appendToStream('sound', batch(1))).resolves.toMatchObject({
      nextExpectedRevision: 2n,
    });
  });
});

describe('a disk that takes no more', () => {
  it('makes appends fail and leaves reads, and the store goes on when there is room', async () => {
    const directory = await processes.directory();
    // The file may grow to 2 MiB; the signal that would kill a process that tries more is ignored.
    const full = await processes.start(directory, `trap '' XFSZ; ulimit -f 2048`);
    const client = full.client();
    const large = () => [jsonEvent({ type: 'Large', data: { text: 'x'.repeat(100_000) } }), ...batch(2)];
    let stored = 0;
    const fill = async () => {
      for (; stored < 40; stored++) await client.appendToStream('full', large());
    };
    await expect(fill()).rejects.toThrow(/failed; nothing was stored\. Check the disk and retry|is full/);
    expect(stored).toBeGreaterThan(5);
    expect(await read(client)).toHaveLength(stored * 3);
    await expect(client.appendToStream('full', large())).rejects.toThrow(/nothing was stored/);
    await full.process.kill('SIGTERM');

    const roomy = (await processes.start(directory)).client();
    const { nextExpectedRevision } = await roomy.appendToStream('full', large());
    expect(nextExpectedRevision).toBe(BigInt(stored * 3 + 2));
    expect(await read(roomy)).toHaveLength(stored * 3 + 3);
  });
});

/** All acknowledged events are there, none twice, no append torn, no revision missing, positions rising. */
function verify(all: Awaited<ReturnType<typeof read>>, acknowledged: readonly Acknowledged[]): void {
  const places = new Map(all.map((event) => [`${event.streamId}@${event.revision}`, event]));
  for (const { stream, last, events } of acknowledged)
    events.forEach((event, index) => {
      const revision = last - BigInt(events.length - 1 - index);
      expect(places.get(`${stream}@${revision}`)).toMatchObject({
        id: event.id,
        type: event.type,
        data: event.data,
      });
    });

  const ends = new Map<string, bigint>();
  const batches = new Map<string, { size: number; found: number }>();
  let position = 0n;
  for (const event of all) {
    expect(event.revision).toBe((ends.get(event.streamId) ?? -1n) + 1n);
    ends.set(event.streamId, event.revision);
    expect(event.position.commit).toBeGreaterThan(position);
    position = event.position.commit;
    const data = event.data as { batch: string; size: number };
    const entry = batches.get(data.batch) ?? { size: data.size, found: 0 };
    entry.found++;
    batches.set(data.batch, entry);
  }
  for (const { size, found } of batches.values()) expect(found).toBe(size);
  expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
}

/** mulberry32: small, and the same for the same seed. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
