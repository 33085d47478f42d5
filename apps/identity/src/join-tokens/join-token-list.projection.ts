import { stateTable } from '@hybrid/event-store';
import { joinTokenDecider } from './join-token.decider.js';

/** `identity.join_tokens`: join tokens, with those that were revoked. */
export const joinTokenList = stateTable({
  schema: 'identity',
  table: 'join_tokens',
  version: 1,
  category: 'joinToken',
  decider: joinTokenDecider,
  columns: {},
});
