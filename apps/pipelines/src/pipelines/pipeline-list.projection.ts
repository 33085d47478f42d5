import { stateTable } from '@hybrid/event-store';
import { pipelineDecider } from './pipeline.decider.js';

/** `pipelines.pipelines`: the current version of each pipeline. */
export const pipelineList = stateTable({
  schema: 'pipelines',
  table: 'pipelines',
  version: 2,
  category: 'pipeline',
  decider: pipelineDecider,
  columns: {
    defined: { type: 'text', value: (state) => (state.current ? 'yes' : 'no') },
    // Hosts do not tell upper from lower case.
    repository: { type: 'text', value: ({ current }) => current?.repository?.toLowerCase() ?? null },
  },
  indexes: [['org', 'repository']],
});
