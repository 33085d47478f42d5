/**
 * The gRPC service PersistentSubscriptions: groups of consumers that share the events of a stream or of $all, each
 * event with one of them until it is settled.
 */
import type { IPersistentSubscriptionsServer } from '@eventstore/db-client/generated/persistent_grpc_pb.js';
import pb from '@eventstore/db-client/generated/persistent_pb.js';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import type { handleUnaryCall } from '@grpc/grpc-js';
import type { OpenCalls } from '../grpc/reply-stream.js';
import type { EventStore } from '../store/event-store.js';
import { GroupError, toGroupServiceError } from './group-errors.js';
import { groupInfo } from './group-messages.js';
import { createRequest, groupStream, updateRequest } from './group-requests.js';
import { ALL } from './group-settings.js';
import { Groups } from './groups.js';
import { readHandler } from './read.handler.js';

export interface PersistentSubscriptions {
  readonly service: IPersistentSubscriptionsServer;
  /** Drops all consumers; resolves when nothing more is written. */
  stop(): Promise<void>;
}

/** Starts the groups that the store knows. Throws DamagedRecordError. */
export function persistentSubscriptions(store: EventStore, openCalls: OpenCalls): PersistentSubscriptions {
  const groups = new Groups(store);
  return {
    service: {
      create: unary(async (request: pb.CreateReq) => {
        await groups.create(createRequest(request.getOptions()));
        return new pb.CreateResp();
      }),
      update: unary(async (request: pb.UpdateReq) => {
        await groups.update(updateRequest(request.getOptions()));
        return new pb.UpdateResp();
      }),
      delete: unary(async (request: pb.DeleteReq) => {
        await groups.delete(...named(request.getOptions()));
        return new pb.DeleteResp();
      }),
      read: readHandler(groups, openCalls),
      getInfo: unary((request: pb.GetInfoReq) => {
        const group = groups.get(...named(request.getOptions()));
        return new pb.GetInfoResp().setSubscriptionInfo(groupInfo(group));
      }),
      list: unary((request: pb.ListReq) =>
        new pb.ListResp().setSubscriptionsList(listed(groups, request).map(groupInfo)),
      ),
      replayParked: unary((request: pb.ReplayParkedReq) => {
        const options = request.getOptions();
        const [stream, name] = named(options);
        const stopAt = options?.hasStopAt() ? Number(options.getStopAt()) : undefined;
        if (stopAt !== undefined && stopAt < 0)
          throw new GroupError(
            ...(['failed', stream, name] as const),
            'Cannot stop replaying parked message at a negative version.',
          );
        groups.get(stream, name).replayParked(stopAt);
        return new pb.ReplayParkedResp();
      }),
      restartSubsystem: unary(async (_request: shared.Empty) => {
        await groups.restart();
        return new shared.Empty();
      }),
    },
    stop: () => groups.stop(),
  };
}

function unary<Request, Reply>(
  work: (request: Request) => Reply | Promise<Reply>,
): handleUnaryCall<Request, Reply> {
  return (call, answer) => {
    const run = async () => work(call.request);
    run().then(
      (reply) => answer(null, reply),
      (error: unknown) => answer(toGroupServiceError(error)),
    );
  };
}

/** Stream and group of a request about one group. Throws GroupError 'failed'. */
function named(
  options: pb.DeleteReq.Options | pb.GetInfoReq.Options | pb.ReplayParkedReq.Options | undefined,
): [string, string] {
  const group = options?.getGroupName() ?? '';
  return [options?.hasAll() ? ALL : groupStream(options?.getStreamIdentifier(), group), group];
}

/** As EventStoreDB: a stream on which no group was made is an error. */
function listed(groups: Groups, request: pb.ListReq) {
  const options = request.getOptions();
  if (!options?.hasListForStream()) return groups.list();
  const target = options.getListForStream();
  const stream = target?.hasAll() ? ALL : groupStream(target?.getStream(), '');
  const found = groups.list(stream);
  if (found.length === 0) throw new GroupError('does-not-exist', stream, '');
  return found;
}
