import { stateTable } from '@hybrid/event-store';
import { trustRuleDecider } from './trust-rule.decider.js';

/** `identity.trust_rules`: trust rules, with those that were removed. */
export const trustRuleList = stateTable({
  schema: 'identity',
  table: 'trust_rules',
  version: 1,
  category: 'trustRule',
  decider: trustRuleDecider,
  columns: {
    issuer: { type: 'text', value: ({ rule }) => rule?.issuer ?? null },
    removed: { type: 'text', value: ({ removed_at }) => (removed_at === null ? 'no' : 'yes') },
  },
});
