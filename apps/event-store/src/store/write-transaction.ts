/** The commands of the store, each run inside one LMDB transaction that it may share with others. */
import { randomUUID } from 'node:crypto';
import { decideAppend, type AppendDecision, type ExpectedRevision } from './append-decision.js';
import type { ProposedEvent, RecordedEvent } from './event-record.js';
import { DamagedRecordError } from './store-errors.js';
import {
  metastreamOf,
  originalOf,
  parseLimits,
  SOFT_DELETE_METADATA,
  withTruncateBefore,
} from './stream-limits.js';
import type { StreamState } from './stream-state.js';
import type { Counters, Tables } from './tables.js';

/** EventStoreDB shows a tombstone as an event of this type at the largest int64. */
const TOMBSTONE_TYPE = '$streamDeleted';
export const TOMBSTONE_REVISION = 9223372036854775807n;
const NOTHING = new Uint8Array(0);

export type WriteOutcome =
  /** `revision` is -1 and there is no position when nothing was appended to a stream that does not exist. */
  | { kind: 'done'; revision: number; position?: number }
  /** `current` is -1 when the stream does not exist. */
  | { kind: 'wrongVersion'; current: number }
  | { kind: 'deleted' };

/** A command that the writer runs. It should read what may be damaged before it changes anything. */
export type WriteCommand = (transaction: WriteTransaction) => WriteOutcome;

export class WriteTransaction {
  private readonly counters: Counters;
  readonly touched = new Set<string>();
  readonly recorded: { position: number; record: Buffer }[] = [];

  constructor(
    private readonly tables: Tables,
    private readonly nowTicks: bigint,
  ) {
    this.counters = tables.counters();
  }

  /** Position of the last event, those of this transaction included. */
  get lastPosition(): number {
    return this.counters.lastPosition;
  }

  /** Writes the counters back. */
  finish(): void {
    if (this.touched.size > 0) this.tables.putCounters(this.counters);
  }

  append(stream: string, expected: ExpectedRevision, events: readonly ProposedEvent[]): WriteOutcome {
    const state = this.stateOf(stream);
    const decision = this.decide(
      stream,
      state,
      expected,
      events.map(({ id }) => id),
    );
    if (decision.kind !== 'append') return this.refusalOrRepeat(stream, state, decision);
    if (events.length === 0) return { kind: 'done', revision: state?.last ?? -1 };
    return this.appendAndUndelete(stream, events);
  }

  /** Hides everything that is in the stream; it can be written again. */
  softDelete(stream: string, expected: ExpectedRevision): WriteOutcome {
    const state = this.stateOf(stream);
    const decision = this.decide(stream, state, expected, [randomUUID()]);
    if (decision.kind !== 'append') return this.refusalOrRepeat(stream, state, decision);
    return this.record(metastreamOf(stream), [metadataEvent(SOFT_DELETE_METADATA)]);
  }

  /** Ends the stream for good. */
  tombstone(stream: string, expected: ExpectedRevision): WriteOutcome {
    const state = this.stateOf(stream);
    const id = randomUUID();
    const decision = this.decide(stream, state, expected, [id]);
    if (decision.kind !== 'append') return this.refusalOrRepeat(stream, state, decision);
    const next = state ?? this.newState();
    const position = ++this.counters.lastPosition;
    this.put({
      ...{ id, type: TOMBSTONE_TYPE, contentType: 'application/octet-stream', data: NOTHING },
      ...{ customMetadata: NOTHING, stream, revision: TOMBSTONE_REVISION, position, created: this.nowTicks },
    });
    this.save(stream, { ...next, tombstoned: true });
    this.touched.add(metastreamOf(stream));
    return { kind: 'done', revision: next.last, position };
  }

