import { stateTable } from '@hybrid/event-store';
import { keyDecider } from './key.decider.js';

/** `identity.keys`: API keys, with those that were revoked. */
export const keyList = stateTable({
  schema: 'identity',
  table: 'keys',
  version: 1,
  category: 'apiKey',
  decider: keyDecider,
  columns: { created_by: { type: 'text', value: ({ key }) => key?.created_by ?? null } },
});
