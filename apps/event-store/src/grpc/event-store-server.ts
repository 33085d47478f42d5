/** The gRPC server: EventStoreDB's Streams and ServerFeatures; any other service is answered UNIMPLEMENTED. */
import { promisify } from 'node:util';
import featuresGrpc from '@eventstore/db-client/generated/serverfeatures_grpc_pb.js';
import streamsGrpc from '@eventstore/db-client/generated/streams_grpc_pb.js';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import type { EventStore } from '../store/event-store.js';
import { appendHandler } from './append.handler.js';
import { batchAppendHandler } from './batch-append.handler.js';
import { deleteHandler, tombstoneHandler } from './delete.handlers.js';
import { readHandler } from './read.handler.js';
import type { OpenCalls } from './reply-stream.js';
import { supportedMethodsHandler } from './server-features.handler.js';

/** As EventStoreDB: larger than an append may be, so that one too large is refused by itself, not with its call. */
const MAX_MESSAGE_BYTES = 17 * 1024 * 1024;
/** How long calls may take to end at shutdown before their connections are cut. */
const SHUTDOWN_MS = 1000;

/** The server cannot listen; the message says why and what to do. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
}

export class EventStoreServer {
  private readonly openCalls: OpenCalls = new Set();
  private readonly server = new Server({ 'grpc.max_receive_message_length': MAX_MESSAGE_BYTES });

  constructor(store: EventStore) {
    const { StreamsService } = streamsGrpc;
    const { ServerFeaturesService } = featuresGrpc;
    this.server.addService(StreamsService, {
      read: readHandler(store, this.openCalls),
      append: appendHandler(store),
      batchAppend: batchAppendHandler(store, this.openCalls),
      delete: deleteHandler(store),
      tombstone: tombstoneHandler(store),
    });
    this.server.addService(ServerFeaturesService, {
      getSupportedMethods: supportedMethodsHandler([StreamsService, ServerFeaturesService]),
    });
  }

  /** Listens without TLS; port 0 takes any free one. Answers the port. Throws ListenError. */
  async listen(host: string, port: number): Promise<number> {
    const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
    try {
      return await promisify(this.server.bindAsync.bind(this.server))(
        address,
        ServerCredentials.createInsecure(),
      );
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      const remedy = reason.includes('EADDRINUSE')
        ? 'Another process listens there: stop it, or set EVENT_STORE_PORT (0 takes any free port).'
        : 'Check EVENT_STORE_HOST and EVENT_STORE_PORT.';
      throw new ListenError(`Cannot listen on ${address}: ${reason}. ${remedy}`, { cause });
    }
  }

  /** Accepts nothing new, lets appends finish, ends subscriptions with UNAVAILABLE. */
  async stop(): Promise<void> {
    for (const call of this.openCalls) call.stop();
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([
      promisify(this.server.tryShutdown.bind(this.server))(),
      new Promise<void>((resolve) => (timer = setTimeout(resolve, SHUTDOWN_MS))),
    ]);
    clearTimeout(timer);
    this.server.forceShutdown();
  }
}
