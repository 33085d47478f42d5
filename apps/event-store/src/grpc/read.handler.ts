/** Streams.Read: reads that end, and subscriptions, of one stream or of $all. */
import { setImmediate as turn } from 'node:timers/promises';
import pb from '@eventstore/db-client/generated/streams_pb.js';
import type { handleServerStreamingCall, ServerWritableStream } from '@grpc/grpc-js';
import type { AccessControl, Caller } from '../access/access-control.js';
import { compileFilter, type EventFilter } from '../store/event-filter.js';
import type { EventStore } from '../store/event-store.js';
import type { RecordedEvent } from '../store/event-record.js';
import { resolveLink } from '../store/links.js';
import { firstVisible } from '../store/stream-limits.js';
import { readAll, readStream, type From } from '../store/stream-reader.js';
import {
  eventResponse,
  firstStreamPosition,
  lastStreamPosition,
  streamNotFound,
  type IdForm,
} from './read-responses.js';
import { endAfter, ReplyStream, type OpenCalls } from './reply-stream.js';
import { streamName } from './requests.js';
import { BadRequestError } from './rpc-failure.js';
import { SCAN_BEFORE_TURN, subscribe } from './subscription.js';

/** EventStoreDB's search window when the client names none. */
const DEFAULT_WINDOW = 32;

type Call = ServerWritableStream<pb.ReadReq, pb.ReadResp>;
type Options = pb.ReadReq.Options;

export function readHandler(
  store: EventStore,
  openCalls: OpenCalls,
  access: AccessControl | undefined,
): handleServerStreamingCall<pb.ReadReq, pb.ReadResp> {
  return (call) => endAfter(call, serve(store, access, call, new ReplyStream<pb.ReadResp>(call, openCalls)));
}

async function serve(
  store: EventStore,
  access: AccessControl | undefined,
  call: Call,
  replies: ReplyStream<pb.ReadResp>,
): Promise<void> {
  const caller = access && (await access.callerOf(call.metadata));
  const options = call.request.getOptions();
  if (!options) throw new BadRequestError('The read came without options.');
  const stream = options.hasStream() ? streamName(options.getStream()?.getStreamIdentifier()) : undefined;
  caller?.require('read', stream ?? '$all');
  const present = presentation(store, caller, options);
  const filter = filterOf(options);
  if (options.hasSubscription()) {
    const target = { stream, from: fromOf(options), ...filter, present };
    await subscribe(store, target, replies);
  } else {
    await read(store, stream, options, filter.matches, present, replies);
  }
}

type Present = (event: RecordedEvent) => pb.ReadResp;

async function read(
  store: EventStore,
  stream: string | undefined,
  options: Options,
  matches: EventFilter,
  present: Present,
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
  // Newer clients ask for the stream's bounds; to others these messages would be strange.
  const bounds = stream !== undefined && (options.getControlOption()?.getCompatibility() ?? 0) > 0;
  const state = bounds ? store.streamState(stream) : undefined;
  if (bounds && state && direction === 'forwards') {
    const first = firstVisible(stream, state);
    if (from === 'start' ? first > 0 : from !== 'end' && from < first)
      await replies.send(firstStreamPosition(first));
  }
  for (const event of events) {
    if (replies.closing.aborted) return;
    if (event && matches(event)) {
      await replies.send(present(event));
      if (--left === 0) break;
    } else if (++scanned % SCAN_BEFORE_TURN === 0) await turn();
  }
  if (state) await replies.send(lastStreamPosition(state.last));
}

/** How the reader wants to see events: its form of ids, and links followed or not. */
function presentation(store: EventStore, caller: Caller | undefined, options: Options): Present {
  const idForm: IdForm = options.getUuidOption()?.hasStructured() ? 'structured' : 'string';
  if (!options.getResolveLinks()) return (event) => eventResponse({ event, link: undefined }, idForm);
  return (event) => eventResponse(resolveLink(store, event, caller?.mayRead), idForm);
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
