/** Limits of our own, beyond EventStoreDB's: refused with a reason, and without a line on stderr. */
import { randomUUID } from 'node:crypto';
import { ANY, jsonEvent, type EventStoreDBClient } from '@eventstore/db-client';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EventStoreProcesses, type StartedEventStore } from '../test/event-store-process.js';

const processes = new EventStoreProcesses();
let store: StartedEventStore;
let client: EventStoreDBClient;

beforeAll(async () => {
  store = await processes.start(await processes.directory());
  client = store.client();
});
afterAll(() => processes.release());

const event = (id: string = randomUUID()) => jsonEvent({ id, type: 'Tried', data: { id } });
const newStream = () => `try-${randomUUID()}`;

describe.each([
  ['BatchAppend', {}],
  ['Append', { credentials: { username: 'admin', password: 'changeit' } }],
])('%s', (_call, options) => {
  const append = (stream: string, events: ReturnType<typeof event>[]) =>
    client.appendToStream(stream, events, { expectedRevision: ANY, ...options });

  it('refuses what it cannot hold', async () => {
    await expect(append('x'.repeat(1025), [event()])).rejects.toThrow(/1024 bytes/);
    await expect(append('$all', [event()])).rejects.toThrow(/cannot be written/);
    await expect(append(newStream(), [event('no-uuid')])).rejects.toThrow(/no UUID/);
    await expect(append(newStream(), [{ ...event(), type: '' }])).rejects.toThrow();
    expect(store.process.stderr.replace(/^event-store: made a new store .*\n/, '')).toBe('');
  });
});

describe('the server', () => {
  it('answers what it cannot do with UNIMPLEMENTED', async () => {
    await expect(client.createProjection('p', 'fromAll()')).rejects.toMatchObject({ code: 12 });
  });
});
