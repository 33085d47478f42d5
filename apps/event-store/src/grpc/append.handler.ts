/** Streams.Append: one append whose events come one by one. A wrong version is an answer, not an error. */
import shared from '@eventstore/db-client/generated/shared_pb.js';
import pb from '@eventstore/db-client/generated/streams_pb.js';
import type { handleClientStreamingCall } from '@grpc/grpc-js';
import type { AccessControl } from '../access/access-control.js';
import type { ExpectedRevision } from '../store/append-decision.js';
import type { EventStore } from '../store/event-store.js';
import { StreamDeletedError } from '../store/store-errors.js';
import type { WriteOutcome } from '../store/write-transaction.js';
import { expectedRevision, ProposedEvents, writableStreamName } from './requests.js';
import { BadRequestError, toServiceError } from './rpc-failure.js';

export function appendHandler(
  store: EventStore,
  access: AccessControl | undefined,
): handleClientStreamingCall<pb.AppendReq, pb.AppendResp> {
  return (call, answer) => {
    const run = async () => {
      const caller = access && (await access.callerOf(call.metadata));
      let options: pb.AppendReq.Options | undefined;
      const events = new ProposedEvents();
      for await (const request of call as AsyncIterable<pb.AppendReq>) {
        options ??= request.getOptions();
        const message = request.getProposedMessage();
        if (message) events.add(message);
      }
      if (!options) throw new BadRequestError('The append came without options.');
      const stream = writableStreamName(options.getStreamIdentifier());
      caller?.require('write', stream);
      const expected = expectedRevision(options);
      const proposed = events.complete();
      const outcome = await store.write((transaction) => transaction.append(stream, expected, proposed));
      return response(stream, expected, outcome);
    };
    run().then(
      (reply) => answer(null, reply),
      (error: unknown) => {
        if (!call.cancelled) answer(toServiceError(error));
      },
    );
  };
}

function response(stream: string, expected: ExpectedRevision, outcome: WriteOutcome): pb.AppendResp {
  const reply = new pb.AppendResp();
  switch (outcome.kind) {
    case 'done':
      return reply.setSuccess(success(outcome));
    case 'wrongVersion':
      return reply.setWrongExpectedVersion(wrongVersion(expected, outcome.current));
    case 'deleted':
      throw new StreamDeletedError(stream);
  }
}

function success({ revision, position }: Extract<WriteOutcome, { kind: 'done' }>): pb.AppendResp.Success {
  const success = new pb.AppendResp.Success();
  if (revision < 0) success.setNoStream(new shared.Empty());
  else success.setCurrentRevision(String(revision));
  if (position === undefined) return success.setNoPosition(new shared.Empty());
  const at = new pb.AppendResp.Position();
  return success.setPosition(at.setCommitPosition(String(position)).setPreparePosition(String(position)));
}

function wrongVersion(expected: ExpectedRevision, current: number): pb.AppendResp.WrongExpectedVersion {
  const wrong = new pb.AppendResp.WrongExpectedVersion();
  if (current < 0) wrong.setCurrentNoStream(new shared.Empty());
  else wrong.setCurrentRevision(String(current));
  switch (expected.kind) {
    case 'any':
      return wrong.setExpectedAny(new shared.Empty());
    case 'noStream':
      return wrong.setExpectedNoStream(new shared.Empty());
    case 'streamExists':
      return wrong.setExpectedStreamExists(new shared.Empty());
    case 'revision':
      return wrong.setExpectedRevision(String(expected.revision));
  }
}
