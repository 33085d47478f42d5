/** A power cut takes every write that was not synced, or any part of it. strace records; the spec cuts afterwards. */
import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ANY, jsonEvent } from '@eventstore/db-client';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Disk, readRecording, recordingOptions, type DiskCall } from '../test/disk-recording.js';
import { seededRandom } from '@hybrid/testing';
import { EventStoreProcesses } from '../test/event-store-process.js';
import { missingStrace } from '../test/strace.js';
import { verifyStore } from './maintenance/verify.js';
import { recoverStore } from './store/recovery.js';

const MAP_SIZE = 64 * 1024 * 1024;
const APPENDS = 120;
const WRITERS = 4;
const CUTS = 200;
/** Starting a server takes half a second. */
const SERVED = 3;

interface Acknowledged {
  stream: string;
  last: number;
  ids: string[];
  texts: string[];
  /** Seconds since 1970 when the client had the answer. */
  at: number;
}

const missing = missingStrace();
if (missing) process.stderr.write(`the power-loss specs are skipped: ${missing}\n`);
const describeRecorded = missing ? describe.skip : describe;

const random = seededRandom();
const processes = new EventStoreProcesses();
let folder: string;
let calls: DiskCall[];
let acknowledged: Acknowledged[];
/** When the server had said that it is ready. */
let ready: number;

describeRecorded('a power cut', () => {
  beforeAll(async () => {
    folder = await processes.directory();
    await record();
  });
  afterAll(() => processes.release());

  it('at any moment leaves every acknowledged event, and no append in part', async () => {
    let kept = 0;
    await forEachCut(CUTS, true, async (directory, known, number) => {
      kept += await expectAll(directory, known);
      if (number % 10 === 0) expect((await verifyStore(directory)).findings.named).toEqual([]);
    });
    process.stderr.write(`${CUTS} cuts in ${calls.length} calls, ${kept} acknowledged appends found\n`);
  });

  it('while the store is made leaves an empty one, or a file that is refused with the remedy', async () => {
    const made = calls.findIndex(({ began }) => began > ready);
    let refused = 0;
    for (let moment = 0; moment < made; moment++)
      for (const share of [0, 0.3, 0.7, 1]) {
        const disk = new Disk();
        calls.slice(0, moment).forEach((call) => disk.take(call));
        const directory = join(folder, `made-${moment}-${share}`);
        await mkdir(directory);
        await writeFile(
          join(directory, 'data.mdb'),
          disk.cut(calls[moment], () => random() < share),
        );
        try {
          expect(await expectAll(directory, [])).toBe(0);
        } catch (error) {
          expect(String(error)).toMatch(/if it was never served, remove .*data\.mdb/);
          refused++;
        }
        await rm(directory, { recursive: true });
      }
    expect(refused).toBeLessThan(made * 4);
  });

  it('leaves a store that a server goes on with', async () => {
    await forEachCut(SERVED, true, async (directory, known) => {
      const started = await processes.start(directory);
      const client = started.client();
      let events = 0;
      for await (const _ of client.readAll()) events++;
      expect(events).toBeGreaterThanOrEqual(known.reduce((sum, { ids }) => sum + ids.length, 0));
      await client.appendToStream('after', jsonEvent({ type: 'Tried', data: {} }));
      await started.disconnect();
      await started.process.kill('SIGTERM');
      // A cut before the first append was on disk leaves nothing that looks used.
      expect(started.process.stderr).toMatch(events > 0 ? /after a crash/ : /made a new store|after a crash/);
      expect((await verifyStore(directory)).findings.named).toEqual([]);
    });
  });

  it('would lose events without the syncs, so the test can fail', async () => {
    let lost = 0;
    await forEachCut(CUTS / 10, false, async (directory, known) => {
      // Verify first: LMDB could take this process with it.
      const { findings } = await verifyStore(directory);
      if (findings.count > 0) lost++;
      else await expectAll(directory, known).catch(() => lost++);
    });
    expect(lost).toBeGreaterThan(0);
  });
});

/** Seconds since 1970, never too early: the clock leaves out the part of a millisecond that strace shows. */
function now(): number {
  return (Date.now() + 1) / 1000;
}

