/** PersistentSubscriptions behind access control: groups are managed by operators and read by who may read the stream. */
import type { IPersistentSubscriptionsServer } from '@eventstore/db-client/generated/persistent_grpc_pb.js';
import type pb from '@eventstore/db-client/generated/persistent_pb.js';
import type { handleBidiStreamingCall, handleUnaryCall, ServerDuplexStream } from '@grpc/grpc-js';
import { streamName } from '../grpc/requests.js';
import { BadRequestError, toServiceError } from '../grpc/rpc-failure.js';
import type { AccessControl } from './access-control.js';

type ReadCall = ServerDuplexStream<pb.ReadReq, pb.ReadResp>;

/** The same service; its handlers see only calls that are allowed. */
export function guardPersistentSubscriptions(
  access: AccessControl,
  service: IPersistentSubscriptionsServer,
): IPersistentSubscriptionsServer {
  return {
    create: forOperators(access, service.create),
    update: forOperators(access, service.update),
    delete: forOperators(access, service.delete),
    getInfo: forOperators(access, service.getInfo),
    list: forOperators(access, service.list),
    replayParked: forOperators(access, service.replayParked),
    restartSubsystem: forOperators(access, service.restartSubsystem),
    read: forReaders(access, service.read),
  };
}

function forOperators<Request, Reply>(
  access: AccessControl,
  handler: handleUnaryCall<Request, Reply>,
): handleUnaryCall<Request, Reply> {
  return (call, answer) => {
    access.callerOf(call.metadata).then(
      (caller) => {
        try {
          caller.requireOperator();
        } catch (error) {
          answer(toServiceError(error));
          return;
        }
        handler(call, answer);
      },
      (error: unknown) => answer(toServiceError(error)),
    );
  };
}

function forReaders(
  access: AccessControl,
  handler: handleBidiStreamingCall<pb.ReadReq, pb.ReadResp>,
): handleBidiStreamingCall<pb.ReadReq, pb.ReadResp> {
  return (call) => {
    const admit = async () => {
      const caller = await access.callerOf(call.metadata);
      const first = await firstMessage(call);
      const options = first?.getOptions();
      if (!first || !options) throw new BadRequestError('The first message of the call must be its options.');
      caller.require('read', options.hasAll() ? '$all' : streamName(options.getStreamIdentifier()));
      if (call.cancelled) return;
      call.unshift(first);
      handler(call);
      call.resume();
    };
    admit().catch((error: unknown) => {
      if (!call.cancelled) call.emit('error', toServiceError(error));
    });
  };
}

/** The first message, with the call paused behind it; undefined when it ends without one. */
function firstMessage(call: ReadCall): Promise<pb.ReadReq | undefined> {
  return new Promise((resolve) => {
    const ended = () => resolve(undefined);
    call.once('end', ended);
    call.once('cancelled', ended);
    call.once('data', (message: pb.ReadReq) => {
      call.pause();
      call.off('end', ended);
      call.off('cancelled', ended);
      resolve(message);
    });
  });
}
