import type { EventStoreDBClient } from '@eventstore/db-client';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@hybrid/testing';
import { randomUUID } from 'node:crypto';
import { append, type NewEvent } from './appends.js';
import { connectEventStore } from './connections.js';
import { startForeignEventStore, type ForeignEventStore } from './foreign-event-store.fixtures.js';
import { startPlatform, type Platform } from './platform.fixtures.js';

/** Where success is expected: a busy machine takes its time. */
const DEADLINE_MS = 60_000;
let platform: Platform;
let foreign: ForeignEventStore;
const clients: Record<string, EventStoreDBClient> = {};

beforeAll(async () => {
  platform = await startPlatform();
  foreign = await startForeignEventStore(platform.eventStore.port);
  clients['ours'] = platform.connections.eventStore;
  clients['another'] = connectEventStore(foreign.url);
});
afterAll(async () => {
  await clients['another']?.dispose();
  foreign?.stop();
  await platform?.stop();
});

const event = (data: object = { text: 'ä\0€' }): NewEvent => ({
  id: randomUUID(),
  type: 'Happened',
  data,
  metadata: { org: 'default', note: 'ü' },
});

describe.each(['ours', 'another'])('appends to %s', (whose) => {
  const add = (stream: string, expected: bigint | null, ...events: NewEvent[]) =>
    append(clients[whose]!, { stream, expected, events, deadline: DEADLINE_MS });
  const read = async (stream: string) => {
    const found = [];
    for await (const { event } of platform.connections.eventStore.readStream(stream)) found.push(event!);
    return found;
  };

  it('hold what was given, and tell where it stands', async () => {
    const stream = `thing-${randomUUID()}`;
    const events = [event(), event({ nested: [{ deep: true }] })];
    const first = await add(stream, null, ...events);
    const second = await add(stream, 1n, event());
    const found = await read(stream);
    expect(found.slice(0, 2)).toMatchObject(
      events.map(({ id, type, data, metadata }) => ({ id, type, data, metadata, isJson: true })),
    );
    const [, last, newest] = await positions(stream);
    expect(first).toEqual({ revision: 1n, position: { commit: last, prepare: last } });
    expect(second).toEqual({ revision: 2n, position: { commit: newest, prepare: newest } });
  });

  const positions = async (stream: string) => {
    const found: bigint[] = [];
    for await (const { event } of platform.connections.eventStore.readAll())
      if (event?.streamId === stream) found.push(event.position.commit);
    return found;
  };

  it('are answered each by itself, however many are sent at once', async () => {
    const stream = `thing-${randomUUID()}`;
    const long = 'x'.repeat(1_200_000);
    const answers = await Promise.allSettled([
      ...Array.from({ length: 50 }, () => add(`thing-${randomUUID()}`, null, event())),
      add('x'.repeat(1_025), null, event()),
      add(`thing-${randomUUID()}`, null, event({ long })),
      add('$all', null, event()),
      add(stream, null, event()),
      add(stream, null, event()),
      ...Array.from({ length: 5 }, () =>
        add(`thing-${randomUUID()}`, null, event({ long: long.slice(300_000) })),
      ),
    ]);
    const done = answers.map((one) => (one.status === 'fulfilled' ? one.value?.revision : one.status));
    expect(done).toEqual([
      ...Array.from({ length: 50 }, () => 0n),
      'rejected',
      'rejected',
      'rejected',
      0n,
      undefined,
      ...Array.from({ length: 5 }, () => 0n),
    ]);
    const reasons = answers.flatMap((one) => (one.status === 'rejected' ? [String(one.reason)] : []));
    expect(reasons[0]).toMatch(/1024 bytes/);
    expect(reasons[2]).toMatch(/cannot be written/);
  });

  it('answer null at another revision, and the same again for the same ids', async () => {
    const stream = `thing-${randomUUID()}`;
    const [one, two] = [event(), event()];
    expect(await add(stream, 0n, one)).toBeNull();
    const first = await add(stream, null, one);
    expect(await add(stream, null, two)).toBeNull();
    expect(await add(stream, null, one)).toEqual(first);
    expect(await add(stream, 0n, two)).toMatchObject({ revision: 1n });
    expect(await read(stream)).toHaveLength(2);
  });

  it('fail while the event store is away, and work again after', async () => {
    await add(`thing-${randomUUID()}`, null, event());
    await platform.eventStore.kill();
    const failures = await Promise.allSettled([1, 2].map(() => add(`thing-${randomUUID()}`, null, event())));
    expect(failures.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await platform.eventStore.restart();
    await eventually(async () =>
      expect(await add(`thing-${randomUUID()}`, null, event())).toMatchObject({ revision: 0n }),
    );
  });
});
