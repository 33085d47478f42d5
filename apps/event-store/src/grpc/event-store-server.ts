/** The gRPC server: EventStoreDB's Streams, PersistentSubscriptions and ServerFeatures; any other service is answered UNIMPLEMENTED. */
import { promisify } from 'node:util';
import persistentGrpc from '@eventstore/db-client/generated/persistent_grpc_pb.js';
import featuresGrpc from '@eventstore/db-client/generated/serverfeatures_grpc_pb.js';
import streamsGrpc from '@eventstore/db-client/generated/streams_grpc_pb.js';
import { Server, type ServerCredentials } from '@grpc/grpc-js';
import type { AccessControl } from '../access/access-control.js';
import { guardPersistentSubscriptions } from '../access/guard-persistent-subscriptions.js';
import {
  persistentSubscriptions,
  type PersistentSubscriptions,
} from '../persistent-subscriptions/persistent-subscriptions.js';
import type { EventStore } from '../store/event-store.js';
import { appendBatchesHandler } from './append-batches.handler.js';
import { appendHandler } from './append.handler.js';
import { batchAppendHandler } from './batch-append.handler.js';
import { batchesService } from './batches-service.js';
import { deleteHandler, tombstoneHandler } from './delete.handlers.js';
import { readBatchesHandler } from './read-batches.handler.js';
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
  constructor(address: string, portSetting: string, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const remedy = reason.includes('EADDRINUSE')
      ? `Another process listens there: stop it, or set ${portSetting} (0 takes any free port).`
      : `Check EVENT_STORE_HOST and ${portSetting}.`;
    super(`Cannot listen on ${address}: ${reason}. ${remedy}`, { cause });
  }
}

export class EventStoreServer {
  private readonly openCalls: OpenCalls = new Set();
  private readonly server = new Server({ 'grpc.max_receive_message_length': MAX_MESSAGE_BYTES });
  private readonly subscriptions: PersistentSubscriptions;

  /** Without `access` whoever reaches the port may do everything. */
  constructor(store: EventStore, access?: AccessControl) {
    const { StreamsService } = streamsGrpc;
    const { PersistentSubscriptionsService } = persistentGrpc;
    const { ServerFeaturesService } = featuresGrpc;
    this.server.addService(StreamsService, {
      read: readHandler(store, this.openCalls, access),
      append: appendHandler(store, access),
      batchAppend: batchAppendHandler(store, this.openCalls, access),
      delete: deleteHandler(store, access),
      tombstone: tombstoneHandler(store, access),
    });
    this.server.addService(batchesService, {
      read: readBatchesHandler(store, this.openCalls, access),
      append: appendBatchesHandler(store, this.openCalls, access),
    });
    this.subscriptions = persistentSubscriptions(store, this.openCalls);
    const { service } = this.subscriptions;
    this.server.addService(
      PersistentSubscriptionsService,
      access ? guardPersistentSubscriptions(access, service) : service,
    );
    this.server.addService(ServerFeaturesService, {
      getSupportedMethods: supportedMethodsHandler([
        StreamsService,
        batchesService,
        PersistentSubscriptionsService,
        ServerFeaturesService,
      ]),
    });
  }

  /** Listens; port 0 takes any free one. Answers the port. Throws ListenError. */
  async listen(host: string, port: number, credentials: ServerCredentials): Promise<number> {
    const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
    try {
      return await promisify(this.server.bindAsync.bind(this.server))(address, credentials);
    } catch (cause) {
      throw new ListenError(address, 'EVENT_STORE_PORT', cause);
    }
  }

  /** Accepts nothing new, lets appends finish, ends subscriptions with UNAVAILABLE. */
  async stop(): Promise<void> {
    for (const call of this.openCalls) call.stop();
    await this.subscriptions.stop();
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([
      promisify(this.server.tryShutdown.bind(this.server))(),
      new Promise<void>((resolve) => (timer = setTimeout(resolve, SHUTDOWN_MS))),
    ]);
    clearTimeout(timer);
    this.server.forceShutdown();
  }
}
