/** What ties one event to the rest: its stream's state, its index entry and its id must all lead back to it. */
import type { RecordedEvent } from './event-record.js';
import { DamagedRecordError } from './store-errors.js';
import type { StreamState } from './stream-state.js';
import type { Tables } from './tables.js';
import { TOMBSTONE_REVISION } from './write-transaction.js';

/** All that is wrong with the event at `position`, a sentence each; `stateOf` may answer from a cache. */
export function eventFaults(
  tables: Tables,
  position: number,
  stateOf: (stream: string) => StreamState | undefined = (stream) => tables.streamState(stream),
): string[] {
  try {
    const event = tables.eventAt(position);
    const state = stateOf(event.stream);
    if (!state) return [`position ${position}: its stream '${event.stream}' is not known`];
    const faults =
      event.revision === TOMBSTONE_REVISION ? tombstoneFaults(state) : entryFaults(tables, event, state);
    return faults.map((fault) => `position ${position}, stream '${event.stream}': ${fault}`);
  } catch (error) {
    if (error instanceof DamagedRecordError) return [error.message];
    throw error;
  }
}

function tombstoneFaults(state: StreamState): string[] {
  return state.tombstoned ? [] : ['the stream was tombstoned here, but is not'];
}

function entryFaults(tables: Tables, event: RecordedEvent, state: StreamState): string[] {
  const revision = Number(event.revision);
  const faults: string[] = [];
  const indexed = tables.positionOf(state.id, revision);
  if (indexed !== event.position)
    faults.push(
      `the index has revision ${revision} ${indexed === undefined ? 'nowhere' : `at position ${indexed}`}`,
    );
  const byId = tables.revisionOfId(state.id, event.id);
  // An id may come again in a stream; then the later event is found by it.
  const found =
    byId === revision || (byId !== undefined && byId > revision && idAt(tables, state, byId) === event.id);
  if (!found)
    faults.push(
      `id ${event.id} is found ${byId === undefined ? 'nowhere' : `at revision ${byId}`}, not ${revision}`,
    );
  return faults;
}

function idAt(tables: Tables, state: StreamState, revision: number): string | undefined {
  const position = tables.positionOf(state.id, revision);
  return position === undefined ? undefined : tables.eventAt(position).id;
}
