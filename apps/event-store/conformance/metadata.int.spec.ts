/** Stream metadata: an event in `$$<stream>`, of which the last one counts. */
import {
  ANY,
  BACKWARDS,
  END,
  jsonEvent,
  NO_STREAM,
  StreamDeletedError,
  StreamNotFoundError,
  WrongExpectedVersionError,
  type EventStoreDBClient,
} from '@eventstore/db-client';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import pb from '@eventstore/db-client/generated/streams_pb.js';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { read } from './raw-streams.js';
import { collect, events, revisions } from './sample-events.js';
import { startTarget, type Target } from './target.js';

let target: Target;
let client: EventStoreDBClient;

beforeAll(async () => {
  target = await startTarget();
  client = target.client();
});
afterAll(() => target?.stop());

async function streamOf(count: number): Promise<string> {
  const stream = target.name('kept');
  await client.appendToStream(stream, events(count));
  return stream;
}

describe('metadata', () => {
  it('keeps every kind of entry as it was set', async () => {
    const stream = target.name('kept');
    const metadata = {
      maxAge: 3600,
      maxCount: 10,
      truncateBefore: 2,
      cacheControl: 15,
      acl: {
        readRoles: ['ann', '$all'],
        writeRoles: 'ann',
        deleteRoles: ['$admins'],
        metaReadRoles: [],
        metaWriteRoles: ['$ops'],
      },
      owner: { team: 'build', since: 2026 },
      $unknown: true,
    };
    await client.setStreamMetadata(stream, metadata as never);
    expect((await client.getStreamMetadata(stream)).metadata).toEqual(metadata);
    const [stored] = await collect(client.readStream(`$$${stream}`));
    expect(stored).toMatchObject({
      type: '$metadata',
      isJson: true,
      data: {
        $maxAge: 3600,
        $maxCount: 10,
        $tb: 2,
        $cacheControl: 15,
        owner: { team: 'build', since: 2026 },
      },
    });
  });

  it('is nothing for a stream without any, and does not make it exist', async () => {
    const stream = target.name('kept');
    expect(await client.getStreamMetadata(stream)).toEqual({ streamName: stream });
    await client.setStreamMetadata(stream, { maxCount: 1 });
    await expect(revisions(client, stream)).rejects.toThrow(StreamNotFoundError);
  });

  it('is set at the revision that is expected, counted by itself', async () => {
    const stream = await streamOf(3);
    await client.setStreamMetadata(stream, { maxCount: 9 }, { expectedRevision: NO_STREAM });
    await expect(
      client.setStreamMetadata(stream, { maxCount: 1 }, { expectedRevision: NO_STREAM }),
    ).rejects.toThrow(WrongExpectedVersionError);
    await client.setStreamMetadata(stream, { maxCount: 8 }, { expectedRevision: 0n });
    await client.setStreamMetadata(stream, { maxCount: 7 }, { expectedRevision: ANY });
    expect((await client.getStreamMetadata(stream)).metadata).toEqual({ maxCount: 7 });
    expect(await revisions(client, `$$${stream}`)).toEqual([2]);
  });

  it('replaces what was set before, as a whole', async () => {
    const stream = await streamOf(5);
    await client.setStreamMetadata(stream, { maxCount: 1 });
    expect(await revisions(client, stream)).toEqual([4]);
    await client.setStreamMetadata(stream, { truncateBefore: 2 });
    expect(await revisions(client, stream)).toEqual([2, 3, 4]);
    await client.setStreamMetadata(stream, {});
    expect(await revisions(client, stream)).toEqual([0, 1, 2, 3, 4]);
  });
});

describe('limits', () => {
  it('work together: the tightest hides', async () => {
    const stream = await streamOf(10);
    await client.setStreamMetadata(stream, { maxCount: 5, truncateBefore: 3, maxAge: 3600 });
    expect(await revisions(client, stream)).toEqual([5, 6, 7, 8, 9]);
    await client.setStreamMetadata(stream, { maxCount: 5, truncateBefore: 8 });
    expect(await revisions(client, stream, { direction: BACKWARDS, fromRevision: END })).toEqual([9, 8]);
    expect(await revisions(client, stream, { fromRevision: 1n, maxCount: 1 })).toEqual([8]);
  });

  it('leave a stream whose events are all hidden there, and its revisions going on', async () => {
    const stream = await streamOf(3);
    await client.setStreamMetadata(stream, { truncateBefore: 3 });
    expect(await revisions(client, stream)).toEqual([]);
    const { nextExpectedRevision } = await client.appendToStream(stream, events(1), { expectedRevision: 2n });
    expect(nextExpectedRevision).toBe(3n);
    expect(await revisions(client, stream)).toEqual([3]);
  });

  it('hide nothing in $all', async () => {
    const stream = target.name('kept');
    const { position } = await client.appendToStream(stream, events(1));
    await client.appendToStream(stream, events(1));
    await client.setStreamMetadata(stream, { maxCount: 1 });
    const all = await collect(client.readAll({ fromPosition: position! }));
    const ours = all.filter(({ streamId }) => streamId === stream || streamId === `$$${stream}`);
    expect(ours.map(({ streamId, type }) => [streamId, type])).toEqual([
      [stream, 'Tried'],
      [stream, 'Tried'],
      [`$$${stream}`, '$metadata'],
    ]);
  });
});

