import { stateTable } from '@hybrid/event-store';
import { __noun__Decider } from './__noun__.decider.js';

/** `__service__.__noun__s`: every __noun__ with its state. */
export const __noun__List = stateTable({
  schema: '__service__',
  table: '__noun__s',
  version: 1,
  category: '__noun__',
  decider: __noun__Decider,
  columns: { status: { type: 'text', value: (state) => state.status } },
});
