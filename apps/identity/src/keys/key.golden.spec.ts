import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { fold } from '@hybrid/decider';
import { goldenEvents } from '@hybrid/testing';
import { keyDecider } from './key.decider.js';

describe('stored events of API keys', () => {
  const golden = goldenEvents(join(import.meta.dirname, 'golden'), keyDecider, {
    version: 1,
    digest: '80735dc5a01ea147',
  });

  it('say what the key may do, and that it may not any more', () => {
    const created = golden('ApiKeyCreated');
    expect(fold(keyDecider, [created])).toEqual({ key: created.data, revoked_at: null });
    const revoked = golden('ApiKeyRevoked');
    expect(fold(keyDecider, [created, revoked])).toEqual({ key: created.data, revoked_at: revoked.data.at });
  });
});
