import { describe, expect, it } from '@jest/globals';
import { sameDigest } from './same-digest.js';

const digest = 'ab'.repeat(32);

describe('a digest', () => {
  it('fits itself, and nothing else', () => {
    expect(sameDigest(digest, digest)).toBe(true);
    expect(sameDigest(digest, 'ac'.repeat(32))).toBe(false);
    expect(sameDigest(digest, digest.slice(1))).toBe(false);
    expect(sameDigest(digest, '')).toBe(false);
  });

  it('that is not there fits nothing, not even nothing', () => {
    expect(sameDigest(null, digest)).toBe(false);
    expect(sameDigest(null, '')).toBe(false);
    expect(sameDigest('', '')).toBe(false);
  });
});
