import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { fold } from '@hybrid/decider';
import { goldenEvents } from '@hybrid/testing';
import { joinTokenDecider } from './join-token.decider.js';

describe('stored events of join tokens', () => {
  const golden = goldenEvents(join(import.meta.dirname, 'golden'), joinTokenDecider, {
    version: 1,
    digest: '46aaad33372720c9',
  });

  it('say who may join, and that nobody may any more', () => {
    const created = golden('JoinTokenCreated');
    expect(fold(joinTokenDecider, [created])).toEqual({ token: created.data, revoked_at: null });
    const revoked = golden('JoinTokenRevoked');
    expect(fold(joinTokenDecider, [created, revoked])).toEqual({
      token: created.data,
      revoked_at: revoked.data.at,
    });
  });
});
