import { stateTable } from '@hybrid/event-store';
import { relayDecider } from './relay.decider.js';
import { relayStatus } from './relay.view.js';

/** `routing.relays`: every relay with its state. */
export const relayList = stateTable({
  schema: 'routing',
  table: 'relays',
  version: 1,
  category: 'relay',
  decider: relayDecider,
  columns: {
    status: { type: 'text', value: relayStatus },
    connection: { type: 'text', value: ({ relay }) => relay?.connection ?? null },
    removed: { type: 'text', value: ({ removed }) => (removed ? 'yes' : 'no') },
  },
});
