import { EVENTS_STREAM, type PublicEvent } from '@hybrid/contracts';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { metricsText, startTelemetry } from '@hybrid/telemetry';
import { eventually } from '@hybrid/testing';
import { jsonEvent } from '@eventstore/db-client';
import { jetstream } from '@nats-io/jetstream';
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { counterDecider } from './counter.fixtures.js';
import { callBy, startPlatform, type Platform } from './platform.fixtures.js';
import { Relay } from './relay.js';
import type { Publisher } from './relay-carriage.js';
import { metadataOf } from './stored-event.js';
import { Things } from './things.js';

interface Message {
  subject: string;
  msgId: string;
  event: PublicEvent<{ by: number; note: string }>;
}

describe('a relay', () => {
  let platform: Platform;
  let service: string;
  const started: Relay[] = [];
  const user = callBy('someone');

  beforeAll(async () => {
    platform = await startPlatform();
  });
  afterAll(() => platform.stop());
  beforeEach(() => {
    service = `s${randomUUID().slice(0, 8)}`;
  });
  afterEach(async () => {
    for (const relay of started.splice(0)) await relay.stop();
  });

  /** Events with the notes `from` to `to` - 1, in turn on three things. */
  const write = async (from: number, to: number) => {
    const things = new Things(platform.connections.eventStore, service, counterDecider);
    for (let note = from; note < to; note++)
      await things.handle(`${note % 3}`, { type: 'Add', by: 1, note: `${note}` }, user);
  };
  const relay = (heard: () => void = () => undefined, events = counterDecider.events) => {
    const { eventStore, nats, pool } = platform.connections;
    const publisher: Publisher = {
      service,
      prefixes: [`${service}-`],
      events,
      publish: ({ event }) => {
        heard();
        const data = event.data as { note: string };
        if (data.note === 'private') return null;
        return { noun: 'counter', event: 'added', type: 'CounterChanged', data };
      },
    };
    const one = new Relay({ client: eventStore, nats, pool }, publisher, () => undefined);
    started.push(one);
    one.start();
    return one;
  };
  /** What the stream holds of this test's service, oldest first. */
  const published = async (): Promise<Message[]> => {
    // What is asked while NATS is away is lost: not waited for for long.
    const client = jetstream(platform.connections.nats, { timeout: 1_000 });
    const manager = await client.jetstreamManager();
    const { state } = await manager.streams.info(EVENTS_STREAM);
    const messages: Message[] = [];
    for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
      const message = (await manager.streams.getMessage(EVENTS_STREAM, { seq }))!;
      const { subject } = message;
      if (subject.split('.')[2] === service)
        messages.push({ subject, msgId: message.header.get('Nats-Msg-Id'), event: message.json() });
    }
    return messages;
  };
  const notes = async () => (await published()).map(({ event }) => event.data.note);
  const upTo = (end: number) => Array.from({ length: end }, (_, note) => `${note}`);

  it('carries what its publisher shows, in the order of the log, under the id of the stored event', async () => {
    await write(0, 6);
    relay();
    await eventually(async () => expect(await notes()).toEqual(upTo(6)));
    const things = new Things(platform.connections.eventStore, service, counterDecider);
    await things.handle('0', { type: 'Add', by: 1, note: 'private' }, user);
    await write(6, 7);
    await eventually(async () => expect(await notes()).toEqual(upTo(7)));
    const [first] = await eventually(published);
    const [stored] = await things.history('0');
    expect(first).toMatchObject({
      subject: `evt.default.${service}.counter.added.0`,
      msgId: stored!.id,
      event: {
        event_id: stored!.id,
        type: 'CounterChanged',
        org: 'default',
        id: '0',
        revision: 0,
        time: stored!.created.toISOString(),
        correlation_id: user.correlationId,
        data: { by: 1, note: '0' },
      },
    });
  });

  it('tells how far it is', async () => {
    const stop = await startTelemetry('spec', { metrics: true });
    try {
      relay();
      await write(0, 6);
      await eventually(async () => expect(await notes()).toEqual(upTo(6)));
      await eventually(async () => {
        const text = (await metricsText()) ?? '';
        expect(text).toContain(`hybrid_relay_published_events_total{service="${service}"} 6`);
        expect(text).toContain(`hybrid_relay_lag_seconds{service="${service}"} 0`);
        expect(text).toMatch(new RegExp(`hybrid_relay_position{service="${service}"} [1-9]`));
      });
    } finally {
      await stop();
    }
  });

  it('goes on after NATS crashed, with nothing lost and nothing twice', async () => {
    relay();
    await write(0, 5);
    await eventually(async () => expect(await notes()).toEqual(upTo(5)));
    await platform.nats.kill();
    await write(5, 10);
    await platform.nats.restart();
    await eventually(async () => expect(await notes()).toEqual(upTo(10)));
  });

  it('publishes everything again, under the same ids, when NATS lost its store', async () => {
    relay();
    await write(0, 5);
    await eventually(async () => expect(await notes()).toEqual(upTo(5)));
    const before = await eventually(published);
    await platform.nats.kill();
    await rm(join(platform.directory, 'nats', 'jetstream'), { recursive: true });
    await platform.nats.restart();
    await eventually(async () => expect(await published()).toEqual(before));
    await write(5, 6);
    await eventually(async () => expect(await notes()).toEqual(upTo(6)));
  });

  it('is the only active one; another takes over and goes on where it stood', async () => {
    const heard = [0, 0];
    const first = relay(() => void heard[0]!++);
    await write(0, 3);
    await eventually(async () => expect(await notes()).toEqual(upTo(3)));
    relay(() => void heard[1]!++);
    await write(3, 6);
    await eventually(async () => expect(await notes()).toEqual(upTo(6)));
    expect(heard).toEqual([6, 0]);
    await first.stop();
    await write(6, 9);
    await eventually(async () => expect(await notes()).toEqual(upTo(9)));
    expect(heard).toEqual([6, 3]);
  });

  it('leaves events of a newer version to a relay that knows them, and passes over what nobody knows', async () => {
    relay();
    await write(0, 3);
    await eventually(async () => expect(await notes()).toEqual(upTo(3)));
    const newer = { today: { Added: true as const, Doubled: true as const } };
    relay(undefined, newer);
    const append = (type: string, note: string) =>
      platform.connections.eventStore.appendToStream(`${service}-0`, [
        jsonEvent({ type, data: { note }, metadata: { ...metadataOf(user, undefined) } }),
      ]);
    await append('Doubled', '3');
    await write(4, 5);
    await eventually(async () => expect(await notes()).toEqual(upTo(5)));
    await append('Tripled', 'of nobody');
    await write(5, 6);
    await eventually(async () => expect(await notes()).toEqual(upTo(6)));
  });
});
