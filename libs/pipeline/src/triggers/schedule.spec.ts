import { describe, expect, it } from '@jest/globals';
import { latestDue, nextDue } from './schedule.js';

describe('a schedule', () => {
  it('is due in UTC, each time once', () => {
    const due = nextDue('0 3 * * 1-5', '2030-01-04T03:00:00.000Z');
    // From a Friday to the Monday.
    expect(due).toBe('2030-01-07T03:00:00.000Z');
    expect(latestDue('0 3 * * 1-5', due!)).toBe(due);
    expect(latestDue('0 3 * * 1-5', '2030-01-07T02:59:59.999Z')).toBe('2030-01-04T03:00:00.000Z');
    expect(nextDue('@daily', '2030-01-04T00:00:00.000Z')).toBe('2030-01-05T00:00:00.000Z');
  });

  it('that never comes is due never', () => {
    expect(nextDue('0 0 30 2 *', '2030-01-01T00:00:00.000Z')).toBeNull();
  });
});
