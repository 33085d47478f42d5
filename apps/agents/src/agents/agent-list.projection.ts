import { stateTable } from '@hybrid/event-store';
import { agentDecider } from './agent.decider.js';
import { agentStatus } from './agent.view.js';

/** `agents.agents`: every agent with its state. */
export const agentList = stateTable({
  schema: 'agents',
  table: 'agents',
  version: 3,
  category: 'agent',
  decider: agentDecider,
  columns: {
    status: { type: 'text', value: agentStatus },
    pool: { type: 'text', value: (state) => state.agent?.pool ?? null },
    deregistered: { type: 'text', value: (state) => (state.deregistered ? 'yes' : 'no') },
  },
  // The search for silent agents passes over those that are gone for good, of which there may be many.
  indexes: [['deregistered', 'status']],
});
