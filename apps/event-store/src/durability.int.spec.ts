import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  ANY,
  jsonEvent,
  NO_STREAM,
  WrongExpectedVersionError,
  type EventStoreDBClient,
} from '@eventstore/db-client';
import { afterEach, describe, expect, it } from '@jest/globals';
import { seededRandom } from '@hybrid/testing';
import { EventStoreProcesses } from '../test/event-store-process.js';
import { verifyStore } from './maintenance/verify.js';

const ROUNDS = 8;
/** The appends that a round has at least, however slow the machine is: more than 256 events in all. */
const LOAD = 20;

const processes = new EventStoreProcesses();
afterEach(() => processes.release());

/** One append: its events carry its id and size, so that a torn one would be seen. */
function batch(size: number) {
  const id = randomUUID();
  return Array.from({ length: size }, (_, n) =>
    jsonEvent({ type: 'Tried', data: { batch: id, n, size, text: 'ü'.repeat(n * 50) } }),
  );
}

interface Acknowledged {
  stream: string;
  last: bigint;
  events: ReturnType<typeof batch>;
}

async function read(client: EventStoreDBClient) {
  const events = [];
  for await (const { event } of client.readAll()) if (event) events.push(event);
  return events;
}

describe('acknowledged events', () => {
  it('survive SIGKILL every 50 to 500 ms under load, and no append is torn', async () => {
    const random = seededRandom();
    const directory = await processes.directory();
    const acknowledged: Acknowledged[] = [];

    for (let round = 0; round < ROUNDS; round++) {
      const store = await processes.start(directory);
      const client = store.client();
      const kill: { at?: number; done?: Promise<unknown> } = {};
      const before = acknowledged.length;
      const writers = Array.from({ length: 8 }, async (_, writer) => {
        while (!kill.done) {
          const shared = random() < 0.7;
          const stream = shared ? `shared-${Math.floor(random() * 6)}` : `own-${round}-${writer}`;
          const events = batch(random() < 0.5 ? 1 : 2 + Math.floor(random() * 6));
          try {
            const { nextExpectedRevision } = await client.appendToStream(stream, events, {
              expectedRevision: ANY,
            });
            acknowledged.push({ stream, last: nextExpectedRevision, events });
            kill.at ??= performance.now() + 50 + random() * 450;
            // With an acknowledgement, the moment when an answer sent too early would show.
            const loaded = acknowledged.length - before > LOAD;
            if (loaded && performance.now() > kill.at) kill.done ??= store.process.kill('SIGKILL');
          } catch (error) {
            if (!kill.done) throw error;
          }
        }
      });
      await Promise.all(writers);
      await kill.done;
      await store.disconnect();
      if (round % 2 === 1) expect((await verifyStore(directory)).findings.named).toEqual([]);
    }
    const restarted = await processes.start(directory);
    verify(await read(restarted.client()), acknowledged);
    expect(restarted.process.stderr).toMatch(/after a crash .* the last 256 events agree/);
    expect(acknowledged.length).toBeGreaterThan(ROUNDS * LOAD);
  });

  it('are written once when the answer was lost, also after a restart', async () => {
    const directory = await processes.directory();
    let store = await processes.start(directory);
    const known = [];
    for (const expectedRevision of [NO_STREAM, ANY] as const) {
      const append = { stream: `retry-${randomUUID()}`, events: batch(3), options: { expectedRevision } };
      const first = await store.client().appendToStream(append.stream, append.events, append.options);
      await store.client().appendToStream(append.stream, batch(1));
      known.push({ ...append, first });
    }
    await store.process.kill('SIGKILL');
    store = await processes.start(directory);
    for (const { stream, events, options, first } of known)
      await expect(store.client().appendToStream(stream, events, options)).resolves.toEqual(first);
    expect(await read(store.client())).toHaveLength(8);
  });
});

describe('a batch of which a part is there', () => {
  it.each([
    ['any revision', ANY],
    ['no stream', NO_STREAM],
  ] as const)(
    'is refused and adds nothing, also after SIGKILL: expected %s',
    async (_name, expectedRevision) => {
      const directory = await processes.directory();
      let store = await processes.start(directory);
      const [first, second, fresh] = [batch(1), batch(1), batch(2)];
      await store.client().appendToStream('s', first, { expectedRevision: NO_STREAM });
      await store.client().appendToStream('s', second, { expectedRevision: 0n });
      for (const restarted of [false, true]) {
        if (restarted) {
          await store.process.kill('SIGKILL');
          store = await processes.start(directory);
        }
        for (const partly of [
          [...first, ...fresh],
          [...fresh, ...second],
          [...first, ...fresh, ...second],
        ])
          await expect(store.client().appendToStream('s', partly, { expectedRevision })).rejects.toThrow(
            WrongExpectedVersionError,
          );
        expect((await read(store.client())).map(({ id }) => id)).toEqual([first[0]?.id, second[0]?.id]);
      }
      expect((await verifyStore(directory)).findings.named).toEqual([]);
    },
  );
});