  private decide(
    stream: string,
    state: StreamState | undefined,
    expected: ExpectedRevision,
    ids: readonly string[],
  ): AppendDecision {
    const original = originalOf(stream);
    return decideAppend(expected, ids, {
      last: state?.last ?? -1,
      tombstoned:
        state?.tombstoned === true || (original !== undefined && this.stateOf(original)?.tombstoned === true),
      softDeleted: state?.limits?.softDeleted === true,
      hasMetadata: state?.limits !== undefined,
      idAt: (revision) =>
        state && revision <= state.last ? this.tables.eventOf(stream, state.id, revision).id : undefined,
      revisionOf: (id) => state && this.revisionOf(stream, state, id),
    });
  }

  /** A wrong answer would drop an event as a repeat, and the table of ids has no checksum: so the event itself is asked. */
  private revisionOf(stream: string, state: StreamState, id: string): number | undefined {
    const revision = this.tables.revisionOfId(state.id, id);
    if (revision !== undefined && this.tables.eventOf(stream, state.id, revision).id !== id)
      throw new DamagedRecordError(`stream '${stream}' id ${id}`, 'it leads to another event');
    return revision;
  }

  private refusalOrRepeat(
    stream: string,
    state: StreamState | undefined,
    decision: Exclude<AppendDecision, { kind: 'append' }>,
  ): WriteOutcome {
    switch (decision.kind) {
      case 'repeat': {
        if (!state) throw new Error(`A repeated append to '${stream}', which has no state`);
        const { position } = this.tables.eventOf(stream, state.id, decision.last);
        return { kind: 'done', revision: decision.last, position };
      }
      case 'wrongVersion':
        return { kind: 'wrongVersion', current: state?.last ?? -1 };
      case 'deleted':
        return { kind: 'deleted' };
    }
  }

  /** Appends; a soft-deleted stream comes back with its old events hidden, as does one that gets new metadata. */
  private appendAndUndelete(stream: string, events: readonly ProposedEvent[]): WriteOutcome {
    const original = originalOf(stream);
    const revived = original ?? stream;
    const deleted = this.stateOf(revived);
    if (!deleted?.limits?.softDeleted) return this.record(stream, events);
    const metadata = original === undefined ? this.metadataOf(stream) : lastOf(events).data;
    const outcome = this.record(stream, events);
    if (original === undefined || !parseLimits(metadata).softDeleted)
      this.record(metastreamOf(revived), [metadataEvent(withTruncateBefore(metadata, deleted.last + 1))]);
    return outcome;
  }

  private metadataOf(stream: string): Uint8Array {
    const metastream = metastreamOf(stream);
    const state = this.stateOf(metastream);
    return state && state.last >= 0 ? this.tables.eventOf(metastream, state.id, state.last).data : NOTHING;
  }

  private record(stream: string, events: readonly ProposedEvent[]): WriteOutcome {
    const state = this.stateOf(stream) ?? this.newState();
    for (const event of events) {
      const position = ++this.counters.lastPosition;
      const revision = ++state.last;
      this.put({ ...event, stream, revision: BigInt(revision), position, created: this.nowTicks });
      this.tables.putIndex(state.id, revision, event.id, position);
    }
    this.save(stream, state);
    const original = originalOf(stream);
    if (original !== undefined)
      this.save(original, {
        ...(this.stateOf(original) ?? this.newState()),
        limits: parseLimits(lastOf(events).data),
      });
    return { kind: 'done', revision: state.last, position: this.counters.lastPosition };
  }

  private put(event: RecordedEvent): void {
    this.recorded.push({ position: event.position, record: this.tables.putEvent(event) });
  }

  private stateOf(stream: string): StreamState | undefined {
    return this.tables.streamState(stream);
  }

  private newState(): StreamState {
    return { id: this.counters.nextStreamId++, last: -1 };
  }

  private save(stream: string, state: StreamState): void {
    this.tables.putStreamState(stream, state);
    this.touched.add(stream);
  }
}

function metadataEvent(data: Uint8Array): ProposedEvent {
  return {
    ...{ id: randomUUID(), type: '$metadata', contentType: 'application/json', data },
    customMetadata: NOTHING,
  };
}

function lastOf(events: readonly ProposedEvent[]): ProposedEvent {
  const last = events.at(-1);
  if (!last) throw new Error('An append without events has no last event');
  return last;
}
