import { stateTable } from '@hybrid/event-store';
import { poolDecider } from './pool.decider.js';

/** `agents.pools`: the pools that somebody configured, with their settings. */
export const poolList = stateTable({
  schema: 'agents',
  table: 'pools',
  version: 1,
  category: 'agentPool',
  decider: poolDecider,
  columns: { pool: { type: 'text', value: ({ pool }) => pool } },
});
