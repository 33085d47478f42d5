import { jsonEvent, NO_STREAM } from '@eventstore/db-client';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Decider } from '@hybrid/decider';
import { eventually, specSeed } from '@hybrid/testing';
import fc from 'fast-check';
import { randomUUID } from 'node:crypto';
import { serialize } from 'node:v8';
import { callBy, startPlatform, type Platform } from './platform.fixtures.js';
import { Snapshots } from './snapshots.js';
import { metadataOf } from './stored-event.js';
import { ThingReader } from './thing-reader.js';

/** Remembers each word with its place, in a map as JSON has none; whatever is lost or read twice shows. */
type Said = { type: 'Said'; data: { word: string } };
type Words = ReadonlyMap<number, string>;
const words: Pick<Decider<Words, never, Said>, 'initial' | 'events' | 'evolve'> = {
  initial: new Map(),
  events: { today: { Said: true } },
  evolve: (state, { data }) => new Map([...state, [state.size, data.word]]),
};

const SIZES = { long: 4, remembered: 2, snapshotEvery: 3 };

describe('a thing that is read', () => {
  let platform: Platform;
  beforeAll(async () => {
    platform = await startPlatform();
  });
  afterAll(() => platform.stop());

  const snapshotsOf = (version: number, schema = 'words') =>
    new Snapshots(platform.connections.pool, schema, version, words.events);
  const readerOf = (snapshots?: Snapshots, sizes = SIZES) =>
    new ThingReader(platform.connections.eventStore, 'words', words, snapshots, sizes);
  /** Reads everything, always. */
  const folded = (id: string) => readerOf(undefined, { ...SIZES, long: 1_000_000 }).read(id);
  const metadata = metadataOf(callBy('someone'), undefined);
  const said = (word: string, type = 'Said', id = randomUUID()) =>
    jsonEvent({ id, type, data: { word }, metadata } as never);
  const say = async (id: string, count: number, type?: string) => {
    const batch = Array.from({ length: count }, () => said(randomUUID(), type));
    await platform.connections.eventStore.appendToStream(`words-${id}`, batch);
  };
  const kept = async () => {
    const { rows } = await platform.connections.pool.query<{ id: string; folded: Buffer }>(
      'select id, folded from words.snapshots',
    );
    return rows;
  };

  it('is what all of its events make it, whatever is remembered, kept, lost, cut off or written beside it', async () => {
    const { eventStore, pool } = platform.connections;
    const who = fc.nat(2);
    const which = fc.nat(1);
    const action = fc.oneof(
      { weight: 6, arbitrary: fc.record({ do: fc.constant('read' as const), who, which }) },
      {
        weight: 4,
        arbitrary: fc.record({
          do: fc.constant('say' as const),
          which,
          count: fc.integer({ min: 1, max: 9 }),
          type: fc.constantFrom('Said', 'Said', 'Sung'),
        }),
      },
      fc.record({ do: fc.constant('go on' as const), who, which }),
      fc.record({ do: fc.constant('restart' as const), who }),
      fc.record({ do: fc.constant('drop snapshots' as const) }),
      fc.record({ do: fc.constant('spoil snapshots' as const) }),
      fc.record({ do: fc.constant('cut off' as const), which, keep: fc.integer({ min: 1, max: 6 }) }),
      fc.record({ do: fc.constant('delete' as const), which }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 10, maxLength: 30 }), async (actions) => {
        const ids = [randomUUID(), randomUUID()];
        // Two of one version share the snapshots; the third has another version.
        const open = (index: number) => readerOf(snapshotsOf(index < 2 ? 1 : 2));
        const readers = [open(0), open(1), open(2)];
        for (const step of actions) {
          switch (step.do) {
            case 'read':
              expect(await readers[step.who]!.read(ids[step.which]!)).toEqual(await folded(ids[step.which]!));
              break;
            case 'say':
              await say(ids[step.which]!, step.count, step.type);
              break;
            case 'go on': {
              const id = ids[step.which]!;
              const before = await readers[step.who]!.read(id);
              const lastId = randomUUID();
              const event = said('gone on', 'Said', lastId);
              const { nextExpectedRevision: revision } = await eventStore.appendToStream(
                `words-${id}`,
                event,
                {
                  expectedRevision: before.revision ?? NO_STREAM,
                },
              );
              const state = words.evolve(before.state, event);
              readers[step.who]!.wentOn(id, before.revision, { state, revision, lastId });
              break;
            }
            case 'restart':
              readers[step.who] = open(step.who);
              break;
            case 'drop snapshots':
              await pool.query('drop table if exists words.snapshots');
              break;
            case 'spoil snapshots':
              if ((await pool.query(`select where to_regclass('words.snapshots') is not null`)).rowCount)
                await pool.query(`update words.snapshots set folded = substr(folded, 1, length(folded) - 9)`);
              break;
            case 'cut off': {
              const { revision } = await folded(ids[step.which]!);
              // Metadata would bring a deleted stream back, with nothing in it to go on from.
              if (revision === null) break;
              const truncateBefore = Math.max(0, Number(revision) + 1 - step.keep);
              await eventStore.setStreamMetadata(`words-${ids[step.which]}`, { truncateBefore });
              break;
            }
            case 'delete':
              if ((await folded(ids[step.which]!)).revision !== null)
                await eventStore.deleteStream(`words-${ids[step.which]}`);
              break;
          }
        }
        for (const id of ids) {
          const all = await folded(id);
          for (const reader of [...readers, open(0)]) expect(await reader.read(id)).toEqual(all);
        }
      }),
      { seed: specSeed(), numRuns: 30 },
    );
  });

  it('goes on from a snapshot after a restart, and does without it', async () => {
    const id = randomUUID();
    await say(id, 50);
    await readerOf(snapshotsOf(1)).read(id);
    await eventually(async () => expect((await kept()).map((row) => row.id)).toContain(id));
    const all = await folded(id);
    // A snapshot that says something else shows that it is used …
    const altered = { ...all, state: new Map([[0, 'altered']]) };
    const replace = (folded: object) =>
      platform.connections.pool.query('update words.snapshots set folded = $2 where id = $1', [
        id,
        serialize(folded),
      ]);
    await replace(altered);
    expect((await readerOf(snapshotsOf(1)).read(id)).state).toEqual(altered.state);
    // … by the version that made it, and by no other.
    expect(await readerOf(snapshotsOf(3)).read(id)).toEqual(all);
    // Nor where the stream has another event at its place, as after a restored backup.
    await replace({ ...altered, lastId: randomUUID() });
    expect(await readerOf(snapshotsOf(1)).read(id)).toEqual(all);
    await platform.connections.pool.query('drop table words.snapshots');
    expect(await readerOf(snapshotsOf(1)).read(id)).toEqual(all);
  });

  it('is answered without PostgreSQL too', async () => {
    const id = randomUUID();
    await say(id, 50);
    const nowhere = snapshotsOf(1, 'no such schema');
    expect(await readerOf(nowhere).read(id)).toEqual(await folded(id));
  });
});
