/** Appends many at a time, as a writer sends them who is not careful. */
import type { EventStoreDBClient } from '@eventstore/db-client';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { seededRandom } from '@hybrid/testing';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { answers, appending, openAppends, openFollowing, type RawAppend } from '../test/append-call.js';
import { EventStoreProcesses, type StartedEventStore } from '../test/event-store-process.js';

const processes = new EventStoreProcesses();
let store: StartedEventStore;
let client: EventStoreDBClient;

beforeAll(async () => {
  store = await processes.start(await processes.directory());
  client = store.client();
});
afterAll(() => processes.release());

const newStream = () => `try-${randomUUID()}`;

async function send(message: Buffer, count: number) {
  const call = await openAppends(client);
  try {
    call.write(message);
    return await answers(call, count);
  } finally {
    call.on('error', () => undefined);
    call.cancel();
  }
}

describe('appends, many in a message', () => {
  it('are answered each once and by itself', async () => {
    const stream = newStream();
    const appends: RawAppend[] = [
      { number: 7, stream, expected: 1 },
      { number: 1, stream, expected: 3, revision: 0n },
      { number: 2, stream, expected: 3, revision: 0n },
      { number: 3, stream: 'x'.repeat(1_025) },
      { number: 4, stream: '$$$$x' },
      { number: 5, stream: newStream(), type: '' },
      { number: 6, stream: newStream(), data: Buffer.alloc(1024 * 1024) },
      { number: 0xffff_ffff, stream: newStream(), expected: 2 },
      { number: 0, stream },
    ];
    const found = await send(appending(...appends), appends.length);
    expect(Object.fromEntries(found)).toMatchObject({
      7: { result: 0, revision: 0n },
      1: { result: 0, revision: 1n },
      2: { result: 1, revision: 1n },
      3: { result: 2, status: status.INVALID_ARGUMENT, text: expect.stringContaining('1024 bytes') },
      4: { result: 2, status: status.INVALID_ARGUMENT, text: expect.stringContaining('cannot be written') },
      5: { result: 2, status: status.INVALID_ARGUMENT, text: expect.stringContaining("'type' is missing") },
      6: { result: 2, status: status.INVALID_ARGUMENT, text: expect.stringContaining('split it') },
      0xffff_ffff: { result: 1, revision: -1n },
      0: { result: 0, revision: 2n },
    });
    expect(store.process.stderr.replace(/^event-store: made a new store .*\n/, '')).toBe('');
  });

  it('that break off are refused with the call, and the server goes on', async () => {
    const random = seededRandom();
    const whole = appending({ number: 1, stream: newStream() }, { number: 2, stream: newStream() });
    const first = appending({ number: 1, stream: newStream() }).length;
    for (let round = 0; round < 20; round++) {
      const length = 2 + Math.floor(random() * (whole.length - 2));
      if (length === first) continue;
      await expect(send(whole.subarray(0, length), 3)).rejects.toMatchObject({
        code: status.INVALID_ARGUMENT,
      });
    }
    for (const wrong of [Buffer.of(2), Buffer.of(), appending({ number: 1, stream: 's', expected: 4 })])
      await expect(send(wrong, 3)).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
    expect((await send(appending({ number: 9, stream: newStream() }), 1)).get(9)).toMatchObject({
      result: 0,
    });
  });

  it('are told to whoever follows on the same connection before they are answered', async () => {
    const stream = newStream();
    const following = await openFollowing(client, stream);
    const call = await openAppends(client);
    for (const one of [following, call]) one.on('error', () => undefined);
    try {
      // It says that it follows.
      await once(following, 'data');
      const order: string[] = [];
      call.on('data', () => order.push('answered'));
      following.on('data', () => order.push('told'));
      for (let number = 0; number < 50; number++) {
        const both = [once(call, 'data'), once(following, 'data')];
        call.write(appending({ number, stream }));
        await Promise.all(both);
      }
      expect(order).toEqual(Array.from({ length: 50 }, () => ['told', 'answered']).flat());
    } finally {
      for (const one of [following, call]) one.cancel();
    }
  });

  it('under way when the server is stopped are answered, or the call ends with UNAVAILABLE', async () => {
    const call = await openAppends(client);
    const numbers = Array.from({ length: 200 }, (_, number) => ({ number, stream: newStream() }));
    const told = answers(call, numbers.length).then(
      (found) => found.size,
      (error: { code: number }) => error.code,
    );
    call.write(appending(...numbers));
    expect(await store.process.kill('SIGTERM')).toMatchObject({ code: 0 });
    expect([numbers.length, status.UNAVAILABLE]).toContain(await told);
  });
});
