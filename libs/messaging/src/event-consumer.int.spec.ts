import {
  consumerRequests,
  eventSubject,
  problem,
  request,
  type CallContext,
  type ConsumerReplay,
  type PublicEvent,
} from '@hybrid/contracts';
import { startNats, type ServerWithUrl } from '@hybrid/servers';
import { metricsText, startTelemetry } from '@hybrid/telemetry';
import { eventually } from '@hybrid/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { jetstream } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { Module } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { callHeaders } from './call-headers.js';
import { connectNats } from './connection.js';
import { Handle, MessageController, OnEvents } from './handlers.js';
import type { Reach } from './nats.strategy.js';
import { Requests } from './requests.js';
import { breakableReach, serveOn, type Served } from './serve.fixtures.js';
import { ensureStreams } from './streams.js';

type Event = PublicEvent<{ n: number }>;
type Heard = (event: Event, call: CallContext) => Promise<void> | void;

describe('events from JetStream', () => {
  let directory: string;
  let nats: ServerWithUrl;
  let connection: NatsConnection;
  let service: string;
  let heard: string[];
  const served: Served[] = [];
  const stops: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'hybrid-events-'));
    nats = await startNats({ dataDir: directory });
    connection = await connectNats(nats.url, 'spec');
    await ensureStreams(connection);
  });
  afterAll(async () => {
    await connection.close();
    await nats.stop();
    await rm(directory, { recursive: true, force: true });
  });
  beforeEach(() => {
    service = `s${randomUUID().slice(0, 8)}`;
    heard = [];
  });
  afterEach(async () => {
    for (const one of served.splice(0)) await one.stop();
    for (const stop of stops.splice(0)) await stop();
  });

  const publish = async (id: string, n: number) => {
    const event_id = randomUUID();
    const event: Event = {
      event_id,
      type: 'WordSaid',
      org: 'acme',
      id,
      revision: n,
      time: '2026-01-01T00:00:00.000Z',
      correlation_id: 'c',
      data: { n },
    };
    const headers = callHeaders({ org: 'acme', actor: { type: 'service', id: service }, correlationId: 'c' });
    await jetstream(connection).publish(
      eventSubject('acme', service, 'word', 'said', id),
      JSON.stringify(event),
      {
        msgID: event_id,
        headers,
      },
    );
    return event_id;
  };
  const listen = async (hear: Heard, maxTries?: number, reach?: Reach) => {
    @MessageController()
    class WordController {
      @Handle(request<object, null>(`qry.${service}.word.count`))
      count() {
        return null;
      }

      @OnEvents({ durable: `${service}-words`, filter: `evt.*.${service}.word.>`, maxTries })
      async said(@Payload() event: Event, @Ctx() call: CallContext) {
        await hear(event, call);
      }
    }
    @Module({ controllers: [WordController] })
    class WordModule {}
    const one = await serveOn(nats.url, WordModule, reach);
    served.push(one);
    return one;
  };
  const note = ({ id, data }: Event) => void heard.push(`${id}${data.n}`);
  const pending = async () => {
    const manager = await jetstream(connection).jetstreamManager();
    const { num_pending, num_ack_pending } = await manager.consumers.info('EVENTS', `${service}-words`);
    return num_pending + num_ack_pending;
  };
  /** Replicas that the server would send an event to. */
  const waiting = async () => {
    const manager = await jetstream(connection).jetstreamManager();
    return (await manager.consumers.info('EVENTS', `${service}-words`)).num_waiting;
  };

  it('come with who caused them, for whom and by what', async () => {
    let seen: CallContext | undefined;
    const event_id = await publish('a', 0);
    await listen((_, call) => void (seen = call));
    await eventually(() =>
      expect(seen).toEqual({
        org: 'acme',
        actor: { type: 'service', id: service },
        correlationId: 'c',
        causationId: event_id,
      }),
    );
  });

  it('come in order for one thing, one at a time, and side by side for different things', async () => {
    const running = new Map<string, number>();
    let most = 0;
    let overlapped = false;
    let open = () => {};
    const door = new Promise<void>((resolve) => (open = resolve));
    await listen(async (event) => {
      running.set(event.id, (running.get(event.id) ?? 0) + 1);
      if (running.get(event.id)! > 1) overlapped = true;
      most = Math.max(
        most,
        [...running.values()].reduce((sum, one) => sum + one, 0),
      );
      await door;
      note(event);
      running.set(event.id, running.get(event.id)! - 1);
    });
    for (let n = 0; n < 4; n++) for (const id of ['a', 'b', 'c']) await publish(id, n);
    await eventually(() => expect(most).toBe(3));
    expect(heard).toEqual([]);
    open();
    await eventually(() => expect(heard).toHaveLength(12));
    expect(overlapped).toBe(false);
    expect(most).toBe(3);
    for (const id of ['a', 'b', 'c'])
      expect(heard.filter((one) => one.startsWith(id))).toEqual([0, 1, 2, 3].map((n) => `${id}${n}`));
  });

  it('come again after a throw, until they are handled', async () => {
    let tries = 0;
    await listen((event) => {
      const failures = [
        new Error('not now'),
        problem('unavailable', 'later', 'later'),
        // A thing that many change at the same time: nothing is wrong with the event.
        problem('conflict', 'conflict', 'changes too fast'),
      ];
      const failure = failures[tries++];
      if (failure) throw failure;
      note(event);
    });
    await publish('a', 0);
    await eventually(() => expect(heard).toEqual(['a0']));
    expect(tries).toBe(4);
    await eventually(async () => expect(await pending()).toBe(0));
  });

  const ask = () => new Requests(connection);
  const me: CallContext = { org: 'acme', actor: { type: 'user', id: 'me' }, correlationId: 'c' };
  const view = async () => {
    const { consumers } = await ask().send(consumerRequests(service).list, {}, me);
    return consumers;
  };
  const replay = (): Promise<ConsumerReplay> =>
    ask().send(consumerRequests(service).replay, { durable: `${service}-words` }, me);

  it.each(['invalid', 'not_found', 'forbidden', 'conflict'] as const)(
    'are parked at once after a refusal of kind %s, and the next ones go on',
    async (kind) => {
      let tries = 0;
      await listen((event) => {
        if (event.data.n === 0) {
          tries++;
          throw problem(kind, 'no', 'never');
        }
        note(event);
      });
      await publish('a', 0);
      await publish('a', 1);
      await eventually(() => expect(heard).toEqual(['a1']));
      const durable = `${service}-words`;
      await eventually(async () =>
        expect(await view()).toEqual([{ durable, pending: 0, in_progress: 0, parked: 1 }]),
      );
      expect(tries).toBe(1);
    },
  );

  it('are parked when they failed too often; the others go on, and a replay hands them over again', async () => {
    stops.push(await startTelemetry('spec', { metrics: true }));
    let broken = true;
    let tries = 0;
    let seen: CallContext | undefined;
    await listen((event, call) => {
      if (event.id === 'poison' && broken) {
        tries++;
        throw new Error(`line one\nline two of ${event.data.n}`);
      }
      if (event.id === 'poison') seen = call;
      note(event);
    }, 3);
    const first = await publish('poison', 0);
    const second = await publish('poison', 1);
    await publish('b', 0);
    await eventually(() => expect(heard).toEqual(['b0']));
    await eventually(async () =>
      expect(await view()).toMatchObject([{ pending: 0, in_progress: 0, parked: 2 }]),
    );
    expect(tries).toBe(6);

    // Nothing was mended.
    const failed = [first, second].map((event_id, n) => ({
      event_id,
      reason: `line one\nline two of ${n}`,
    }));
    const text = (await metricsText()) ?? '';
    expect(text).toContain(`hybrid_consumer_parked_events{durable="${service}-words"} 2`);
    expect(text).toContain(`hybrid_consumer_parked_total{durable="${service}-words"} 2`);
    const still = await replay();
    expect(still).toMatchObject({ replayed: 0, parked: 2 });
    expect(new Set(still.failed)).toEqual(new Set(failed));

    broken = false;
    expect(await replay()).toEqual({ replayed: 2, failed: [], parked: 0 });
    expect(new Set(heard)).toEqual(new Set(['b0', 'poison0', 'poison1']));
    expect(seen).toMatchObject({ org: 'acme', actor: { type: 'service', id: service } });
    expect(await replay()).toEqual({ replayed: 0, failed: [], parked: 0 });
  });

  it('are tried for ever while what they need is away', async () => {
    let tries = 0;
    await listen((event) => {
      if (++tries < 5) throw problem('unavailable', 'later', 'later');
      note(event);
    }, 2);
    await publish('a', 0);
    await eventually(() => expect(heard).toEqual(['a0']));
    expect(await view()).toMatchObject([{ parked: 0 }]);
  });

  it('that are no events are parked', async () => {
    await listen(note);
    await jetstream(connection).publish(eventSubject('acme', service, 'word', 'said', 'a'), 'not JSON');
    await publish('a', 1);
    await eventually(() => expect(heard).toEqual(['a1']));
    await eventually(async () => expect(await view()).toMatchObject([{ parked: 1 }]));
    expect(await replay()).toMatchObject({
      replayed: 0,
      parked: 1,
      failed: [{ reason: expect.any(String) }],
    });
  });

  it('are replayed by their own consumer only', async () => {
    await listen(note);
    await expect(
      ask().send(consumerRequests(service).replay, { durable: `${service}-others` }, me),
    ).rejects.toMatchObject({ problem: { code: 'consumer_not_found' } });
  });

  it('go to one of two replicas, and to the other when the first is gone', async () => {
    const first = await listen(note);
    await listen(note);
    for (let n = 0; n < 10; n++) await publish(`t${n}-`, n);
    await eventually(() => expect(heard).toHaveLength(10));
    await first.stop();
    served.splice(served.indexOf(first), 1);
    await publish('last', 0);
    await eventually(() => expect(heard).toContain('last0'));
    expect(new Set(heard).size).toBe(heard.length);
  });

  it('are left to another by a replica that is cut off; where there is none, they wait until it is well', async () => {
    const reaches = [breakableReach(), breakableReach()];
    for (const [index, reach] of reaches.entries())
      await listen(({ data }) => void heard.push(`${data.n} at ${index}`), undefined, reach);
    reaches[0]!.tell(false);
    for (let n = 0; n < 10; n++) await publish(`t${n}`, n);
    await eventually(() => expect(heard).toHaveLength(10));
    expect(heard.filter((one) => one.endsWith('at 0'))).toEqual([]);
    reaches[1]!.tell(false);
    // What is sent to a replica that has just left comes again only later (ACK_WAIT_MS).
    await eventually(async () => expect(await waiting()).toBe(0));
    await publish('t', 10);
    await eventually(async () => expect(await view()).toMatchObject([{ pending: 1, in_progress: 0 }]));
    expect(heard).toHaveLength(10);
    reaches[0]!.tell(true);
    await eventually(() => expect(heard.at(-1)).toBe('10 at 0'));
  });

  it('are finished by a replica that stops', async () => {
    let open = () => {};
    const door = new Promise<void>((resolve) => (open = resolve));
    let begun = false;
    const one = await listen(async (event) => {
      begun = true;
      await door;
      note(event);
    });
    await publish('a', 0);
    await eventually(() => expect(begun).toBe(true));
    let stopped = false;
    const stopping = one.stop().then(() => void (stopped = true));
    served.splice(0);
    await publish('b', 0);
    expect(stopped).toBe(false);
    open();
    await stopping;
    expect(heard).toEqual(['a0']);
    await eventually(async () => expect(await pending()).toBe(1));
  });

  it('go on after NATS crashed, and after it lost its store', async () => {
    // What it acknowledged just before the crash may come once more.
    const kinds = () => [...new Set(heard)];
    await listen(note);
    await publish('a', 0);
    await eventually(() => expect(heard).toEqual(['a0']));
    await nats.kill();
    await nats.restart();
    await eventually(() => publish('a', 1));
    await eventually(() => expect(kinds()).toEqual(['a0', 'a1']));
    await nats.kill();
    await rm(join(directory, 'jetstream'), { recursive: true });
    await nats.restart();
    await eventually(async () => {
      await ensureStreams(connection);
      await publish('a', 2);
    });
    await eventually(() => expect(kinds()).toEqual(['a0', 'a1', 'a2']));
  });
});
