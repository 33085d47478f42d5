/** BatchAppend: many appends over one call, in pieces, each with exactly one answer under its correlation id. */
import { randomUUID } from 'node:crypto';
import {
  DeadlineExceededError,
  jsonEvent,
  NO_STREAM,
  StreamDeletedError,
  WrongExpectedVersionError,
  type EventStoreDBClient,
} from '@eventstore/db-client';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import pb from '@eventstore/db-client/generated/streams_pb.js';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@hybrid/testing';
import { batchAppend } from './raw-streams.js';
import { collect, eventOf, events, ids } from './sample-events.js';
import { startTarget, type Target } from './target.js';

let target: Target;
let client: EventStoreDBClient;

beforeAll(async () => {
  target = await startTarget();
  client = target.client();
});
afterAll(() => target.stop());

describe('many appends over one call', () => {
  it('are each answered for themselves', async () => {
    const [taken, ended] = [target.name('taken'), target.name('ended')];
    await client.appendToStream(taken, events(1));
    await client.tombstoneStream(ended);
    const kinds = Array.from({ length: 300 }, (_, n) => n % 4);
    const answers = await Promise.allSettled(
      kinds.map((kind) => {
        const expectedRevision = NO_STREAM;
        if (kind === 0) return client.appendToStream(taken, events(1), { expectedRevision });
        if (kind === 1) return client.appendToStream(ended, events(1), { expectedRevision });
        return client.appendToStream(target.name('free'), events(kind), { expectedRevision });
      }),
    );
    answers.forEach((answer, index) => {
      const kind = kinds[index]!;
      if (answer.status === 'fulfilled')
        expect([kind, answer.value.nextExpectedRevision]).toEqual([
          kind < 2 ? 'refused' : kind,
          BigInt(kind - 1),
        ]);
      else
        expect([kind, answer.reason]).toEqual([
          kind,
          expect.any(kind === 0 ? WrongExpectedVersionError : StreamDeletedError),
        ]);
    });
  });

  it('to one stream are written in the order in which they were sent', async () => {
    const stream = target.name('order');
    const sent = events(500);
    const answers = await Promise.all(sent.map((event) => client.appendToStream(stream, event)));
    expect(answers.map(({ nextExpectedRevision }) => nextExpectedRevision)).toEqual(
      sent.map((_, revision) => BigInt(revision)),
    );
    expect(await ids(client, stream)).toEqual(sent.map(({ id }) => id));
  });

  it('may come as a flood', async () => {
    const stream = target.name('flood');
    const flood = Array.from({ length: 5000 }, () =>
      client.appendToStream(stream, eventOf(900), { deadline: 60_000 }),
    );
    await Promise.all(flood);
    const last = await collect(
      client.readStream(stream, { direction: 'backwards', fromRevision: 'end', maxCount: 1 }),
    );
    expect(last[0]?.revision).toBe(4999n);
  });

  it('over many connections do not mix', async () => {
    const clients = Array.from({ length: 5 }, () => target.client());
    const streams = clients.map(() => target.name('apart'));
    await Promise.all(
      clients.flatMap((each, index) =>
        Array.from({ length: 40 }, () => each.appendToStream(streams[index]!, events(2))),
      ),
    );
    for (const stream of streams) expect(await ids(client, stream)).toHaveLength(80);
  });
});

describe('an append in pieces', () => {
  it.each([1, 100, 1000, 20_000])('of %i bytes at most is one append', async (batchAppendSize) => {
    const stream = target.name('pieces');
    const sent = events(400);
    const result = await client.appendToStream(stream, sent, {
      batchAppendSize,
      expectedRevision: NO_STREAM,
    });
    expect(result.nextExpectedRevision).toBe(399n);
    expect(await ids(client, stream)).toEqual(sent.map(({ id }) => id));
  });

  it('is refused as a whole', async () => {
    const stream = target.name('pieces');
    await client.appendToStream(stream, events(1));
    const refused = client.appendToStream(stream, events(200), {
      batchAppendSize: 500,
      expectedRevision: NO_STREAM,
    });
    await expect(refused).rejects.toThrow(WrongExpectedVersionError);
    expect(await ids(client, stream)).toHaveLength(1);
  });

  it('stores nothing after its deadline, and disturbs no other', async () => {
    const stream = target.name('late');
    const others = Array.from({ length: 10 }, () => client.appendToStream(target.name('other'), events(1)));
    const late = client.appendToStream(stream, events(5000), { deadline: 1 });
    await expect(late).rejects.toThrow(DeadlineExceededError);
    await Promise.all(others);
    await expect(
      client.appendToStream(stream, events(1), { expectedRevision: NO_STREAM }),
    ).resolves.toMatchObject({ nextExpectedRevision: 0n });
  });
});

