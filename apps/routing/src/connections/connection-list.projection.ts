import { stateTable } from '@hybrid/event-store';
import { connectionDecider } from './connection.decider.js';

/** `routing.connections`: every connection with its state. */
export const connectionList = stateTable({
  schema: 'routing',
  table: 'connections',
  version: 1,
  category: 'connection',
  decider: connectionDecider,
  columns: { deleted: { type: 'text', value: ({ deleted }) => (deleted ? 'yes' : 'no') } },
});
