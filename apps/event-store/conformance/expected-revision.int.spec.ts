/** Every kind of expected revision against every state that a stream can be in, through both append calls. */
import {
  ANY,
  NO_STREAM,
  STREAM_EXISTS,
  StreamDeletedError,
  WrongExpectedVersionError,
  type AppendExpectedRevision,
  type EventStoreDBClient,
} from '@eventstore/db-client';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { APPEND_CALLS } from './append-calls.js';
import { events, revisions } from './sample-events.js';
import { startTarget, type Target } from './target.js';

let target: Target;
let client: EventStoreDBClient;

beforeAll(async () => {
  target = await startTarget();
  client = target.client();
});
afterAll(() => target.stop());

type State =
  | 'absent'
  | 'with metadata only'
  | 'empty after an append of nothing'
  | 'present'
  | 'soft-deleted'
  | 'tombstoned';

/** A stream in that state; present ones have three events, revisions 0 to 2. */
async function streamThatIs(state: State): Promise<string> {
  const stream = target.name('expected');
  switch (state) {
    case 'absent':
      return stream;
    case 'with metadata only':
      await client.setStreamMetadata(stream, { maxCount: 100 });
      return stream;
    case 'empty after an append of nothing':
      await client.appendToStream(stream, []);
      return stream;
    case 'present':
      await client.appendToStream(stream, events(3));
      return stream;
    case 'soft-deleted':
      await client.appendToStream(stream, events(3));
      await client.deleteStream(stream);
      return stream;
    case 'tombstoned':
      await client.appendToStream(stream, events(3));
      await client.tombstoneStream(stream);
      return stream;
  }
}

/** What the append must come to: the revision of its only event, the version it says there is, or the end. */
type Outcome = { appends: bigint } | { refusedAt: bigint | 'no_stream' } | 'deleted';
const appends = (revision: bigint): Outcome => ({ appends: revision });
const refused = (current: bigint | 'no_stream'): Outcome => ({ refusedAt: current });

const TABLE: [State, AppendExpectedRevision, Outcome][] = [
  ['absent', ANY, appends(0n)],
  ['absent', NO_STREAM, appends(0n)],
  ['absent', STREAM_EXISTS, refused('no_stream')],
  ['absent', 0n, refused('no_stream')],
  ['absent', 5n, refused('no_stream')],
  ['with metadata only', ANY, appends(0n)],
  ['with metadata only', NO_STREAM, appends(0n)],
  ['with metadata only', STREAM_EXISTS, appends(0n)],
  ['with metadata only', 0n, refused('no_stream')],
  ['empty after an append of nothing', ANY, appends(0n)],
  ['empty after an append of nothing', NO_STREAM, appends(0n)],
  ['present', ANY, appends(3n)],
  ['present', NO_STREAM, refused(2n)],
  ['present', STREAM_EXISTS, appends(3n)],
  ['present', 0n, refused(2n)],
  ['present', 1n, refused(2n)],
  ['present', 2n, appends(3n)],
  ['present', 3n, refused(2n)],
  ['present', 2n ** 62n, refused(2n)],
  ['soft-deleted', ANY, appends(3n)],
  ['soft-deleted', NO_STREAM, appends(3n)],
  ['soft-deleted', STREAM_EXISTS, 'deleted'],
  ['soft-deleted', 1n, refused(2n)],
  ['soft-deleted', 2n, appends(3n)],
  ['soft-deleted', 3n, refused(2n)],
  ['tombstoned', ANY, 'deleted'],
  ['tombstoned', NO_STREAM, 'deleted'],
  ['tombstoned', STREAM_EXISTS, 'deleted'],
  ['tombstoned', 2n, 'deleted'],
  ['tombstoned', 7n, 'deleted'],
];

describe.each(APPEND_CALLS)('%s to a stream', (_call, options) => {
  it.each(TABLE)('%s, expecting %s', async (state, expectedRevision, outcome) => {
    const stream = await streamThatIs(state);
    const append = client.appendToStream(stream, events(1), { expectedRevision, ...options });
    if (outcome === 'deleted') {
      await expect(append).rejects.toThrow(StreamDeletedError);
      await expect(append).rejects.toMatchObject({ streamName: stream, type: 'stream-deleted' });
    } else if ('refusedAt' in outcome) {
      await expect(append).rejects.toThrow(WrongExpectedVersionError);
      await expect(append).rejects.toMatchObject({
        type: 'wrong-expected-version',
        streamName: stream,
        expectedVersion: expectedRevision,
        actualVersion: outcome.refusedAt,
      });
    } else {
      const result = await append;
      expect(result).toMatchObject({ success: true, nextExpectedRevision: outcome.appends });
      expect(result.position!.commit).toBeGreaterThan(0n);
      expect((await revisions(client, stream)).at(-1)).toBe(Number(outcome.appends));
    }
  });

  it('reports a refusal as a result if the client asks so', async () => {
    const lenient = target.client('throwOnAppendFailure=false');
    const stream = await streamThatIs('present');
    const result = await lenient.appendToStream(stream, events(1), {
      expectedRevision: NO_STREAM,
      ...options,
    });
    // The revision in it is not checked: for BatchAppend the client turns "there is one" into a 1.
    expect(result).toMatchObject({ success: false, position: undefined });
    expect(await revisions(client, stream)).toEqual([0, 1, 2]);
  });

  it('lets one of fifty win', async () => {
    const stream = target.name('race');
    const tries = await Promise.allSettled(
      Array.from({ length: 50 }, () =>
        client.appendToStream(stream, events(1), { expectedRevision: NO_STREAM, ...options }),
      ),
    );
    const lost = tries.filter((entry) => entry.status === 'rejected');
    expect(lost).toHaveLength(49);
    for (const { reason } of lost) expect(reason).toBeInstanceOf(WrongExpectedVersionError);
    expect(await revisions(client, stream)).toEqual([0]);
  });
});
