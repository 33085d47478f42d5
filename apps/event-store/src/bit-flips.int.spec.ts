import { createHash, randomUUID } from 'node:crypto';
import { cp, mkdtemp, open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, seededRandom } from '@hybrid/testing';
import { EventStoreProcesses, type Exit } from '../test/event-store-process.js';
import { verifyStore } from './maintenance/verify.js';
import { recordCleanStop } from './store/clean-stop.js';
import type { RecordedEvent } from './store/event-record.js';
import { EventStore } from './store/event-store.js';
import { Tables } from './store/tables.js';

const MAP_SIZE = 64 * 1024 * 1024;
const FLIPS = Number(process.env['SPEC_FLIPS'] ?? 300);
/** Starting a server takes half a second, so only some of the damaged stores get one. */
const SERVED = 12;

const random = seededRandom();
const processes = new EventStoreProcesses();
let folder: string;
let original: string;
/** What was written: a digest by "stream@revision". */
let written: Map<string, string>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'event-store-flips-'));
  original = join(folder, 'original');
  await cp(await emptyDirectory(), original, { recursive: true });
  written = await fill(original);
});
afterAll(() => rm(folder, { recursive: true, force: true }));
afterEach(() => processes.release());

describe('a flipped bit anywhere in the data file', () => {
  it(
    'is found by verify, or changes nothing that is read',
    async () => {
      const { size } = await stat(join(original, 'data.mdb'));
      let found = 0;
      for (let flip = 0; flip < FLIPS; flip++) {
        const bit = Math.floor(random() * size * 8);
        const damaged = await copyWithFlip(`flip-${flip}`, bit);
        const { findings } = await verifyStore(damaged);
        if (findings.count > 0) found++;
        else expect({ bit, read: await readInProcess(damaged) }).toEqual({ bit, read: written });
        await rm(damaged, { recursive: true });
      }
      // Most of a page is taken, so most flips hit something.
      expect(found).toBeGreaterThan(FLIPS / 4);
      process.stderr.write(`${found} of ${FLIPS} flips were found, the others changed nothing\n`);
    },
    300_000 + FLIPS * 200,
  );

  it('is never served as something else', async () => {
    const { size } = await stat(join(original, 'data.mdb'));
    const ends = { whole: 0, loss: 0, refused: 0, died: 0 };
    for (let flip = 0; flip < SERVED; flip++) {
      const damaged = await copyWithFlip(`served-${flip}`, Math.floor(random() * size * 8));
      ends[await serveAndRead(damaged)]++;
      await processes.release();
      await rm(damaged, { recursive: true });
    }
    process.stderr.write(`served: ${JSON.stringify(ends)}\n`);
  });
});

describe('damage that no checksum covers', () => {
  it('in the name of a stream is named by verify', async () => {
    const damaged = join(folder, 'name');
    await cp(original, damaged, { recursive: true });
    const file = await readFile(join(damaged, 'data.mdb'));
    let hits = 0;
    for (let at = file.indexOf('lonely'); at >= 0; at = file.indexOf('lonely', at + 1)) {
      // The key of the stream's state: behind it are a checksum of 4 bytes and JSON. 'x' keeps the order of the keys.
      if (!file.subarray(at + 10, at + 16).equals(Buffer.from('{"id":'))) continue;
      file.write('lonelx', at);
      hits++;
    }
    expect(hits).toBeGreaterThan(0);
    await writeFile(join(damaged, 'data.mdb'), file);

    const { findings } = await verifyStore(damaged);
    expect(findings.named).toContainEqual(expect.stringMatching(/its stream 'lonely' is not known/));
    expect(findings.named).toContainEqual(expect.stringMatching(/stream 'lonelx' revision 0 is damaged/));
  });

  it('in the counters is a finding of verify, not its end', async () => {
    const damaged = join(folder, 'counters');
    await cp(original, damaged, { recursive: true });
    const file = await readFile(join(damaged, 'data.mdb'));
    let hits = 0;
    for (let at = file.indexOf('{"lastPosition"'); at >= 0; at = file.indexOf('{"lastPosition"', at + 1)) {
      file.write('{"lostPosition"', at);
      hits++;
    }
    expect(hits).toBeGreaterThan(0);
    await writeFile(join(damaged, 'data.mdb'), file);

    const { findings } = await verifyStore(damaged);
    expect(findings.named).toContainEqual(expect.stringMatching(/the counters is damaged/));
  });

  it('in the id of an event makes no other event of it', async () => {
    const directory = await processes.directory();
    let store = EventStore.open(directory, MAP_SIZE);
    const [first, second] = [event(), event()];
    await store.write((transaction) => transaction.append('s', { kind: 'any' }, [first, second]));
    await store.close();
    const tables = Tables.open(directory, MAP_SIZE);
    const { id } = tables.streamState('s')!;
    await tables.transaction(() => tables.putIndex(id, 0, second.id, 1));
    await tables.close();

    store = EventStore.open(directory, MAP_SIZE);
    const again = store.write((transaction) => transaction.append('s', { kind: 'any' }, [second]));
    await expect(again).rejects.toThrow(/stream 's' id .* is damaged: it leads to another event/);
    await store.close();
    const { findings } = await verifyStore(directory);
    expect(findings.named).toContainEqual(expect.stringMatching(/position 2.*is found at revision 0, not 1/));
  });

  it.each([
    ['the newest transaction is taken for an older one', 24 + 128],
    ['the root of the tables is another page', 24 + 72 + 40],
    ['the store looks as if it had no tables', 24 + 72 + 32],
  ])('is refused at start: %s', async (_name, offset) => {
    const damaged = join(folder, `meta-${offset}`);
    await cp(original, damaged, { recursive: true });
    const file = await open(join(damaged, 'data.mdb'), 'r+');
    const metas = Buffer.alloc(8192);
    await file.read(metas, 0, 8192, 0);
    const newest = metas.readBigUInt64LE(24 + 128) > metas.readBigUInt64LE(4096 + 24 + 128) ? 0 : 4096;
    const at = newest + offset;
    // Two transactions back keeps the parity that the page must have.
    metas.writeUInt8(offset === 24 + 128 ? metas.readUInt8(at) ^ 2 : metas.readUInt8(at) ^ 1, at);
    await file.write(metas, 0, 8192, 0);
    await file.close();
    const launched = await processes.launch({ EVENT_STORE_DATA: damaged });
    expect(await launched.exited).toEqual({ code: 1, signal: null });
    expect(launched.stderr).toMatch(/The store in .* is damaged: .*Restore it from a backup/);
  });

  it('loses no event to an older snapshot of the store', async () => {
    const older = join(folder, 'older');
    await cp(original, older, { recursive: true });
    recordCleanStop(older, written.size + 1);
    const launched = await processes.launch({ EVENT_STORE_DATA: older });
    expect(await launched.exited).toEqual({ code: 1, signal: null });
    expect(launched.stderr).toMatch(/was stopped at position \d+, but ends at \d+/);
    const { findings } = await verifyStore(older);
    expect(findings.named).toEqual([expect.stringMatching(/was stopped at position/)]);
  });
});

