import { EVENTS_STREAM } from '@hybrid/contracts';
import { ensureStreams } from '@hybrid/messaging';
import { startProcess, type RunningProcess } from '@hybrid/servers';
import { bundleProgram, eventually, seededRandom, specSeed, type BundledProgram } from '@hybrid/testing';
import { jsonEvent } from '@eventstore/db-client';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { AckPolicy, DeliverPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import { randomUUID } from 'node:crypto';
import { callBy, startPlatform, type Platform } from './platform.fixtures.js';
import { metadataOf } from './stored-event.js';

const LOCK_SILENCE_MS = 1_500;
/** Patience with a busy machine; a quiet one takes two seconds for either. */
const FETCH_MS = 60_000;
const COUNT_MS = 60_000;
const THINGS = 70;
const seed = specSeed();

interface Seen {
  seq: number;
  msgId: string;
  thing: string;
  revision: number;
}

describe('relays that are killed and stopped', () => {
  let platform: Platform;
  let program: BundledProgram;
  let service: string;
  const relays: RunningProcess[] = [];

  beforeAll(async () => {
    platform = await startPlatform();
    await ensureStreams(platform.connections.nats);
    // So short that JetStream hides none of what is published twice.
    const { streams } = await jetstreamManager(platform.connections.nats);
    await streams.update(EVENTS_STREAM, { duplicate_window: nanos(100) });
    program = await bundleProgram('libs/event-store/src/relay-process.fixtures.ts');
  });
  afterAll(async () => {
    await platform?.stop();
    await program?.remove();
  });
  beforeEach(() => {
    service = `s${randomUUID().slice(0, 8)}`;
  });
  afterEach(async () => {
    for (const relay of relays.splice(0)) await relay.kill();
  });

  const startRelay = async (lockSilenceMs = LOCK_SILENCE_MS) => {
    const { nats, eventStore, postgres } = platform;
    const relay = await startProcess({
      name: 'relay',
      command: process.execPath,
      args: [program.path],
      env: {
        PATH: process.env['PATH'],
        NATS_URL: nats.url,
        EVENTSTORE_URL: eventStore.url,
        DATABASE_URL: postgres.url,
        SERVICE: service,
        LOCK_SILENCE_MS: `${lockSilenceMs}`,
      },
    });
    relays.push(relay);
    await relay.ready;
    return relay;
  };

  /** Appends `count` events, in turn on the things; with a long note to `long`. */
  const write = async (count: number, long = -1) => {
    const metadata = metadataOf(callBy('someone'), undefined);
    const perThing = Math.ceil(count / THINGS);
    for (let round = 0; round < perThing; round += 50) {
      const batch = Math.min(50, perThing - round);
      for (let thing = 0; thing < THINGS; thing++) {
        const events = Array.from({ length: batch }, () =>
          jsonEvent({
            type: 'Added',
            data: { by: 1, note: thing === long ? 'x'.repeat(5_000) : '' },
            metadata: { ...metadata },
          }),
        );
        await platform.connections.eventStore.appendToStream(`${service}-${thing}`, events);
      }
    }
    return perThing * THINGS;
  };

  const published = async (): Promise<Seen[]> => {
    const client = jetstream(platform.connections.nats);
    const { consumers } = await client.jetstreamManager();
    const { name } = await consumers.add(EVENTS_STREAM, {
      ack_policy: AckPolicy.None,
      deliver_policy: DeliverPolicy.All,
      filter_subject: `evt.*.${service}.>`,
      // It is read in one go, which takes long on a busy machine.
      inactive_threshold: nanos(FETCH_MS),
    });
    try {
      const consumer = await client.consumers.get(EVENTS_STREAM, name);
      const { num_pending: pending } = await consumer.info();
      const seen: Seen[] = [];
      if (!pending) return seen;
      for await (const message of await consumer.fetch({ max_messages: pending, expires: FETCH_MS })) {
        const { id, revision } = message.json<{ id: string; revision: number }>();
        seen.push({ seq: message.seq, msgId: message.headers!.get('Nats-Msg-Id'), thing: id, revision });
      }
      return seen;
    } finally {
      await consumers.delete(EVENTS_STREAM, name);
    }
  };

  const count = async () => {
    const { streams } = await jetstreamManager(platform.connections.nats);
    const { state } = await streams.info(EVENTS_STREAM, { subjects_filter: `evt.*.${service}.>` });
    return Object.values(state.subjects ?? {}).reduce((sum, one) => sum + one, 0);
  };

  /** Nothing is missing, and each thing's events came for the first time in their order. */
  const expectComplete = (seen: Seen[], total: number) => {
    const first = new Map<string, Seen>();
    for (const one of seen) if (!first.has(one.msgId)) first.set(one.msgId, one);
    expect(first.size).toBe(total);
    for (let thing = 0; thing < THINGS; thing++) {
      const revisions = [...first.values()].filter((one) => one.thing === `${thing}`);
      expect(revisions.map(({ revision }) => revision)).toEqual(
        Array.from({ length: total / THINGS }, (_, revision) => revision),
      );
    }
  };

  /** Asks without a pause, so that what follows meets the relay at work. */
  const untilCount = async (enough: number) => {
    for (const deadline = performance.now() + COUNT_MS; ;) {
      const now = await count();
      if (now >= enough) return now;
      if (performance.now() > deadline) throw new Error(`${now} of ${enough} events after ${COUNT_MS} ms`);
    }
  };

  const untilAllOf = (total: number) =>
    eventually(async () => {
      const { streams } = await jetstreamManager(platform.connections.nats);
      for (let thing = 0; thing < THINGS; thing++) {
        const last = await streams.getMessage(EVENTS_STREAM, {
          last_by_subj: `evt.*.${service}.counter.added.${thing}`,
        });
        expect(last?.json<{ revision: number }>().revision).toBe(total / THINGS - 1);
      }
    });

  it('lose nothing and keep the order, wherever SIGKILL meets them', async () => {
    const next = seededRandom(seed);
    const total = await write(14_000);
    let kills = 0;
    for (let have = 0; have < total; kills++) {
      const relay = await startRelay();
      await untilCount(Math.min(total, have + 1 + Math.floor(next() * 4_000)));
      await relay.kill();
      have = await count();
    }
    await startRelay();
    await untilAllOf(total);
    const seen = await published();
    expectComplete(seen, total);
    console.info(`${kills} kills, ${seen.length - total} of ${total} events published again`);
  });

  it('leave no hole where JetStream refuses an event and takes the next ones', async () => {
    const { streams } = await jetstreamManager(platform.connections.nats);
    await streams.update(EVENTS_STREAM, { max_msg_size: 3_000 });
    const before = await write(THINGS);
    const relay = await startRelay();
    await untilAllOf(before);
    const between = await write(THINGS, 3);
    const after = await write(THINGS);
    // All of the next round are there, but for the one that is refused and what comes after it on the same thing.
    await untilCount(before + between - 1);
    await eventually(() => expect(relay.tail().join('\n')).toMatch(/message size exceeds/));
    await relay.kill();
    await streams.update(EVENTS_STREAM, { max_msg_size: -1 });
    await startRelay();
    await untilAllOf(before + between + after);
    expectComplete(await published(), before + between + after);
  });

  it('publish nothing again where nothing was under way', async () => {
    const total = await write(700);
    // Nobody loses the lock by standing still for a moment.
    const first = await startRelay(60_000);
    await untilAllOf(total);
    await first.kill();
    await startRelay(60_000);
    const more = await write(THINGS);
    await untilAllOf(total + more);
    expect(await count()).toBe(total + more);
  });

  it('that are stopped lose the lock to another, and harm nothing when they go on', async () => {
    let total = await write(14_000);
    const zombie = await startRelay();
    await untilCount(3_000);
    process.kill(zombie.pid, 'SIGSTOP');
    const atStop = await count();
    // On a machine that stood still just then it was done already: then there is more to do.
    if (atStop === total) total += await write(14_000);

    const begun = performance.now();
    const heir = await startRelay();
    await untilAllOf(total);
    console.info(
      `${total - atStop} events in ${Math.round(performance.now() - begun)} ms, the wait for the lock included`,
    );
    const before = await count();
    process.kill(zombie.pid, 'SIGCONT');
    await eventually(() => expect(zombie.tail().join('\n')).toMatch(/the lock is lost/));
    const more = await write(THINGS);
    await untilAllOf(total + more);
    // It may have stood still between its last look at the lock and the write to the socket, once for each thing.
    expect(await count()).toBeLessThanOrEqual(before + more + THINGS);
    await heir.kill();
    const last = await write(THINGS);
    await untilAllOf(total + more + last);
    const seen = await published();
    expectComplete(seen, total + more + last);
    console.info(`stopped after ${atStop}; ${seen.length - total - more - last} events published again`);
  });
});
