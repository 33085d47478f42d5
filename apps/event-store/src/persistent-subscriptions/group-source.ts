/** What a group reads, a stream or $all through a filter, in which every event has a number. */
import { compileFilter, type EventFilter } from '../store/event-filter.js';
import type { RecordedEvent } from '../store/event-record.js';
import type { EventStore } from '../store/event-store.js';
import { firstVisible } from '../store/stream-limits.js';
import { isBookkeeping } from './bookkeeping.js';
import { ALL, type GroupDefinition, type StartFrom } from './group-settings.js';

/** One number of the source. Without an event: the group does not want it, or it is not shown any more. */
export interface Scanned {
  number: number;
  event: RecordedEvent | undefined;
  /** False for what groups write themselves. */
  counted: boolean;
}

export interface GroupSource {
  /** The stream whose changes bring new events; left out: any. */
  readonly stream: string | undefined;
  /** From `number` to where the store ends now. Throws StreamDeletedError and DamagedRecordError. */
  pass(number: number): Generator<Scanned>;
  /** The event of a number once scanned, if it is still shown. Throws as `pass`. */
  eventOf(number: number): RecordedEvent | undefined;
  /** The number after the last one there is. Throws StreamDeletedError. */
  end(): number;
  /** A number as checkpoints and infos write it, and back. -1 stands for the end. */
  format(number: number | bigint): string;
  parse(text: string): number;
}

export function sourceOf(
  store: EventStore,
  definition: Pick<GroupDefinition, 'stream' | 'filter'>,
): GroupSource {
  const { stream, filter } = definition;
  if (stream !== ALL) return streamSource(store, stream);
  return allSource(store, filter ? compileFilter(filter) : () => true);
}

/** The first number of a group that starts there. */
export function firstNumber(source: GroupSource, startFrom: StartFrom): number {
  return startFrom === 'end' ? source.end() : Number(startFrom);
}

function streamSource(store: EventStore, stream: string): GroupSource {
  return {
    stream,
    *pass(number) {
      const state = store.streamState(stream);
      if (!state) return;
      for (let next = Math.max(number, firstVisible(stream, state)); next <= state.last; next++)
        yield { number: next, event: store.eventOf(stream, state, next), counted: true };
    },
    eventOf(number) {
      const state = store.streamState(stream);
      return state && store.eventOf(stream, state, number);
    },
    end: () => (store.streamState(stream)?.last ?? -1) + 1,
    format: String,
    parse: Number,
  };
}

function allSource(store: EventStore, matches: EventFilter): GroupSource {
  return {
    stream: undefined,
    *pass(number) {
      for (let next = Math.max(1, number); next <= store.lastPosition; next++) {
        const event = store.eventAt(next);
        const own = isBookkeeping(event.stream);
        yield { number: next, event: !own && matches(event) ? event : undefined, counted: !own };
      }
    },
    eventOf: (number) => store.eventAt(number),
    end: () => store.lastPosition + 1,
    format: (number) => `C:${number}/P:${number}`,
    parse: (text) => Number(/^C:(-?\d+)\/P:-?\d+$/.exec(text)?.[1] ?? Number.NaN),
  };
}