/** Runs a server under strace, with a few writers, until all their appends are answered. */
async function record(): Promise<void> {
  const directory = join(folder, 'recorded');
  await mkdir(directory);
  const output = join(folder, 'strace');
  const options = recordingOptions(join(directory, 'data.mdb'), output);
  const started = await processes.start(directory, `exec strace ${options.join(' ')} "$0" "$1"`);
  ready = now();
  const client = started.client();
  acknowledged = [];
  await Promise.all(
    Array.from({ length: WRITERS }, async (_, writer) => {
      for (let n = 0; n < APPENDS / WRITERS; n++) acknowledged.push(await append(writer));
    }),
  );
  await started.disconnect();
  // strace would let go of the server when it is killed; the lock names the server.
  process.kill(
    Number((await readFile(join(directory, 'event-store.lock'), 'utf8')).split(' ')[0]),
    'SIGKILL',
  );
  await started.process.exited;
  calls = readRecording(output);
  await rm(directory, { recursive: true });

  async function append(writer: number): Promise<Acknowledged> {
    const stream = `s-${Math.floor(random() * 3)}-${writer}`;
    const texts = Array.from({ length: 1 + Math.floor(random() * 4) }, () => 'x'.repeat(random() * 3000));
    const batch = randomUUID();
    const events = texts.map((text) => jsonEvent({ type: 'Tried', data: { batch, of: texts.length, text } }));
    const { nextExpectedRevision } = await client.appendToStream(stream, events, { expectedRevision: ANY });
    return { stream, last: Number(nextExpectedRevision), ids: events.map(({ id }) => id), texts, at: now() };
  }
}

/** Visits stores as cuts at random calls leave them, with the appends that were answered before each. */
async function forEachCut(
  count: number,
  syncsCount: boolean,
  visit: (directory: string, known: Acknowledged[], number: number) => Promise<void>,
): Promise<void> {
  const served = calls.map((_, index) => index).filter((index) => calls[index]!.began > ready);
  const moments = Array.from({ length: count }, () => served[Math.floor(random() * served.length)]!);
  moments.sort((left, right) => left - right);
  const disk = new Disk();
  let taken = 0;
  for (const [number, moment] of moments.entries()) {
    for (; taken < moment; taken++) {
      const call = calls[taken]!;
      if (syncsCount || call.began < ready || call.kind === 'write') disk.take(call);
    }
    // Nothing, all, or anything between of what was not synced.
    const share = [0, 1, random()][Math.floor(random() * 3)]!;
    const directory = join(folder, `cut-${number}`);
    await mkdir(directory);
    await writeFile(
      join(directory, 'data.mdb'),
      disk.cut(calls[moment], () => random() < share),
    );
    const known = acknowledged.filter(({ at }) => at < calls[moment]!.began);
    await visit(directory, known, number).finally(() => rm(directory, { recursive: true }));
  }
}

/** Throws unless the store opens, has all that is known, and nothing torn; answers how many appends were looked up. */
async function expectAll(directory: string, known: readonly Acknowledged[]): Promise<number> {
  const { store } = await recoverStore(directory, MAP_SIZE);
  try {
    for (const { stream, last, ids, texts } of known) {
      const state = store.streamState(stream);
      if (!state || state.last < last)
        throw new Error(`'${stream}' revision ${last} was acknowledged and is lost`);
      ids.forEach((id, index) => {
        const event = store.eventOf(stream, state, last - ids.length + 1 + index);
        const { text } = JSON.parse(Buffer.from(event!.data).toString()) as { text: string };
        if (event!.id !== id || text !== texts[index])
          throw new Error(`'${stream}' has another event at ${last}`);
      });
    }
    const batches = new Map<string, number>();
    const ends = new Map<string, bigint>();
    for (let position = 1; position <= store.lastPosition; position++) {
      const { stream, revision, data } = store.eventAt(position);
      if (revision !== (ends.get(stream) ?? -1n) + 1n)
        throw new Error(`'${stream}' has a gap at ${revision}`);
      ends.set(stream, revision);
      const { batch, of } = JSON.parse(Buffer.from(data).toString()) as { batch: string; of: number };
      batches.set(batch, (batches.get(batch) ?? of) - 1);
    }
    if ([...batches.values()].some((left) => left !== 0)) throw new Error('an append is there in part');
    return known.length;
  } finally {
    await store.close();
  }
}
