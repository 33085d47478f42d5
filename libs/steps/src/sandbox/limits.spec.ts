import { describe, expect, it } from '@jest/globals';
import { boundsOf, DEFAULT_MEMORY, DEFAULT_PIDS, showBytes } from './limits.js';

describe('bounds of a sandbox', () => {
  it.each([
    ['the defaults', {}, {}, { memory: DEFAULT_MEMORY, cpu: undefined, pids: DEFAULT_PIDS }],
    ['what the step asks for', { memory: 1, cpu: 2, pids: 3 }, {}, { memory: 1, cpu: 2, pids: 3 }],
    ['what the agent gives', {}, { memory: 7, cpu: 8, pids: 9 }, { memory: 7, cpu: 8, pids: 9 }],
    [
      'less than the agent gives',
      { memory: 6 },
      { memory: 7 },
      { memory: 6, cpu: undefined, pids: DEFAULT_PIDS },
    ],
  ])('are %s', (_, limits, settings, bounds) => {
    expect(boundsOf(limits, settings)).toEqual(bounds);
  });

  it('are shown in units of people', () => {
    expect([1, 1023, 1024, 1.5 * 1024 ** 3, 2 ** 40].map(showBytes)).toEqual([
      '1 bytes',
      '1023 bytes',
      '1 KiB',
      '1.5 GiB',
      '1 TiB',
    ]);
  });
});
