import { stateTable } from '@hybrid/event-store';
import { deploymentDecider } from './deployment.decider.js';

/** `deployments.deployments`: every deployment with its state. */
export const deploymentList = stateTable({
  schema: 'deployments',
  table: 'deployments',
  version: 1,
  category: 'deployment',
  decider: deploymentDecider,
  columns: {
    status: { type: 'text', value: ({ status }) => status },
    environment: { type: 'text', value: ({ requested }) => requested?.environment ?? '' },
    service: { type: 'text', value: ({ requested }) => requested?.service ?? '' },
  },
  indexes: [['org', 'service', 'environment', 'created_at desc']],
});
