import { problem, READ_MODEL_WAIT_MS, request, type CallContext } from '@hybrid/contracts';
import { freePort, startNats, type ServerWithUrl } from '@hybrid/servers';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Module } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import type { NatsConnection } from '@nats-io/transport-node';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { awakeMs, eventually } from '@hybrid/testing';
import { callHeaders } from './call-headers.js';
import { connectNats } from './connection.js';
import { Handle, MessageController, OnBroadcast } from './handlers.js';
import type { Reach } from './nats.strategy.js';
import { Requests } from './requests.js';
import { breakableReach, serveOn, type Served } from './serve.fixtures.js';

const echo = request<object, unknown>('cmd.echo.word.echo');
const refuse = request<object, null>('cmd.echo.word.refuse');
const breakDown = request<object, null>('cmd.echo.word.break');
const nothing = request<object, null>('cmd.echo.word.nothing');
const bytes = request<{ times: number }, Uint8Array>('cmd.echo.word.bytes');
const whoami = request<object, { name: string }>('qry.echo.word.whoami');
const slow = request<object, string>('cmd.echo.word.slow', 60_000);
const impatient = request<object, string>('cmd.echo.word.slow', 100);
const huge = request<object, string>('qry.echo.word.huge');
const write = request<{ positions: string[]; refused?: boolean }, string[]>('cmd.echo.word.write');
const forward = request<{ positions: string[] }, string[]>('cmd.echo.word.forward');
const howNew = request<object, string | null>('qry.echo.word.how-new');
const nobody = request<object, never>('cmd.nobody.word.hear');

/** One replica's module, with a name and a door that its slow answers wait for. */
function replica(name: string, requests: Requests) {
  let open = () => {};
  const door = new Promise<void>((resolve) => (open = resolve));
  const heard: string[] = [];

  @MessageController()
  class EchoController {
    @Handle(echo)
    echo(@Payload() input: object, @Ctx() call: CallContext) {
      heard.push('echo');
      return { input, call };
    }

    @Handle(refuse)
    refuse(): null {
      throw problem('invalid', 'too_loud', 'whisper', [
        { path: 'word', message: 'be quiet', line: 3, column: 4 },
      ]);
    }

    @Handle(breakDown)
    async break(): Promise<null> {
      throw new Error('the password is swordfish');
    }

    @Handle(nothing)
    nothing() {
      return null;
    }

    @Handle(bytes)
    bytes(@Payload() { times, bytes: given }: { times: number; bytes: Uint8Array }) {
      return Buffer.concat(Array.from({ length: times }, () => given));
    }

    @Handle(whoami)
    whoami() {
      return { name };
    }

    @Handle(slow)
    async slow() {
      heard.push('slow');
      await door;
      return 'at last';
    }

    @Handle(write)
    write(
      @Payload() { positions, refused }: { positions: string[]; refused?: boolean },
      @Ctx() call: CallContext,
    ) {
      for (const position of positions) call.wrote?.(BigInt(position));
      if (refused) throw problem('conflict', 'too_late', 'half of it is done');
      return positions;
    }

    /** As a service that asks another one on behalf of its caller. */
    @Handle(forward)
    async forward(@Payload() { positions }: { positions: string[] }, @Ctx() call: CallContext) {
      call.wrote?.(5n);
      return requests.send(write, { positions }, call);
    }

    @Handle(howNew)
    howNew(@Ctx() { atLeast }: CallContext) {
      return atLeast?.toString() ?? null;
    }

    @Handle(huge)
    huge() {
      return 'x'.repeat(2_000_000);
    }

    @OnBroadcast('live.echo.word.said')
    said(@Payload() { word }: { word: string }) {
      heard.push(word);
    }
  }

  @Module({ controllers: [EchoController] })
  class EchoModule {}
  return { module: EchoModule, heard, open };
}

