import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { fold } from '@hybrid/decider';
import { goldenEvents } from '@hybrid/testing';
import { sessionDecider } from './session.decider.js';

describe('stored events of sessions', () => {
  const golden = goldenEvents(join(import.meta.dirname, 'golden'), sessionDecider, {
    version: 1,
    digest: 'fd89e47183482105',
  });

  it('say whose session it is, and that it is over', () => {
    const started = golden('SessionStarted');
    const state = { status: 'STARTED', user_id: started.data.user_id };
    expect(fold(sessionDecider, [started])).toEqual(state);
    expect(fold(sessionDecider, [started, golden('SessionEnded')])).toEqual({ ...state, status: 'ENDED' });
  });
});
