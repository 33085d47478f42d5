/** A small noun for the specs of this library: a counter that may not pass its limit. */
import { reject, type Decider } from '@hybrid/decider';

export interface CounterState {
  sum: number;
  notes: string[];
}

export interface CounterCommand {
  type: 'Add';
  by: number;
  limit?: number;
  note?: string;
}

export interface CounterEvent {
  type: 'Added';
  data: { by: number; note: string };
}

export const counterDecider: Decider<CounterState, CounterCommand, CounterEvent> = {
  initial: { sum: 0, notes: [] },
  events: { today: { Added: true } },
  decide({ by, limit = Infinity, note = '' }, { sum }) {
    if (by === 0) return [];
    if (sum + by > limit) return reject('too_much', `${sum} and ${by} pass ${limit}`);
    return [{ type: 'Added', data: { by, note } }];
  },
  evolve: ({ sum, notes }, { data }) => ({
    sum: sum + data.by,
    notes: data.note ? [...notes, data.note] : notes,
  }),
};
