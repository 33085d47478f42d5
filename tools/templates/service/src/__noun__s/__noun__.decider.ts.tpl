/**
 * A __noun__.
 *
 *   (none) ──open──► OPEN ──close──► CLOSED
 */
import { reject, type Decider, type EventTypes, type Rejection } from '@hybrid/decider';

export type __Noun__Event =
  | { type: '__Noun__Opened'; data: { name: string; at: string } }
  | { type: '__Noun__Closed'; data: { at: string } };

export const __noun__Events: EventTypes<__Noun__Event> = {
  today: { __Noun__Opened: true, __Noun__Closed: true },
};

export type __Noun__Command =
  | { type: 'Open__Noun__'; name: string; now: string }
  | { type: 'Close__Noun__'; now: string };

export interface __Noun__State {
  /** Null: there is no such __noun__. */
  status: 'OPEN' | 'CLOSED' | null;
  name: string;
  opened_at: string | null;
}

export const __noun__Decider: Decider<__Noun__State, __Noun__Command, __Noun__Event> = {
  initial: { status: null, name: '', opened_at: null },
  events: __noun__Events,
  decide,
  evolve,
};

function decide(command: __Noun__Command, state: __Noun__State): __Noun__Event[] | Rejection {
  switch (command.type) {
    case 'Open__Noun__':
      if (state.status) return state.name === command.name ? [] : reject('__noun___exists', 'this id belongs to another __noun__');
      return [{ type: '__Noun__Opened', data: { name: command.name, at: command.now } }];
    case 'Close__Noun__':
      if (!state.status) return reject('__noun___not_found', 'there is no such __noun__', 'not_found');
      return state.status === 'CLOSED' ? [] : [{ type: '__Noun__Closed', data: { at: command.now } }];
  }
}

function evolve(state: __Noun__State, event: __Noun__Event): __Noun__State {
  if (!state.status && event.type !== '__Noun__Opened') return state;
  switch (event.type) {
    case '__Noun__Opened':
      return { status: 'OPEN', name: event.data.name, opened_at: event.data.at };
    case '__Noun__Closed':
      return { ...state, status: 'CLOSED' };
  }
}