/** The call itself, for what the client never sends. */
describe('the call', () => {
  async function opened() {
    const call = await batchAppend(client);
    const answers: pb.BatchAppendResp[] = [];
    call.on('data', (answer: pb.BatchAppendResp) => answers.push(answer));
    return { call, answers };
  }

  const uuid = (text: string) => new shared.UUID().setString(text);
  const structured = (text: string) => {
    const bits = (half: string) => String(BigInt.asIntN(64, BigInt(`0x${half.replaceAll('-', '')}`)));
    return new shared.UUID().setStructured(
      new shared.UUID.Structured()
        .setMostSignificantBits(bits(text.slice(0, 18)))
        .setLeastSignificantBits(bits(text.slice(19))),
    );
  };

  function piece(
    correlation: shared.UUID,
    { stream, isFinal, data = '{}' }: { stream?: string; isFinal: boolean; data?: string },
  ): pb.BatchAppendReq {
    const message = new pb.BatchAppendReq.ProposedMessage()
      .setId(uuid(randomUUID()))
      .setData(Buffer.from(data));
    message.getMetadataMap().set('type', 'Tried').set('content-type', 'application/json');
    const request = new pb.BatchAppendReq().setCorrelationId(correlation).setIsFinal(isFinal);
    request.addProposedMessages(message);
    if (stream === undefined) return request;
    const identifier = new shared.StreamIdentifier().setStreamName(Buffer.from(stream));
    const options = new pb.BatchAppendReq.Options().setStreamIdentifier(identifier);
    return request.setOptions(options.setAny(new shared.Empty()));
  }

  it('joins pieces by correlation id, however they are interleaved, and answers when each is complete', async () => {
    const { call, answers } = await opened();
    const [a, b] = [target.name('a'), target.name('b')];
    const [one, two] = [uuid(randomUUID()), uuid(randomUUID())];
    call.write(piece(one, { stream: a, isFinal: false, data: '{"n":0}' }));
    call.write(piece(two, { stream: b, isFinal: false, data: '{"n":0}' }));
    call.write(piece(one, { isFinal: false, data: '{"n":1}' }));
    call.write(piece(two, { isFinal: true, data: '{"n":1}' }));
    await eventually(() => expect(answers).toHaveLength(1));
    expect(answers[0]!.getCorrelationId()?.getString()).toBe(two.getString());
    await expect(ids(client, a)).rejects.toThrow(/not found/);
    call.write(piece(one, { isFinal: true, data: '{"n":2}' }));
    await eventually(() => expect(answers).toHaveLength(2));
    call.cancel();
    expect((await collect(client.readStream(a))).map(({ data }) => data)).toEqual([
      { n: 0 },
      { n: 1 },
      { n: 2 },
    ]);
    expect((await collect(client.readStream(b))).map(({ data }) => data)).toEqual([{ n: 0 }, { n: 1 }]);
  });

  it('repeats in the answer the stream, the expectation and the correlation id as it was written', async () => {
    const { call, answers } = await opened();
    const stream = target.name('answer');
    const id = randomUUID();
    call.write(piece(structured(id), { stream, isFinal: true }));
    await eventually(() => expect(answers).toHaveLength(1));
    call.cancel();
    const [answer] = answers;
    expect(answer!.hasSuccess()).toBe(true);
    expect(answer!.hasAny()).toBe(true);
    expect(Buffer.from(answer!.getStreamIdentifier()!.getStreamName_asU8()).toString()).toBe(stream);
    const correlation = answer!.getCorrelationId()!;
    expect(
      correlation.hasStructured() ? correlation.getStructured()?.toObject() : correlation.getString(),
    ).toEqual(correlation.hasStructured() ? structured(id).getStructured()?.toObject() : id);
  });

  it('takes a correlation id again after its answer', async () => {
    const { call, answers } = await opened();
    const [stream, correlation] = [target.name('again'), uuid(randomUUID())];
    for (let round = 1; round <= 3; round++) {
      call.write(piece(correlation, { stream, isFinal: false }));
      call.write(piece(correlation, { isFinal: true }));
      await eventually(() => expect(answers).toHaveLength(round));
    }
    call.cancel();
    expect(answers.map((answer) => answer.getSuccess()?.getCurrentRevision())).toEqual(['1', '3', '5']);
  });

  it('answers what it took before it ends', async () => {
    const { call, answers } = await opened();
    const stream = target.name('end');
    const ended = new Promise((resolve, reject) => call.on('end', resolve).on('error', reject));
    for (let n = 0; n < 50; n++) call.write(piece(uuid(randomUUID()), { stream, isFinal: true }));
    call.end();
    await ended;
    expect(answers).toHaveLength(50);
    expect(await ids(client, stream)).toHaveLength(50);
  });

  it('keeps nothing of an append that was never completed', async () => {
    const { call } = await opened();
    const stream = target.name('cut');
    call.write(piece(uuid(randomUUID()), { stream, isFinal: false }));
    call.end();
    await client.appendToStream(stream, jsonEvent({ type: 'Tried', data: {} }), {
      expectedRevision: NO_STREAM,
    });
    expect(await ids(client, stream)).toHaveLength(1);
  });
});
