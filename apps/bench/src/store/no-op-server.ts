/**
 * A server that stores nothing: it answers every append at once and every read with the same event, from bytes that
 * were made before. What the official client reaches against it is what the client can do at all.
 *
 * Given a file it writes each append there and syncs before it answers, one sync for all that wait: the least that a
 * server which keeps its word must do.
 */
import featuresGrpc from '@eventstore/db-client/generated/serverfeatures_grpc_pb.js';
import features from '@eventstore/db-client/generated/serverfeatures_pb.js';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import streamsGrpc from '@eventstore/db-client/generated/streams_grpc_pb.js';
import pb from '@eventstore/db-client/generated/streams_pb.js';
import { Server, ServerCredentials, type ServerDuplexStream, type ServerWritableStream } from '@grpc/grpc-js';
import empty from 'google-protobuf/google/protobuf/empty_pb.js';
import { once } from 'node:events';
import { open, type FileHandle } from 'node:fs/promises';
import { promisify } from 'node:util';
import { PAYLOAD, RECORD } from './payload.js';

type ReadCall = ServerWritableStream<pb.ReadReq, Uint8Array>;
type AppendCall = ServerDuplexStream<pb.BatchAppendReq, pb.BatchAppendResp>;

/** Runs until it is killed; says its port in a ready line. A read answers as many events as its count says, then waits if it is a subscription. */
export async function serveNothing(syncedFile: string | undefined): Promise<void> {
  const log = syncedFile === undefined ? undefined : new SyncedLog(await open(syncedFile, 'a'));
  const { StreamsService } = streamsGrpc;
  const { ServerFeaturesService } = featuresGrpc;
  const server = new Server();
  const event = oneEvent().serializeBinary();
  const { read, batchAppend } = StreamsService;
  server.addService(
    { read: { ...read, responseSerialize: (bytes: Uint8Array) => Buffer.from(bytes.buffer) }, batchAppend },
    {
      read: (call: ReadCall) => void answerRead(call, event),
      batchAppend: (call: AppendCall) => answerAppends(call, log),
    },
  );
  server.addService(ServerFeaturesService, {
    getSupportedMethods: (
      _call: unknown,
      answer: (error: null, reply: features.SupportedMethods) => void,
    ) => {
      const batch = new features.SupportedMethod().setServiceName('event_store.client.streams.streams');
      const methods = new features.SupportedMethods().setEventStoreServerVersion('24.2.0');
      methods.addMethods(batch.setMethodName('batchappend'));
      answer(null, methods);
    },
  });
  const port = await promisify(server.bindAsync.bind(server))(
    '127.0.0.1:0',
    ServerCredentials.createInsecure(),
  );
  console.log(JSON.stringify({ ready: true, port }));
}

async function answerRead(call: ReadCall, event: Uint8Array): Promise<void> {
  const options = call.request.getOptions();
  const subscription = options?.hasSubscription() ?? false;
  if (subscription) {
    const confirmation = new pb.ReadResp().setConfirmation(
      new pb.ReadResp.SubscriptionConfirmation().setSubscriptionId('none'),
    );
    call.write(confirmation.serializeBinary());
  }
  const count = subscription ? Infinity : Number(options?.getCount() ?? 0);
  for (let sent = 0; sent < count && !call.cancelled; sent++)
    if (!call.write(event)) await Promise.race([once(call, 'drain'), once(call, 'cancelled')]);
  call.end();
}

function answerAppends(call: AppendCall, log: SyncedLog | undefined): void {
  call.on('data', (request: pb.BatchAppendReq) => {
    if (!request.getIsFinal()) return;
    if (log) log.append(() => call.write(success(request)));
    else call.write(success(request));
  });
  call.on('end', () => call.end());
}

function success(request: pb.BatchAppendReq): pb.BatchAppendResp {
  const success = new pb.BatchAppendResp.Success().setCurrentRevision('1');
  const at = new shared.AllStreamPosition().setCommitPosition('1').setPreparePosition('1');
  return new pb.BatchAppendResp()
    .setCorrelationId(request.getCorrelationId())
    .setStreamIdentifier(request.getOptions()?.getStreamIdentifier())
    .setAny(new empty.Empty())
    .setSuccess(success.setPosition(at));
}

/** Records of the usual size, synced in groups. */
class SyncedLog {
  private waiting: (() => void)[] = [];
  private writing = false;

  constructor(private readonly file: FileHandle) {}

  append(synced: () => void): void {
    this.waiting.push(synced);
    if (!this.writing) void this.drain();
  }

  private async drain(): Promise<void> {
    this.writing = true;
    while (this.waiting.length > 0) {
      const group = this.waiting.splice(0);
      await this.file.write(Buffer.alloc(group.length * RECORD.length, RECORD));
      await this.file.datasync();
      for (const synced of group) synced();
    }
    this.writing = false;
  }
}

function oneEvent(): pb.ReadResp {
  const recorded = new pb.ReadResp.ReadEvent.RecordedEvent();
  const name = new shared.StreamIdentifier().setStreamName(
    Buffer.from('job-0198a7be-2f3c-7d51-9c32-6f1c9d6b5a01'),
  );
  recorded
    .setId(new shared.UUID().setString('0198a7be-2f3c-7d51-9c32-6f1c9d6b5a01'))
    .setStreamIdentifier(name)
    .setStreamRevision('1')
    .setCommitPosition('1')
    .setPreparePosition('1')
    .setData(Buffer.from(JSON.stringify(PAYLOAD.data)))
    .setCustomMetadata(Buffer.from(JSON.stringify(PAYLOAD.metadata)));
  recorded.getMetadataMap().set('type', 'JobEnqueued').set('content-type', 'application/json');
  recorded.getMetadataMap().set('created', '17000000000000000');
  return new pb.ReadResp().setEvent(new pb.ReadResp.ReadEvent().setEvent(recorded).setCommitPosition('1'));
}
