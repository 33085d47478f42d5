import { describe, expect, it } from '@jest/globals';
import { CLAIM_PARTITIONS } from '@hybrid/contracts';
import { partitionsOf } from './partitions.js';

const members = ['a', 'b', 'c', 'd', 'e'];
const all = Array.from({ length: CLAIM_PARTITIONS }, (_, partition) => partition);

describe('partitions', () => {
  it('are each served by exactly one of the members, and shared out evenly enough', () => {
    const parts = members.map((member) => partitionsOf(member, members));
    expect(parts.flat().sort((one, other) => one - other)).toEqual(all);
    for (const part of parts) expect(part.length).toBeGreaterThan(CLAIM_PARTITIONS / members.length / 3);
  });

  it('are all of the only member', () => {
    expect(partitionsOf('a', ['a'])).toEqual(all);
  });

  it('do not depend on the order in which members became known', () => {
    expect(partitionsOf('b', [...members].reverse())).toEqual(partitionsOf('b', members));
  });

  it('stay where they are when another member leaves, but for those that it had', () => {
    const without = members.filter((member) => member !== 'c');
    for (const member of without)
      expect(partitionsOf(member, without)).toEqual(expect.arrayContaining(partitionsOf(member, members)));
  });
});
