import { stateTable } from '@hybrid/event-store';
import { deliveryDecider, deliveryStatus } from './delivery.decider.js';

/** `routing.deliveries`: every delivery with its state. */
export const deliveryList = stateTable({
  schema: 'routing',
  table: 'deliveries',
  version: 1,
  category: 'delivery',
  decider: deliveryDecider,
  columns: {
    status: { type: 'text', value: deliveryStatus },
    connection: {
      type: 'text',
      value: ({ routed, refused }) => (routed ?? refused)?.connection ?? null,
    },
    repository: { type: 'text', value: ({ routed }) => routed?.delivery.metadata.repository ?? null },
  },
  indexes: [
    ['org', 'connection', 'created_at desc', 'id desc'],
    ['org', 'repository', 'created_at desc', 'id desc'],
  ],
});
