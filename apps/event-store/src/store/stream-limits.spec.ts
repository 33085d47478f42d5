import { describe, expect, it } from '@jest/globals';
import {
  firstVisible,
  oldestVisible,
  parseLimits,
  SOFT_DELETE_METADATA,
  withTruncateBefore,
} from './stream-limits.js';

const limitsOf = (metadata: string) => parseLimits(Buffer.from(metadata));
const stateOf = (metadata: string) => ({ id: 1, last: 9, limits: limitsOf(metadata) });

describe("a stream's metadata", () => {
  it.each([
    ['{}', 0],
    ['{"$maxCount":3}', 7],
    ['{"$maxCount":100}', 0],
    ['{"$tb":4}', 4],
    ['{"$tb":400}', 10],
    ['{"$tb":4,"$maxCount":3}', 7],
    ['{"$tb":8,"$maxCount":3}', 8],
    [String(SOFT_DELETE_METADATA), 10],
    ['{"$tb":"4","$maxCount":-1}', 0],
    ['not json', 0],
    ['[1]', 0],
  ])('%s hides all before revision %i of ten', (metadata, first) => {
    expect(firstVisible('s', stateOf(metadata))).toBe(first);
  });

  it('hides events older than $maxAge seconds', () => {
    expect(oldestVisible('s', stateOf('{"$maxAge":2}'), 100_000_000n)).toBe(80_000_000n);
    expect(oldestVisible('s', stateOf('{}'), 100_000_000n)).toBe(0n);
  });

  it('shows only its own last event', () => {
    expect(firstVisible('$$s', { id: 1, last: 9 })).toBe(9);
  });

  it('tells a soft delete from a truncation', () => {
    expect(limitsOf(String(SOFT_DELETE_METADATA))).toEqual({ softDeleted: true });
    expect(limitsOf('{"$tb":9007199254740991}')).toEqual({ truncateBefore: 9007199254740991 });
  });

  it('keeps its other properties when a stream comes back', () => {
    const metadata = withTruncateBefore(Buffer.from('{"$tb":9223372036854775807,"owner":"a"}'), 5);
    expect(JSON.parse(metadata.toString())).toEqual({ $tb: 5, owner: 'a' });
  });
});
