/** Links: a `$>` event whose data, `<revision>@<stream>`, names the event to be shown in its place. */
import type { RecordedEvent } from './event-record.js';
import type { EventStore } from './event-store.js';
import { StreamDeletedError } from './store-errors.js';

const LINK_TYPE = '$>';
const TARGET = /^(\d{1,19})@(.+)$/s;

/** An event as a reader asked for it. One of the two is always there. */
export interface ResolvedEvent {
  /** Missing when a link's target cannot be shown. */
  event: RecordedEvent | undefined;
  /** The link that led to the event; its revision and position are where the reader is. */
  link: RecordedEvent | undefined;
}

/** Whether a reader may be shown the target of a link in this stream. */
export type MayRead = (stream: string) => boolean;

const anyStream: MayRead = () => true;

/**
 * Follows a link by one step, as EventStoreDB does: a link to a link shows the second link. A target that is not
 * there, hidden by its stream's metadata, deleted or refused by `mayRead` leaves the link alone, as does a link whose
 * data names none. Throws DamagedRecordError.
 */
export function resolveLink(
  store: EventStore,
  event: RecordedEvent,
  mayRead: MayRead = anyStream,
): ResolvedEvent {
  if (event.type !== LINK_TYPE) return { event, link: undefined };
  const [, revision = '', stream = ''] = TARGET.exec(Buffer.from(event.data).toString()) ?? [];
  const target = stream && mayRead(stream) ? eventOf(store, stream, Number(revision)) : undefined;
  return { event: target, link: event };
}

function eventOf(store: EventStore, stream: string, revision: number): RecordedEvent | undefined {
  try {
    const state = store.streamState(stream);
    return state && revision <= state.last ? store.eventOf(stream, state, revision) : undefined;
  } catch (error) {
    if (error instanceof StreamDeletedError) return undefined;
    throw error;
  }
}
