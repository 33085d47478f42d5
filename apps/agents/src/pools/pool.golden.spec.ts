import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { fold } from '@hybrid/decider';
import { goldenEvents } from '@hybrid/testing';
import { poolDecider } from './pool.decider.js';

describe('stored events of pools', () => {
  const golden = goldenEvents(join(import.meta.dirname, 'golden'), poolDecider, {
    version: 1,
    digest: 'c8dbf0d8530630ae',
  });

  it('hold all settings', () => {
    const { at: _, ...settings } = golden('PoolConfigured').data;
    expect(fold(poolDecider, [golden('PoolConfigured')])).toEqual(settings);
  });
});