async function emptyDirectory(): Promise<string> {
  return processes.directory();
}

/** Streams of many lengths, large events on pages of their own, metadata, a tombstone, pages that became free. */
async function fill(directory: string): Promise<Map<string, string>> {
  const store = EventStore.open(directory, MAP_SIZE);
  for (let round = 0; round < 60; round++)
    await Promise.all(
      Array.from({ length: 1 + Math.floor(random() * 4) }, () => {
        const stream = `stream-${Math.floor(random() * 30)}`;
        const events = Array.from({ length: 1 + Math.floor(random() * 4) }, () => event());
        return store.write((transaction) => transaction.append(stream, { kind: 'any' }, events));
      }),
    );
  await store.write((transaction) => transaction.append('lonely', { kind: 'any' }, [event()]));
  await store.write((transaction) => transaction.append('ended', { kind: 'any' }, [event()]));
  await store.write((transaction) => transaction.tombstone('ended', { kind: 'any' }));
  const limits = { ...event(), data: Buffer.from('{"$maxCount":1000}') };
  await store.write((transaction) => transaction.append('$$stream-1', { kind: 'any' }, [limits]));
  const all = digests(store);
  await store.close();
  recordCleanStop(directory, all.size);
  return all;
}

function event() {
  const bytes = Math.floor(random() < 0.05 ? 3_000 + random() * 9_000 : random() * 400);
  const data = Buffer.from(Array.from({ length: bytes }, () => Math.floor(random() * 256)));
  const custom = Buffer.from(JSON.stringify({ n: bytes }));
  return {
    id: randomUUID(),
    type: 'Tried',
    contentType: 'application/octet-stream',
    data,
    customMetadata: custom,
  };
}

async function copyWithFlip(name: string, bit: number): Promise<string> {
  const damaged = join(folder, name);
  await cp(original, damaged, { recursive: true });
  const file = await open(join(damaged, 'data.mdb'), 'r+');
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, bit >>> 3);
  byte.writeUInt8(byte.readUInt8() ^ (1 << (bit & 7)));
  await file.write(byte, 0, 1, bit >>> 3);
  await file.close();
  return damaged;
}

async function readInProcess(directory: string): Promise<Map<string, string>> {
  const store = EventStore.open(directory, MAP_SIZE);
  try {
    const all = digests(store);
    for (const key of all.keys()) {
      const at = key.lastIndexOf('@');
      const [stream, revision] = [key.slice(0, at), Number(key.slice(at + 1))];
      if (stream === 'ended') continue;
      const state = store.streamState(stream);
      const found = state && store.eventOf(stream, state, revision);
      expect(found && digest(found)).toBe(all.get(key));
    }
    return all;
  } finally {
    await store.close();
  }
}

function digests(store: EventStore): Map<string, string> {
  const all = new Map<string, string>();
  for (let position = 1; position <= store.lastPosition; position++) {
    const event = store.eventAt(position);
    all.set(`${event.stream}@${event.revision}`, digest(event));
  }
  return all;
}

function digest({ id, type, data, customMetadata, position }: RecordedEvent): string {
  return [position, id, type, sha256(data), sha256(customMetadata)].join(' ');
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Every event that a real server hands out is one that was written; how the reading ended is the answer. */
async function serveAndRead(directory: string): Promise<'whole' | 'loss' | 'refused' | 'died'> {
  const launched = await processes.launch({ EVENT_STORE_DATA: directory });
  const end: { exit?: Exit } = {};
  void launched.exited.then((exit) => (end.exit = exit));
  await eventually(() => expect(end.exit ?? launched.stdout).not.toBe(''));
  if (end.exit) return end.exit.signal ? 'died' : 'refused';
  const store = await processes.started(launched);
  let seen = 0;
  try {
    for await (const { event } of store.client().readAll()) {
      if (!event) continue;
      seen++;
      const bytes = event.isJson ? Buffer.from(JSON.stringify(event.data)) : Buffer.from(event.data);
      const digest = written.get(`${event.streamId}@${event.revision}`) ?? 'never written';
      expect(digest).toContain(event.id);
      if (!event.isJson) expect(digest).toContain(sha256(bytes));
    }
    expect(seen).toBe(written.size);
    return 'whole';
  } catch (error) {
    const { code } = error as { code?: number };
    if (code === 15) return 'loss';
    if (code === 14) return 'died';
    throw error;
  }
}
