import { stateTable } from '@hybrid/event-store';
import { artifactDecider } from './artifact.decider.js';

/** `registry.artifacts`: what is stored. */
export const artifactList = stateTable({
  schema: 'registry',
  table: 'artifacts',
  version: 2,
  category: 'artifact',
  decider: artifactDecider,
  columns: {
    execution_id: { type: 'text', value: (state) => state.artifact?.execution_id ?? null },
    expires_at: { type: 'timestamptz', value: (state) => state.artifact?.expires_at ?? null },
    stored: { type: 'text', value: (state) => (state.artifact ? 'yes' : 'no') },
  },
  indexes: [['execution_id'], ['expires_at']],
});
