/** Streams.Read: reads that end, and subscriptions, of one stream or of $all. */
import { setImmediate as turn } from 'node:timers/promises';
import pb from '@eventstore/db-client/generated/streams_pb.js';
import type { handleServerStreamingCall, ServerWritableStream } from '@grpc/grpc-js';
import { compileFilter, type EventFilter } from '../store/event-filter.js';
import type { EventStore } from '../store/event-store.js';
import { readAll, readStream, type From } from '../store/stream-reader.js';
import { eventResponse, streamNotFound, type IdForm } from './read-responses.js';
import { ReplyStream, type OpenCalls } from './reply-stream.js';
import { streamName } from './requests.js';
import { BadRequestError, toServiceError } from './rpc-failure.js';
import { SCAN_BEFORE_TURN, subscribe } from './subscription.js';

/** EventStoreDB's search window when the client names none. */
const DEFAULT_WINDOW = 32;

type Call = ServerWritableStream<pb.ReadReq, pb.ReadResp>;
type Options = pb.ReadReq.Options;

export function readHandler(
  store: EventStore,
  openCalls: OpenCalls,
): handleServerStreamingCall<pb.ReadReq, pb.ReadResp> {
  return (call) => {
    serve(store, call, new ReplyStream<pb.ReadResp>(call, openCalls)).then(
      () => call.end(),
      (error: unknown) => {
        if (!call.cancelled) call.emit('error', toServiceError(error));
      },
    );
  };
}

async function serve(store: EventStore, call: Call, replies: ReplyStream<pb.ReadResp>): Promise<void> {
  const options = call.request.getOptions();
  if (!options) throw new BadRequestError('The read came without options.');
  const stream = options.hasStream() ? streamName(options.getStream()?.getStreamIdentifier()) : undefined;
  const idForm: IdForm = options.getUuidOption()?.hasStructured() ? 'structured' : 'string';
  const filter = filterOf(options);
  if (options.hasSubscription()) {
    const target = { stream, from: fromOf(options), ...filter, idForm };
    await subscribe(store, target, replies);
  } else {
    await read(store, stream, options, filter.matches, idForm, replies);
  }
}

async function read(
  store: EventStore,
  stream: string | undefined,
  options: Options,
  matches: EventFilter,
  idForm: IdForm,
  replies: ReplyStream<pb.ReadResp>,
): Promise<void> {
  const direction =
    options.getReadDirection() === pb.ReadReq.Options.ReadDirection.FORWARDS ? 'forwards' : 'backwards';
  const from = fromOf(options);
  const events =
    stream === undefined ? readAll(store, from, direction) : readStream(store, stream, from, direction);
  if (!events) return replies.send(streamNotFound(stream ?? ''));
  let left = Number(options.getCount());
  let scanned = 0;
  if (left === 0) return;
  for (const event of events) {
    if (replies.closing.aborted) return;
    if (event && matches(event)) {
      await replies.send(eventResponse(event, idForm));
      if (--left === 0) return;
    } else if (++scanned % SCAN_BEFORE_TURN === 0) await turn();
  }
}

function fromOf(options: Options): From {
  const stream = options.getStream();
  if (stream) {
    if (stream.hasRevision()) return BigInt(stream.getRevision());
    return stream.hasEnd() ? 'end' : 'start';
  }
  const all = options.getAll();
  if (all?.hasPosition()) return BigInt(all.getPosition()?.getCommitPosition() ?? 0);
  return all?.hasEnd() ? 'end' : 'start';
}

function filterOf(options: Options): { matches: EventFilter; checkpointEvery: number | undefined } {
  const filter = options.getFilter();
  if (!filter) return { matches: () => true, checkpointEvery: undefined };
  const onStream = filter.getStreamIdentifier();
  const expression = onStream ?? filter.getEventType();
  const window = filter.hasMax() ? filter.getMax() : DEFAULT_WINDOW;
  return {
    matches: compileFilter({
      on: onStream ? 'stream' : 'type',
      regex: expression?.getRegex() ?? '',
      prefixes: expression?.getPrefixList() ?? [],
    }),
    checkpointEvery: Math.max(1, window * filter.getCheckpointintervalmultiplier()),
  };
}