describe('requests over NATS', () => {
  let directory: string;
  let nats: ServerWithUrl;
  let connection: NatsConnection;
  let requests: Requests;
  const served: Served[] = [];
  const call: CallContext = {
    org: 'acme',
    actor: { type: 'agent', id: 'a:1' },
    correlationId: 'c',
    causationId: 'e',
  };

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'hybrid-messaging-'));
    nats = await startNats({ dataDir: directory });
    connection = await connectNats(nats.url, 'spec');
    requests = new Requests(connection);
  });
  afterAll(async () => {
    await connection.close();
    await nats.stop();
    await rm(directory, { recursive: true, force: true });
  });
  afterEach(async () => {
    for (const one of served.splice(0)) await one.stop();
  });
  const serve = async (name = 'one', reach?: Reach) => {
    const one = replica(name, requests);
    served.push(await serveOn(nats.url, one.module, reach));
    return one;
  };

  it('carry input, answer and who asks', async () => {
    await serve();
    expect(await requests.send(echo, { word: 'ä' }, call)).toEqual({ input: { word: 'ä' }, call });
    expect(await requests.send(nothing, {}, call)).toBeNull();
  });

  it('carry bytes both ways', async () => {
    await serve();
    const given = Uint8Array.from([0, 255, 10, 13, 0x7b]);
    const answer = await requests.sendBytes(bytes, { times: 2 }, given, call);
    expect([...answer]).toEqual([...given, ...given]);
    expect(await requests.sendBytes(bytes, { times: 0 }, given, call)).toHaveLength(0);
  });

  it('pass a refusal on as it is', async () => {
    await serve();
    await expect(requests.send(refuse, {}, call)).rejects.toMatchObject({
      name: 'ProblemError',
      problem: {
        kind: 'invalid',
        code: 'too_loud',
        detail: 'whisper',
        errors: [{ path: 'word', message: 'be quiet', line: 3, column: 4 }],
      },
    });
  });

  it('keep to themselves what broke', async () => {
    await serve();
    for (const one of [breakDown, huge]) {
      const failure = (await requests.send(one, {}, call).catch((error: unknown) => error)) as Error;
      expect(failure).toMatchObject({ problem: { kind: 'internal', code: 'internal' } });
      expect(JSON.stringify(failure) + failure.message).not.toContain('swordfish');
    }
  });

  it('say at once that nobody answers', async () => {
    const took = await awakeMs(() =>
      expect(requests.send(nobody, {}, call)).rejects.toMatchObject({
        problem: { kind: 'unavailable', code: 'service_unavailable' },
      }),
    );
    expect(took).toBeLessThan(nobody.timeoutMs - 500);
  });

  it('say that the answer is late', async () => {
    const { open } = await serve();
    await expect(requests.send(impatient, {}, call)).rejects.toMatchObject({
      problem: { kind: 'unavailable', code: 'timeout' },
    });
    open();
  });

  it('tell the caller the highest position that was written, also through a second service and with a refusal', async () => {
    await serve();
    const told: bigint[] = [];
    const telling = { ...call, wrote: (position: bigint) => void told.push(position) };
    const largest = 2n ** 63n - 1n;
    expect(await requests.send(write, { positions: ['7', String(largest), '9'] }, telling)).toHaveLength(3);
    expect(await requests.send(write, { positions: [] }, telling)).toEqual([]);
    expect(await requests.send(forward, { positions: ['3'] }, telling)).toEqual(['3']);
    expect(await requests.send(forward, { positions: ['8'] }, telling)).toEqual(['8']);
    await expect(requests.send(write, { positions: ['4'], refused: true }, telling)).rejects.toMatchObject({
      problem: { code: 'too_late' },
    });
    expect(told).toEqual([largest, 5n, 8n, 4n]);
  });

  it('say how new the answer shall be, and give a read model its time to get there', async () => {
    const { open } = await serve();
    expect(await requests.send(howNew, {}, { ...call, atLeast: 0n })).toBe('0');
    expect(await requests.send(howNew, {}, call)).toBeNull();
    const patient = requests.send(impatient, {}, { ...call, atLeast: 1n });
    await expect(requests.send(impatient, {}, call)).rejects.toMatchObject({ problem: { code: 'timeout' } });
    expect(READ_MODEL_WAIT_MS).toBeGreaterThan(impatient.timeoutMs);
    open();
    expect(await patient).toBe('at last');
  });

  it('do not ask to try again what can never be sent', async () => {
    await serve();
    await expect(requests.send(echo, { word: 'x'.repeat(2_000_000) }, call)).rejects.toMatchObject({
      problem: { kind: 'too_large', code: 'message_too_large' },
    });
  });

  it('without an organisation or an actor are refused unheard', async () => {
    const { heard } = await serve();
    for (const from of [
      { ...call, org: '' },
      { ...call, actor: { type: '' as never, id: '' } },
    ])
      await expect(requests.send(echo, {}, from)).rejects.toMatchObject({ problem: { kind: 'internal' } });
    expect(heard).toEqual([]);
  });

  it('are answered once, by one replica of two, and both take part', async () => {
    const [one, two] = [await serve('one'), await serve('two')];
    const names = await Promise.all(Array.from({ length: 40 }, () => requests.send(whoami, {}, call)));
    expect(new Set(names.map(({ name }) => name))).toEqual(new Set(['one', 'two']));
    await Promise.all(Array.from({ length: 40 }, () => requests.send(echo, {}, call)));
    expect(one.heard.length + two.heard.length).toBe(40);
  });

  it('are left to others by a replica that is cut off, but for broadcasts; where nobody is well, it still answers', async () => {
    const cutOff = [breakableReach(), breakableReach()];
    const [one, two] = [await serve('one', cutOff[0]), await serve('two', cutOff[1])];
    const names = async () => {
      const answers = await Promise.all(Array.from({ length: 40 }, () => requests.send(whoami, {}, call)));
      return [...new Set(answers.map(({ name }) => name))].sort();
    };
    const unfinished = Promise.all(Array.from({ length: 40 }, () => requests.send(slow, {}, call)));
    await eventually(() => expect(one.heard.length + two.heard.length).toBe(40));
    expect(one.heard.length).toBeGreaterThan(0);
    cutOff[0]!.tell(false);
    await eventually(async () => expect(await names()).toEqual(['two']));
    connection.publish('live.echo.word.said', JSON.stringify({ word: 'hello' }), {
      headers: callHeaders(call),
    });
    await eventually(() => expect([one.heard.at(-1), two.heard.at(-1)]).toEqual(['hello', 'hello']));
    cutOff[1]!.tell(false);
    await eventually(async () => expect(await names()).toEqual(['one', 'two']));
    cutOff[0]!.tell(true);
    await eventually(async () => expect(await names()).toEqual(['one']));
    one.open();
    two.open();
    expect(await unfinished).toHaveLength(40);
  });

  it('leave broadcasts to every replica', async () => {
    const [one, two] = [await serve('one'), await serve('two')];
    connection.publish('live.echo.word.said', JSON.stringify({ word: 'hello' }), {
      headers: callHeaders(call),
    });
    await eventually(() => expect([one.heard, two.heard]).toEqual([['hello'], ['hello']]));
  });

  it('are finished by a replica that stops, which takes no new ones', async () => {
    const { heard, open } = await serve();
    const answer = requests.send(slow, {}, call);
    await eventually(() => expect(heard).toEqual(['slow']));
    const stopping = served.splice(0)[0]!.stop();
    await eventually(() =>
      expect(requests.send(echo, {}, call)).rejects.toMatchObject({
        problem: { code: 'service_unavailable' },
      }),
    );
    open();
    expect(await answer).toBe('at last');
    await stopping;
  });

  it('wait for a NATS that is not up yet, and refuse an address that is none', async () => {
    const port = await freePort();
    const early = connectNats(`nats://127.0.0.1:${port}`, 'early');
    const late = await startNats({ dataDir: join(directory, 'late'), port });
    try {
      // The password is not in the address: that the server refuses it shows that it was found.
      await expect(early).rejects.toThrow(/refuses whoever has no user and password: check NATS_URL/);
    } finally {
      await late.stop();
    }
    await expect(connectNats('nats://[', 'wrong')).rejects.toThrow(/NATS_URL must look like/);
  });
});
