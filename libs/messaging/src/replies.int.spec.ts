import { startNats, type ServerWithUrl } from '@hybrid/servers';
import { breakableLine, eventually } from '@hybrid/testing';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { headers, NoRespondersError, TimeoutError, type NatsConnection } from '@nats-io/transport-node';
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
    const replies = await Promise.all(
      numbers.map((number) => ask(asker, 'spec.double', String(number), question())),
    );
    expect(replies.map((reply) => Number(reply.string()))).toEqual(numbers.map((number) => 2 * number));
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
    const asked = ask(closing, 'spec.silence', '', question());
    await closing.flush();
    const [answer] = await Promise.allSettled([asked, closing.close()]);
    expect(answer).toMatchObject({ status: 'rejected', reason: { message: /closed/ } });
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
