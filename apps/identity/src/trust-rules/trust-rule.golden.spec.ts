import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { fold } from '@hybrid/decider';
import { goldenEvents } from '@hybrid/testing';
import { trustRuleDecider } from './trust-rule.decider.js';

describe('stored events of trust rules', () => {
  const golden = goldenEvents(join(import.meta.dirname, 'golden'), trustRuleDecider, {
    version: 1,
    digest: 'b832b6dbc2d7b9f7',
  });

  it('say who is trusted, and that nobody is any more', () => {
    const created = golden('TrustRuleCreated');
    expect(fold(trustRuleDecider, [created])).toEqual({ rule: created.data, removed_at: null });
    const removed = golden('TrustRuleRemoved');
    expect(fold(trustRuleDecider, [created, removed])).toEqual({
      rule: created.data,
      removed_at: removed.data.at,
    });
  });
});
