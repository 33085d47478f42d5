import { describe, expect, it } from '@jest/globals';
import { checkClock } from './signed-agents.js';

describe('the clock of an agent', () => {
  const now = 1_767_225_600;

  it.each([0, 1, 299, 300, -1, -299, -300])('may be %i s off', (off) => {
    expect(() => checkClock(now + off, now)).not.toThrow();
  });

  it.each([301, -301, 86_400, -now])('may not be %i s off: both times are told', (off) => {
    expect(() => checkClock(now + off, now)).toThrow(/clock_skew.*2026-01-01T00:00:00.000Z here/);
    expect(() => checkClock(now + off, now)).toThrow(new Date((now + off) * 1000).toISOString());
  });
});