describe('the bounds of a stream, which newer clients ask for', () => {
  async function told(stream: string, direction: 'FORWARDS' | 'BACKWARDS', revision?: number) {
    const { ControlOption, ReadDirection, StreamOptions, UUIDOption } = pb.ReadReq.Options;
    const at = new StreamOptions().setStreamIdentifier(
      new shared.StreamIdentifier().setStreamName(Buffer.from(stream)),
    );
    if (revision !== undefined) at.setRevision(String(revision));
    else if (direction === 'FORWARDS') at.setStart(new shared.Empty());
    else at.setEnd(new shared.Empty());
    const options = new pb.ReadReq.Options()
      .setStream(at)
      .setReadDirection(ReadDirection[direction])
      .setCount('2')
      .setNoFilter(new shared.Empty())
      .setUuidOption(new UUIDOption().setString(new shared.Empty()))
      .setControlOption(new ControlOption().setCompatibility(1));
    const messages: string[] = [];
    for await (const reply of (await read(
      client,
      new pb.ReadReq().setOptions(options),
    )) as AsyncIterable<pb.ReadResp>) {
      if (reply.hasEvent()) messages.push(reply.getEvent()?.getEvent()?.getStreamRevision() ?? '');
      else if (reply.hasFirstStreamPosition()) messages.push(`first ${reply.getFirstStreamPosition()}`);
      else if (reply.hasLastStreamPosition()) messages.push(`last ${reply.getLastStreamPosition()}`);
    }
    return messages;
  }

  it('are its last revision, after the events', async () => {
    const stream = await streamOf(5);
    expect(await told(stream, 'FORWARDS')).toEqual(['0', '1', 'last 4']);
    expect(await told(stream, 'BACKWARDS')).toEqual(['4', '3', 'last 4']);
  });

  it('are the first revision that there is, when the one asked for is gone', async () => {
    const stream = await streamOf(5);
    await client.setStreamMetadata(stream, { truncateBefore: 5 });
    expect(await told(stream, 'FORWARDS', 1)).toEqual(['first 5', 'last 4']);
  });
});

describe('a deleted stream', () => {
  it('says so in its metadata, which $all shows', async () => {
    const stream = await streamOf(2);
    const { position } = await client.deleteStream(stream);
    const [deletion] = await collect(client.readAll({ fromPosition: position!, maxCount: 1 }));
    expect(deletion).toMatchObject({
      streamId: `$$${stream}`,
      type: '$metadata',
      revision: 0n,
      isJson: true,
    });
  });

  it('keeps custom metadata when it is written again', async () => {
    const stream = await streamOf(2);
    await client.deleteStream(stream);
    await client.setStreamMetadata(stream, { owner: 'ann' } as never);
    await client.appendToStream(stream, events(1));
    const { metadata } = await client.getStreamMetadata(stream);
    expect(metadata).toMatchObject({ owner: 'ann', truncateBefore: 2 });
    expect(await revisions(client, stream)).toEqual([2]);
  });

  it('has no metadata any more once it is tombstoned', async () => {
    const stream = await streamOf(1);
    await client.setStreamMetadata(stream, { maxCount: 3 });
    await client.tombstoneStream(stream);
    await expect(client.getStreamMetadata(stream)).rejects.toThrow(StreamDeletedError);
    await expect(client.setStreamMetadata(stream, {})).rejects.toThrow(StreamDeletedError);
  });
});

describe('names of the system', () => {
  it('are streams like others: what begins with $ can be written and read', async () => {
    const stream = `$${target.name('kept')}`;
    await client.appendToStream(stream, [jsonEvent({ type: '$own', data: {} })]);
    expect(await collect(client.readStream(stream))).toMatchObject([{ type: '$own', revision: 0n }]);
  });

  it('$all cannot be written or deleted', async () => {
    await expect(client.appendToStream('$all', events(1))).rejects.toThrow();
    await expect(client.deleteStream('$all')).rejects.toThrow();
  });
});
