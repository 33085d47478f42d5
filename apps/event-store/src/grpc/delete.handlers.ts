/** Streams.Delete and Streams.Tombstone. */
import pb from '@eventstore/db-client/generated/streams_pb.js';
import type { handleUnaryCall, Metadata } from '@grpc/grpc-js';
import type { AccessControl } from '../access/access-control.js';
import type { ExpectedRevision } from '../store/append-decision.js';
import type { EventStore } from '../store/event-store.js';
import { StreamDeletedError } from '../store/store-errors.js';
import type { WriteTransaction } from '../store/write-transaction.js';
import { deletableStreamName, expectedRevision } from './requests.js';
import { BadRequestError, toServiceError, wrongVersionError } from './rpc-failure.js';

type Ending = 'softDelete' | 'tombstone';

export function deleteHandler(
  store: EventStore,
  access: AccessControl | undefined,
): handleUnaryCall<pb.DeleteReq, pb.DeleteResp> {
  return (call, answer) => {
    end(store, access, 'softDelete', call).then((position) => {
      const at = new pb.DeleteResp.Position().setCommitPosition(position).setPreparePosition(position);
      answer(null, new pb.DeleteResp().setPosition(at));
    }, answer);
  };
}

export function tombstoneHandler(
  store: EventStore,
  access: AccessControl | undefined,
): handleUnaryCall<pb.TombstoneReq, pb.TombstoneResp> {
  return (call, answer) => {
    end(store, access, 'tombstone', call).then((position) => {
      const at = new pb.TombstoneResp.Position().setCommitPosition(position).setPreparePosition(position);
      answer(null, new pb.TombstoneResp().setPosition(at));
    }, answer);
  };
}

/** Ends the stream; resolves with the position of the event that says so, rejects with a ServiceError. */
async function end(
  store: EventStore,
  access: AccessControl | undefined,
  ending: Ending,
  call: { request: pb.DeleteReq | pb.TombstoneReq; metadata: Metadata },
): Promise<string> {
  try {
    const caller = access && (await access.callerOf(call.metadata));
    const options = call.request.getOptions();
    if (!options) throw new BadRequestError('The request came without options.');
    const stream = deletableStreamName(options.getStreamIdentifier());
    caller?.require('delete', stream);
    const expected = expectedRevision(options);
    const outcome = await store.write((transaction: WriteTransaction) =>
      transaction[ending](stream, expected),
    );
    switch (outcome.kind) {
      case 'done':
        return String(outcome.position);
      case 'wrongVersion':
        throw wrongVersionError(stream, versionNumber(expected), outcome.current);
      case 'deleted':
        throw new StreamDeletedError(stream);
    }
  } catch (error) {
    throw error instanceof Error && 'code' in error ? error : toServiceError(error);
  }
}

/** EventStoreDB's numbers for what is not a revision. */
function versionNumber(expected: ExpectedRevision): bigint {
  switch (expected.kind) {
    case 'revision':
      return expected.revision;
    case 'noStream':
      return -1n;
    case 'any':
      return -2n;
    case 'streamExists':
      return -4n;
  }
}
