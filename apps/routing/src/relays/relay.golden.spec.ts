import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { fold } from '@hybrid/decider';
import { goldenEvents } from '@hybrid/testing';
import { relayDecider } from './relay.decider.js';

describe('stored events of relays', () => {
  const golden = goldenEvents(join(import.meta.dirname, 'golden'), relayDecider, {
    version: 1,
    digest: '27b4b56dd63873d0',
  });

  it('say who signs, how it fares, and that it is gone', () => {
    const registered = golden('RelayRegistered');
    const relay = registered.data;
    expect(fold(relayDecider, [registered])).toEqual({
      relay,
      health: 'HEALTHY',
      reason: null,
      removed: false,
    });
    const { status: health, reason } = golden('RelayHealthChanged').data;
    expect(fold(relayDecider, [registered, golden('RelayHealthChanged')])).toEqual({
      relay,
      health,
      reason,
      removed: false,
    });
    expect(fold(relayDecider, [registered, golden('RelayRemoved')])).toMatchObject({ removed: true });
  });
});
