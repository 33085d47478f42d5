/**
 * hybrid.eventstore.Batches/Append: many appends a message (layout: append-messages.ts), answered as their transactions
 * reach the disk, many a message too. Each append gets exactly one answer. Ours alone: a client goes by EventStoreDB's own
 * calls where it is UNIMPLEMENTED.
 */
import type { handleBidiStreamingCall, ServerDuplexStream } from '@grpc/grpc-js';
import type { AccessControl, Caller } from '../access/access-control.js';
import type { EventStore } from '../store/event-store.js';
import { StoreClosedError } from '../store/store-errors.js';
import { AppendAnswers, readAppends, type AppendRequest } from './append-messages.js';
import { endAfter, ReplyStream, type OpenCalls } from './reply-stream.js';

/** Appends of one call that may wait for the disk; beyond it the call is not read, so that memory stays bounded. */
const MAX_IN_FLIGHT = 1000;

type Call = ServerDuplexStream<Buffer, Buffer>;

export function appendBatchesHandler(
  store: EventStore,
  openCalls: OpenCalls,
  access: AccessControl | undefined,
): handleBidiStreamingCall<Buffer, Buffer> {
  return (call) => endAfter(call, serve(store, access, call, new ReplyStream<Buffer>(call, openCalls)));
}

async function serve(
  store: EventStore,
  access: AccessControl | undefined,
  call: Call,
  replies: ReplyStream<Buffer>,
): Promise<void> {
  const caller = access && (await access.callerOf(call.metadata));
  if (replies.closing.aborted) throw new StoreClosedError();
  const answers = new AppendAnswers();
  const inFlight = new Set<Promise<void>>();
  // What reached the disk together is answered together.
  const tell = () => {
    if (answers.empty) setImmediate(() => void replies.send(answers.bytes()));
  };
  const accept = (request: AppendRequest) => {
    const done = carryOut(store, caller, request)
      .then(
        (outcome) => {
          tell();
          answers.add(request.number, outcome);
        },
        (error: unknown) => {
          tell();
          answers.addFailure(request.number, error);
        },
      )
      .then(() => {
        inFlight.delete(done);
        if (call.isPaused() && !replies.closing.aborted) call.resume();
      });
    inFlight.add(done);
  };
  await new Promise<void>((resolve, reject) => {
    replies.closing.addEventListener('abort', () => {
      call.pause();
      resolve();
    });
    call.on('end', resolve);
    call.on('data', (message: Buffer) => {
      try {
        for (const request of readAppends(message)) accept(request);
        if (inFlight.size >= MAX_IN_FLIGHT) call.pause();
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
        replies.stop();
      }
    });
  });
  await Promise.all(inFlight);
  if (!answers.empty) await replies.send(answers.bytes());
  // Ending with an error is what tells the client that answers it still waits for will not come.
  if (replies.closing.aborted) throw new StoreClosedError();
}

async function carryOut(store: EventStore, caller: Caller | undefined, request: AppendRequest) {
  const { stream, events } = request.sound();
  caller?.require('write', stream);
  return store.write((transaction) => transaction.append(stream, request.expected, events));
}