describe('a damaged byte', () => {
  it('is answered with DATA_LOSS that names the event, and the others are read', async () => {
    const directory = await processes.directory();
    let store = await processes.start(directory);
    const marker = `marker-${randomUUID()}`;
    await store
      .client()
      .appendToStream('damaged', [...batch(1), jsonEvent({ type: 'Hit', data: { marker } })]);
    await store.client().appendToStream('sound', batch(2));
    await store.process.kill('SIGTERM');

    const file = join(directory, 'data.mdb');
    const bytes = await readFile(file);
    let hits = 0;
    for (let at = bytes.indexOf(marker); at >= 0; at = bytes.indexOf(marker, at + 1), hits++)
      bytes.writeUInt8(bytes.readUInt8(at + 8) ^ 1, at + 8);
    expect(hits).toBeGreaterThan(0);
    await writeFile(file, bytes);

    store = await processes.start(directory);
    expect(store.process.stderr).toMatch(/1 of the last 4 events are DAMAGED, the others are served/);
    const client = store.client();
    const stream = async (name: string) => {
      const seen = [];
      for await (const { event } of client.readStream(name)) seen.push(event);
      return seen;
    };
    const loss = expect.stringMatching(/stream 'damaged' revision 1 is damaged/);
    await expect(stream('damaged')).rejects.toMatchObject({ code: 15, message: loss });
    await expect(read(client)).rejects.toMatchObject({
      code: 15,
      message: expect.stringMatching(/position 2/),
    });
    await expect(stream('sound')).resolves.toHaveLength(2);
    await expect(client.appendToStream('sound', batch(1))).resolves.toMatchObject({
      nextExpectedRevision: 2n,
    });
  });
});

describe('a disk that takes no more', () => {
  it('makes appends fail and leaves reads, and the store goes on when there is room', async () => {
    const directory = await processes.directory();
    // The file may grow to 2 MiB; the signal that would kill a process that tries more is ignored.
    const full = await processes.start(directory, `trap '' XFSZ; ulimit -f 2048`);
    const client = full.client();
    const large = () => [jsonEvent({ type: 'Large', data: { text: 'x'.repeat(100_000) } }), ...batch(2)];
    let stored = 0;
    const fill = async () => {
      for (; stored < 40; stored++) await client.appendToStream('full', large());
    };
    await expect(fill()).rejects.toThrow(/failed; nothing was stored\. Check the disk and retry|is full/);
    expect(stored).toBeGreaterThan(5);
    expect(await read(client)).toHaveLength(stored * 3);
    await expect(client.appendToStream('full', large())).rejects.toThrow(/nothing was stored/);
    await full.process.kill('SIGTERM');

    const roomy = (await processes.start(directory)).client();
    const { nextExpectedRevision } = await roomy.appendToStream('full', large());
    expect(nextExpectedRevision).toBe(BigInt(stored * 3 + 2));
    expect(await read(roomy)).toHaveLength(stored * 3 + 3);
  });
});

const canMount = process.platform === 'linux' && process.getuid?.() === 0 && mounts();
if (!canMount)
  process.stderr.write('the spec with a full disk is skipped: only root can mount a small one\n');

describe('a full disk', () => {
  (canMount ? it : it.skip)(
    'fails appends, serves reads, and takes appends again when it has grown, without a restart',
    async () => {
      const directory = await processes.directory();
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'event-store-spec', directory]);
      try {
        const store = await processes.start(directory);
        const client = store.client();
        const large = () => [jsonEvent({ type: 'Large', data: { text: 'x'.repeat(100_000) } }), ...batch(2)];
        let stored = 0;
        const fill = async () => {
          for (; stored < 60; stored++) await client.appendToStream('full', large());
        };
        await expect(fill()).rejects.toThrow(/The disk of .* is full; nothing was stored/);
        expect(stored).toBeGreaterThan(5);
        await expect(client.appendToStream('other', large())).rejects.toThrow(/nothing was stored/);
        expect(await read(client)).toHaveLength(stored * 3);

        execFileSync('mount', ['-o', 'remount,size=16m', directory]);
        const { nextExpectedRevision } = await client.appendToStream('full', large());
        expect(nextExpectedRevision).toBe(BigInt(stored * 3 + 2));
        expect(await read(client)).toHaveLength(stored * 3 + 3);
        await store.disconnect();
        await store.process.kill('SIGTERM');
        expect((await verifyStore(directory)).findings.named).toEqual([]);
      } finally {
        await processes.release().catch(() => undefined);
        execFileSync('umount', [directory]);
        await rm(directory, { recursive: true, force: true });
      }
    },
  );
});

function mounts(): boolean {
  const directory = mkdtempSync(join(tmpdir(), 'event-store-mount-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'event-store-spec', directory], {
      stdio: 'ignore',
    });
    execFileSync('umount', [directory]);
    return true;
  } catch {
    return false;
  } finally {
    rmdirSync(directory);
  }
}

/** All acknowledged events are there, none twice, no append torn, no revision missing, positions rising. */
function verify(all: Awaited<ReturnType<typeof read>>, acknowledged: readonly Acknowledged[]): void {
  const places = new Map(all.map((event) => [`${event.streamId}@${event.revision}`, event]));
  for (const { stream, last, events } of acknowledged)
    events.forEach((event, index) => {
      const revision = last - BigInt(events.length - 1 - index);
      expect(places.get(`${stream}@${revision}`)).toMatchObject({
        id: event.id,
        type: event.type,
        data: event.data,
      });
    });

  const ends = new Map<string, bigint>();
  const batches = new Map<string, { size: number; found: number }>();
  let position = 0n;
  for (const event of all) {
    expect(event.revision).toBe((ends.get(event.streamId) ?? -1n) + 1n);
    ends.set(event.streamId, event.revision);
    expect(event.position.commit).toBeGreaterThan(position);
    position = event.position.commit;
    const data = event.data as { batch: string; size: number };
    const entry = batches.get(data.batch) ?? { size: data.size, found: 0 };
    entry.found++;
    batches.set(data.batch, entry);
  }
  for (const { size, found } of batches.values()) expect(found).toBe(size);
  expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
}
