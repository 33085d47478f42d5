import { startNats, type ServerWithUrl } from '@hybrid/servers';
import { breakableLine, eventually } from '@hybrid/testing';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import {
  headers,
  NoRespondersError,
  TimeoutError,
  type Msg,
  type NatsConnection,
} from '@nats-io/transport-node';
import { mkdtemp, rm } from 'node:fs/promises';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectNats } from './connection.js';
import { ask } from './replies.js';

const TIMEOUT_MS = 10_000;

describe('replies', () => {
  let directory: string;
  let nats: ServerWithUrl;
  let asker: NatsConnection;
  let answerer: NatsConnection;
  const question = () => ({ headers: headers(), timeoutMs: TIMEOUT_MS });

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'hybrid-replies-'));
    nats = await startNats({ dataDir: directory });
    asker = await connectNats(nats.url, 'asker');
    answerer = await connectNats(nats.url, 'answerer');
    answerer.subscribe('spec.double', {
      callback: (_, message) => {
        const number = Number(message.string());
        // The later ones first.
        setTimeout(() => message.respond(String(2 * number)), 100 - number);
      },
    });
    answerer.subscribe('spec.silence', { callback: () => undefined });
    answerer.subscribe('spec.empty', { callback: (_, message) => void message.respond() });
    await answerer.flush();
  });
  afterAll(async () => {
    await asker.close();
    await answerer.close();
    await nats.stop();
    await rm(directory, { recursive: true, force: true });
  });

  it('find their questions, in whichever order they come', async () => {
    const numbers = Array.from({ length: 100 }, (_, number) => number);
    const double = async (from: NatsConnection, number: number) =>
      Number((await ask(from, 'spec.double', String(number), question())).string());
    const replies = await Promise.all(numbers.map((number) => double(asker, number)));
    expect(replies).toEqual(numbers.map((number) => 2 * number));
    // Each asker counts its questions by itself.
    const others = await Promise.all(['one', 'two'].map((name) => connectNats(nats.url, name)));
    const both = numbers.map((number) =>
      Promise.all([double(others[0]!, number), double(others[1]!, 99 - number)]),
    );
    expect(await Promise.all(both)).toEqual(numbers.map((number) => [2 * number, 2 * (99 - number)]));
    for (const other of others) await other.close();
  });

  it('may be empty, which is not the same as that nobody listens', async () => {
    expect((await ask(asker, 'spec.empty', '', question())).data).toHaveLength(0);
    await expect(ask(asker, 'spec.nobody', '', question())).rejects.toBeInstanceOf(NoRespondersError);
  });

  it('are not waited for beyond the time that was given', async () => {
    await expect(
      ask(asker, 'spec.silence', '', { headers: headers(), timeoutMs: 50 }),
    ).rejects.toBeInstanceOf(TimeoutError);
  });

  it('are not waited for once the connection is closed', async () => {
    const closing = await connectNats(nats.url, 'closing');
    const asked = [1, 2, 3].map(() => ask(closing, 'spec.silence', '', question()));
    await closing.flush();
    const answers = Promise.allSettled(asked);
    await closing.close();
    const closed = { status: 'rejected', reason: { message: expect.stringContaining('closed') } };
    expect(await answers).toMatchObject(asked.map(() => closed));
  });

  it('that come too late, or a second time, answer nothing else', async () => {
    const held: Msg[] = [];
    const holding = answerer.subscribe('spec.held', { callback: (_, message) => void held.push(message) });
    await answerer.flush();
    await expect(ask(asker, 'spec.held', '', { headers: headers(), timeoutMs: 50 })).rejects.toBeInstanceOf(
      TimeoutError,
    );
    const answered = ask(asker, 'spec.held', '', question());
    const waiting = ask(asker, 'spec.held', '', question());
    await eventually(() => expect(held).toHaveLength(3));
    const [late, twice, last] = held as [Msg, Msg, Msg];
    for (const text of ['late', 'later']) late.respond(text);
    for (const text of ['first', 'second']) twice.respond(text);
    expect((await answered).string()).toBe('first');
    last.respond('last');
    expect((await waiting).string()).toBe('last');
    holding.unsubscribe();
  });

  it('come over the line that was found again after a cut', async () => {
    const line = await breakableLine(nats.port);
    const url = new URL(nats.url);
    url.port = String(line.port);
    const reconnecting = await connectNats(url.href, 'reconnecting');
    try {
      expect((await ask(reconnecting, 'spec.double', '4', question())).string()).toBe('8');
      line.cut();
      await eventually(async () =>
        expect(
          (await ask(reconnecting, 'spec.double', '5', { headers: headers(), timeoutMs: 500 })).string(),
        ).toBe('10'),
      );
    } finally {
      await reconnecting.close();
      await line.close();
    }
  });

  it('to all that is asked in one turn cost one write', async () => {
    const counted = await connectNats(nats.url, 'counted');
    await ask(counted, 'spec.empty', '', question());
    const writes = jest.spyOn(Socket.prototype, 'write');
    try {
      // Each from a callback of its own, as requests come.
      const callbacks = Array.from({ length: 50 }, () => new Promise((resolve) => setImmediate(resolve)));
      const asked = callbacks.map((callback) =>
        callback.then(() => ask(counted, 'spec.empty', 'marked', question())),
      );
      await Promise.all(asked);
      const sent = writes.mock.calls.map(([bytes]) => Buffer.from(bytes as Uint8Array).toString());
      expect(sent.join('').split('marked')).toHaveLength(51);
      expect(sent.filter((text) => text.includes('marked'))).toHaveLength(1);
    } finally {
      writes.mockRestore();
      await counted.close();
    }
  });
});
