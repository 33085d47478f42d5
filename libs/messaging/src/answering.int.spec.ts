import { problem, request } from '@hybrid/contracts';
import { startNats, type ServerWithUrl } from '@hybrid/servers';
import { awakeMs, eventually } from '@hybrid/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NatsConnection } from '@nats-io/transport-node';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Answering, type AnswerOptions } from './answering.js';
import { connectNats } from './connection.js';
import { Requests } from './requests.js';

const part = request<{ word: string }, { word: string; org: string }>('cmd.echo.word.echo.7');
const call = { org: 'default', actor: { type: 'user' as const, id: 'someone' }, correlationId: 'c' };

describe('a subject that is served for a while', () => {
  let directory: string;
  let server: ServerWithUrl;
  let nats: NatsConnection;
  let requests: Requests;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'hybrid-answering-'));
    server = await startNats({ dataDir: directory });
    nats = await connectNats(server.url, 'spec');
    requests = new Requests(nats);
  });
  afterAll(async () => {
    await nats.close();
    await server.stop();
    await rm(directory, { recursive: true, force: true });
  });

  it('is answered like any other request, until it is served no more: what had come is finished', async () => {
    let open = () => {};
    const door = new Promise<void>((resolve) => (open = resolve));
    let begun = () => {};
    const arrived = new Promise<void>((resolve) => (begun = resolve));
    const logged: string[] = [];
    const answering = new Answering({
      nats,
      subject: part.subject,
      queue: 'echo',
      name: 'cmd.echo.word.echo',
      handler: async (input, { org, wrote }) => {
        const { word } = input as { word: string };
        if (word === 'refuse') throw problem('conflict', 'too_loud', 'whisper');
        if (word === 'break') throw new Error('swordfish');
        if (word === 'wait') {
          begun();
          await door;
        }
        for (const position of [7n, 5n]) wrote?.(position);
        return { word, org };
      },
      log: (error) => logged.push(error),
    });
    const written: bigint[] = [];
    const wrote = (position: bigint) => void written.push(position);
    expect(await requests.send(part, { word: 'hello' }, { ...call, wrote })).toEqual({
      word: 'hello',
      org: 'default',
    });
    expect(written).toEqual([7n]);
    const code = (word: string) =>
      requests.send(part, { word }, call).catch((error: { problem: { code: string } }) => error.problem.code);
    expect(await code('refuse')).toBe('too_loud');
    expect(await code('break')).toBe('internal');
    expect(logged.join()).toContain('swordfish');
    const waiting = requests.send(part, { word: 'wait' }, call);
    await arrived;
    let over = false;
    const stopped = answering.stop().then(() => (over = true));
    for (let round = 0; round < 3; round++) await nats.flush();
    expect(over).toBe(false);
    open();
    expect(await waiting).toMatchObject({ word: 'wait' });
    await stopped;
    expect(await code('hello')).toBe('service_unavailable');
  });

  it('tells who asked when it takes its time, who learns soon when it is gone, and only then', async () => {
    const slow = request<object, string>('cmd.echo.word.ponder', 60_000);
    const answers: ((word: string) => void)[] = [];
    const serve = async () => {
      const own = await connectNats(server.url, 'ponders');
      const handler: AnswerOptions['handler'] = (_, { takesTime }) => {
        takesTime?.();
        takesTime?.();
        return new Promise((resolve) => answers.push(resolve));
      };
      new Answering({ nats: own, subject: slow.subject, handler, queue: 'echo', log: () => undefined });
      await own.flush();
      return own;
    };
    const ask = () => requests.send(slow, {}, call);
    const doomed = await serve();
    const lost = [ask(), ask()].map((asked) => asked.catch((error: unknown) => error));
    await eventually(() => expect(answers).toHaveLength(2));
    const other = await serve();
    const took = await awakeMs(async () => {
      await doomed.close();
      for (const error of await Promise.all(lost))
        expect(error).toMatchObject({ problem: { kind: 'unavailable', code: 'timeout' } });
    });
    expect(took).toBeLessThan(slow.timeoutMs / 4);
    const kept = ask();
    await eventually(() => expect(answers).toHaveLength(3));
    // Looked after several times, and there each time.
    const since = performance.now();
    await eventually(() => expect(performance.now() - since).toBeGreaterThan(2_500));
    answers[2]!('at last');
    expect(await kept).toBe('at last');
    await other.close();
  });
});
