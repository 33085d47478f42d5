/**
 * Streams.BatchAppend: many appends over one call, each in one or more pieces under a correlation id.
 * Each gets exactly one answer, after its last piece; the client breaks on a second one, and on an unknown id.
 */
import shared from '@eventstore/db-client/generated/shared_pb.js';
import pb from '@eventstore/db-client/generated/streams_pb.js';
import type { handleBidiStreamingCall, ServerDuplexStream } from '@grpc/grpc-js';
import empty from 'google-protobuf/google/protobuf/empty_pb.js';
import type { AccessControl, Caller } from '../access/access-control.js';
import type { ExpectedRevision } from '../store/append-decision.js';
import type { EventStore } from '../store/event-store.js';
import { StoreClosedError } from '../store/store-errors.js';
import { batchFailure, DeadlinePassedError } from './batch-append-failure.js';
import { endAfter, ReplyStream, type OpenCalls } from './reply-stream.js';
import { ProposedEvents, uuidText, writableStreamName } from './requests.js';
import { BadRequestError } from './rpc-failure.js';

/** Appends of one call that may wait for the disk; beyond it the call is not read, so that memory stays bounded. */
const MAX_IN_FLIGHT = 1000;

type Call = ServerDuplexStream<pb.BatchAppendReq, pb.BatchAppendResp>;

interface OpenAppend {
  options: pb.BatchAppendReq.Options | undefined;
  events: ProposedEvents;
}

export function batchAppendHandler(
  store: EventStore,
  openCalls: OpenCalls,
  access: AccessControl | undefined,
): handleBidiStreamingCall<pb.BatchAppendReq, pb.BatchAppendResp> {
  return (call) =>
    endAfter(call, serve(store, access, call, new ReplyStream<pb.BatchAppendResp>(call, openCalls)));
}

async function serve(
  store: EventStore,
  access: AccessControl | undefined,
  call: Call,
  replies: ReplyStream<pb.BatchAppendResp>,
): Promise<void> {
  const caller = access && (await access.callerOf(call.metadata));
  if (replies.closing.aborted) throw new StoreClosedError();
  const open = new Map<string, OpenAppend>();
  const inFlight = new Set<Promise<void>>();

  const accept = (request: pb.BatchAppendReq) => {
    const correlation = uuidText(request.getCorrelationId());
    const append = open.get(correlation) ?? { options: undefined, events: new ProposedEvents() };
    append.options ??= request.getOptions();
    for (const message of request.getProposedMessagesList()) append.events.add(message);
    if (!request.getIsFinal()) {
      open.set(correlation, append);
      return;
    }
    open.delete(correlation);
    const answered = answer(store, caller, append)
      .then((reply) => replies.send(reply.setCorrelationId(request.getCorrelationId())))
      .then(() => {
        inFlight.delete(answered);
        if (call.isPaused() && !replies.closing.aborted) call.resume();
      });
    inFlight.add(answered);
    if (inFlight.size >= MAX_IN_FLIGHT) call.pause();
  };

  await new Promise<void>((resolve, reject) => {
    replies.closing.addEventListener('abort', () => {
      call.pause();
      resolve();
    });
    call.on('end', resolve);
    call.on('data', (request: pb.BatchAppendReq) => {
      try {
        accept(request);
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
        replies.stop();
      }
    });
  });
  await Promise.all(inFlight);
  // Ending with an error is what tells the client that answers it still waits for will not come.
  if (replies.closing.aborted) throw new StoreClosedError();
}

/** Runs one append to its answer; never rejects. */
async function answer(
  store: EventStore,
  caller: Caller | undefined,
  append: OpenAppend,
): Promise<pb.BatchAppendResp> {
  const reply = new pb.BatchAppendResp();
  const { options } = append;
  const identifier = options?.getStreamIdentifier() ?? new shared.StreamIdentifier();
  reply.setStreamIdentifier(identifier);
  let expected: ExpectedRevision = { kind: 'any' };
  try {
    if (!options) throw new BadRequestError('The append came without options.');
    expected = expectedPosition(options, reply);
    const deadline = options.getDeadline();
    if (deadline && deadline.toDate().getTime() < Date.now()) throw new DeadlinePassedError();
    const stream = writableStreamName(identifier);
    caller?.require('write', stream);
    const events = append.events.complete();
    const outcome = await store.write((transaction) => transaction.append(stream, expected, events));
    if (outcome.kind !== 'done') return reply.setError(batchFailure(outcome, expected, identifier));
    const success = new pb.BatchAppendResp.Success();
    if (outcome.revision < 0) success.setNoStream(new empty.Empty());
    else success.setCurrentRevision(String(outcome.revision));
    if (outcome.position === undefined) success.setNoPosition(new empty.Empty());
    else {
      const at = new shared.AllStreamPosition();
      success.setPosition(
        at.setCommitPosition(String(outcome.position)).setPreparePosition(String(outcome.position)),
      );
    }
    return reply.setSuccess(success);
  } catch (error) {
    return reply.setError(batchFailure(error, expected, identifier));
  }
}

/** What the append expects, repeated in the reply as EventStoreDB does. */
function expectedPosition(options: pb.BatchAppendReq.Options, reply: pb.BatchAppendResp): ExpectedRevision {
  if (options.hasStreamPosition()) {
    reply.setStreamPosition(options.getStreamPosition());
    return { kind: 'revision', revision: BigInt(options.getStreamPosition()) };
  }
  if (options.hasNoStream()) {
    reply.setNoStream(new empty.Empty());
    return { kind: 'noStream' };
  }
  if (options.hasStreamExists()) {
    reply.setStreamExists(new empty.Empty());
    return { kind: 'streamExists' };
  }
  reply.setAny(new empty.Empty());
  return { kind: 'any' };
}
