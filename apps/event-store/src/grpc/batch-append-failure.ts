/** The google.rpc.Status of an append that failed inside a BatchAppend call; its details say to the client what it was. */
import shared from '@eventstore/db-client/generated/shared_pb.js';
import rpc from '@eventstore/db-client/generated/status_pb.js';
import { status } from '@grpc/grpc-js';
import any from 'google-protobuf/google/protobuf/any_pb.js';
import empty from 'google-protobuf/google/protobuf/empty_pb.js';
import { AccessDeniedError } from '../access/access-errors.js';
import type { ExpectedRevision } from '../store/append-decision.js';
import type { WriteOutcome } from '../store/write-transaction.js';
import { AppendTooLargeError, logFailure, MAX_APPEND_BYTES, statusOf } from './rpc-failure.js';

/** The client's deadline was over before the append was complete; nothing was stored. */
export class DeadlinePassedError extends Error {
  override readonly name = 'DeadlinePassedError';
  constructor() {
    super('The deadline of the append was over before it was complete; nothing was stored.');
  }
}

/** The status for a refusal of the store or for an error. */
export function batchFailure(
  failure: unknown,
  expected: ExpectedRevision,
  identifier: shared.StreamIdentifier,
): rpc.Status {
  if (isRefusal(failure)) {
    switch (failure.kind) {
      case 'wrongVersion':
        return statusWith(
          status.FAILED_PRECONDITION,
          `Append failed due to WrongExpectedVersion. Actual version: ${failure.current}`,
          'WrongExpectedVersion',
          wrongVersion(expected, failure.current),
        );
      case 'deleted':
        return statusWith(
          status.FAILED_PRECONDITION,
          'The stream is deleted.',
          'StreamDeleted',
          new shared.StreamDeleted().setStreamIdentifier(identifier),
        );
    }
  }
  const message = failure instanceof Error ? failure.message : String(failure);
  if (failure instanceof DeadlinePassedError)
    return statusWith(status.DEADLINE_EXCEEDED, message, 'Timeout', new shared.Timeout());
  if (failure instanceof AppendTooLargeError)
    return statusWith(
      status.INVALID_ARGUMENT,
      message,
      'MaximumAppendSizeExceeded',
      new shared.MaximumAppendSizeExceeded().setMaxappendsize(MAX_APPEND_BYTES),
    );
  if (failure instanceof AccessDeniedError)
    return statusWith(status.PERMISSION_DENIED, message, 'AccessDenied', new shared.AccessDenied());
  // The client shows the message only of a detail that it does not know, and this is one.
  logFailure(failure);
  return statusWith(statusOf(failure), message, 'BadRequest', new shared.BadRequest().setMessage(message));
}

function isRefusal(failure: unknown): failure is Exclude<WriteOutcome, { kind: 'done' }> {
  return typeof failure === 'object' && failure !== null && 'kind' in failure;
}

function wrongVersion(expected: ExpectedRevision, current: number): shared.WrongExpectedVersion {
  const wrong = new shared.WrongExpectedVersion();
  if (current < 0) wrong.setCurrentNoStream(new empty.Empty());
  else wrong.setCurrentStreamRevision(String(current));
  switch (expected.kind) {
    case 'any':
      return wrong.setExpectedAny(new empty.Empty());
    case 'noStream':
      return wrong.setExpectedNoStream(new empty.Empty());
    case 'streamExists':
      return wrong.setExpectedStreamExists(new empty.Empty());
    case 'revision':
      return wrong.setExpectedStreamPosition(String(expected.revision));
  }
}

function statusWith(
  code: status,
  message: string,
  type: string,
  detail: { serializeBinary(): Uint8Array },
): rpc.Status {
  const details = new any.Any();
  details.pack(detail.serializeBinary(), `event_store.client.${type}`);
  const failure = new rpc.Status();
  failure.setCode(code as number);
  return failure.setMessage(message).setDetails(details);
}
