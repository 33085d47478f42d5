import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { fold } from '@hybrid/decider';
import { goldenEvents } from '@hybrid/testing';
import { __noun__Decider } from './__noun__.decider.js';

describe('stored events', () => {
  const golden = goldenEvents(join(import.meta.dirname, 'golden'), __noun__Decider, {
    version: 1,
    digest: '5ccb9ed173911902',
  });

  it('say what a __noun__ is, and that it is closed', () => {
    const opened = golden('__Noun__Opened');
    const state = { status: 'OPEN', name: 'first', opened_at: '2030-01-02T03:04:05.000Z' };
    expect(fold(__noun__Decider, [opened])).toEqual(state);
    expect(fold(__noun__Decider, [opened, golden('__Noun__Closed')])).toEqual({ ...state, status: 'CLOSED' });
  });
});
