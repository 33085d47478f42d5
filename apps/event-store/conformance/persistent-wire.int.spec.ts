/** What the protocol of persistent subscriptions has and the official client never sends; newer clients do. */
import {
  jsonEvent,
  persistentSubscriptionToStreamSettingsFromDefaults,
  START,
  type EventStoreDBClient,
} from '@eventstore/db-client';
import persistentGrpc from '@eventstore/db-client/generated/persistent_grpc_pb.js';
import pb from '@eventstore/db-client/generated/persistent_pb.js';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import type { CallOptions, ClientDuplexStream, Metadata, ServiceError } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@hybrid/testing';
import { startTarget, type Target } from './target.js';

type Grpc = InstanceType<typeof persistentGrpc.PersistentSubscriptionsClient>;
type Call = ClientDuplexStream<pb.ReadReq, pb.ReadResp>;

/** What the client has and does not show. */
interface Internals {
  execute<Result>(
    service: typeof persistentGrpc.PersistentSubscriptionsClient,
    name: string,
    action: (grpc: Grpc) => Result,
  ): Promise<Result>;
  callArguments(options: object, more: CallOptions): [Metadata, CallOptions];
}

let target: Target;
let client: EventStoreDBClient;
let internals: Internals;

beforeAll(async () => {
  target = await startTarget();
  client = target.client();
  internals = client as unknown as Internals;
});
afterAll(() => target?.stop());

const GROUP = 'shop';
const named = (stream: string) => new shared.StreamIdentifier().setStreamName(Buffer.from(stream));

/** A call, what came over it, and how it ended. */
class Wire {
  readonly events: pb.ReadResp.ReadEvent[] = [];
  error: ServiceError | undefined;

  constructor(readonly call: Call) {
    call.on('data', (reply: pb.ReadResp) => {
      const event = reply.getEvent();
      if (event) this.events.push(event);
    });
    call.on('error', (error: ServiceError) => (this.error = error));
  }

  get tries(): string[] {
    return this.events.map((each) => `${each.getEvent()?.getStreamRevision()}#${each.getRetryCount()}`);
  }
}

async function open(...first: pb.ReadReq[]): Promise<Wire> {
  const call = await internals.execute(
    persistentGrpc.PersistentSubscriptionsClient,
    'conformance',
    (grpc) => grpc.read(...internals.callArguments({}, { deadline: Infinity })) as unknown as Call,
  );
  const wire = new Wire(call);
  for (const request of first) call.write(request);
  return wire;
}

const options = (stream: string, bufferSize = 10) =>
  new pb.ReadReq().setOptions(
    new pb.ReadReq.Options()
      .setStreamIdentifier(named(stream))
      .setGroupName(GROUP)
      .setBufferSize(bufferSize)
      .setUuidOption(new pb.ReadReq.Options.UUIDOption().setStructured(new shared.Empty())),
  );

async function orders(count: number): Promise<string> {
  const stream = target.name('orders');
  await client.appendToStream(
    stream,
    Array.from({ length: count }, (_, n) => jsonEvent({ type: 'Tried', data: { n } })),
  );
  await client.createPersistentSubscriptionToStream(
    ...([stream, GROUP] as const),
    persistentSubscriptionToStreamSettingsFromDefaults({ startFrom: START }),
  );
  return stream;
}

const outstanding = async (stream: string) =>
  (await client.getPersistentSubscriptionToStreamInfo(stream, GROUP)).stats.outstandingMessagesCount;

describe('a consumer that asks for ids as numbers', () => {
  it('gets them so, and settles by them', async () => {
    const stream = await orders(2);
    const wire = await open(options(stream));
    await eventually(() => expect(wire.tries).toEqual(['0#0', '1#0']));
    const ids = wire.events.map((each) => each.getEvent()?.getId() ?? new shared.UUID());
    expect(ids.every((id) => id.hasStructured())).toBe(true);
    wire.call.write(new pb.ReadReq().setAck(new pb.ReadReq.Ack().setIdsList(ids)));
    await eventually(async () => expect(await outstanding(stream)).toBe(0));
    wire.call.cancel();
  });
});

describe('a nack without an action', () => {
  it('gives the message again', async () => {
    const stream = await orders(1);
    const wire = await open(options(stream));
    await eventually(() => expect(wire.tries).toEqual(['0#0']));
    const id = wire.events[0]?.getEvent()?.getId() ?? new shared.UUID();
    wire.call.write(new pb.ReadReq().setNack(nackOf(id)));
    await eventually(() => expect(wire.tries).toEqual(['0#0', '0#1']));
    wire.call.cancel();
  });
});

describe('a group that is made as newer clients do', () => {
  it('has its strategy by name, and starts where the stream option says', async () => {
    const stream = target.name('orders');
    await client.appendToStream(
      stream,
      [0, 1, 2].map((n) => jsonEvent({ type: 'Tried', data: { n } })),
    );
    const request = new pb.CreateReq().setOptions(
      new pb.CreateReq.Options()
        .setGroupName(GROUP)
        .setStream(new pb.CreateReq.StreamOptions().setStreamIdentifier(named(stream)).setRevision('2'))
        .setSettings(
          new pb.CreateReq.Settings()
            .setConsumerStrategy('PinnedByCorrelation')
            .setMessageTimeoutTicks('600000000')
            .setCheckpointAfterTicks('20000000')
            .setMaxRetryCount(10)
            .setMinCheckpointCount(10)
            .setMaxCheckpointCount(1000)
            .setLiveBufferSize(500)
            .setReadBatchSize(20)
            .setHistoryBufferSize(500),
        ),
    );
    await internals.execute(
      ...([persistentGrpc.PersistentSubscriptionsClient, 'conformance'] as const),
      (grpc) =>
        new Promise<void>((resolve, reject) => {
          grpc.create(request, (error) => (error ? reject(error) : resolve()));
        }),
    );
    const { settings } = await client.getPersistentSubscriptionToStreamInfo(stream, GROUP);
    expect(settings).toMatchObject({
      consumerStrategyName: 'PinnedByCorrelation',
      ...{ startFrom: 2n, messageTimeout: 60_000, checkPointAfter: 2000 },
    });
    const wire = await open(options(stream));
    await eventually(() => expect(wire.tries).toEqual(['2#0']));
    wire.call.cancel();
  });
});

function nackOf(id: shared.UUID): pb.ReadReq.Nack {
  return new pb.ReadReq.Nack().setIdsList([id]).setAction(pb.ReadReq.Nack.Action.UNKNOWN);
}
