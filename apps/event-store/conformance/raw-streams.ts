/** The gRPC service itself, over the connection of an official client, for what that client never sends. */
import type { EventStoreDBClient } from '@eventstore/db-client';
import streamsGrpc from '@eventstore/db-client/generated/streams_grpc_pb.js';
import type pb from '@eventstore/db-client/generated/streams_pb.js';
import type { CallOptions, ClientDuplexStream, ClientReadableStream, Metadata } from '@grpc/grpc-js';

type Grpc = InstanceType<typeof streamsGrpc.StreamsClient>;

/** What the client has and does not show. */
interface Internals {
  execute<Call>(
    service: typeof streamsGrpc.StreamsClient,
    name: string,
    action: (grpc: Grpc) => Call,
  ): Promise<Call>;
  callArguments(options: object, more: CallOptions): [Metadata, CallOptions];
}

/** Opens Streams.BatchAppend. `cancel` on what it gives is no error. */
export async function batchAppend(
  client: EventStoreDBClient,
): Promise<ClientDuplexStream<pb.BatchAppendReq, pb.BatchAppendResp>> {
  return opened(client, (grpc, metadata, options) => grpc.batchAppend(metadata, options));
}

/** Opens Streams.Read. */
export async function read(
  client: EventStoreDBClient,
  request: pb.ReadReq,
): Promise<ClientReadableStream<pb.ReadResp>> {
  return opened(client, (grpc, metadata, options) => grpc.read(request, metadata, options));
}

async function opened<Call extends { on(event: 'error', listener: (error: Error) => void): unknown }>(
  client: EventStoreDBClient,
  open: (grpc: Grpc, metadata: Metadata, options: CallOptions) => Call,
): Promise<Call> {
  const internals = client as unknown as Internals;
  const call = await internals.execute(streamsGrpc.StreamsClient, 'conformance', (grpc) =>
    open(grpc, ...internals.callArguments({}, { deadline: Infinity })),
  );
  // Without a listener a cancelled call would end the process.
  call.on('error', () => undefined);
  return call;
}
