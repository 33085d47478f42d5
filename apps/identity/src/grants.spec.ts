import { describe, expect, it } from '@jest/globals';
import { keptGrants } from './grants.js';

describe('grants', () => {
  it('are kept once each, in order, whether things are left out or undefined', () => {
    expect(
      keptGrants([
        { role: 'operator', pool: 'gpu' },
        { role: 'viewer' },
        { role: 'viewer', pool: undefined },
        { role: 'operator', pool: 'gpu', pipeline: undefined },
        { role: 'operator', pool: 'cpu' },
      ]),
    ).toEqual([{ role: 'operator', pool: 'gpu' }, { role: 'viewer' }, { role: 'operator', pool: 'cpu' }]);
  });

  it.each([
    { pool: 'a', pipeline: 'b' },
    { pipeline: 'b', environment: 'c' },
    { pool: 'a', pipeline: 'b', environment: 'c' },
  ])('name one thing at most, not %j', (on) => {
    expect(keptGrants([{ role: 'viewer' }, { role: 'operator', ...on }])).toMatchObject({
      rejected: 'roles_ambiguous',
      kind: 'invalid',
    });
  });

  it('are at least one', () => {
    expect(keptGrants([])).toMatchObject({ rejected: 'roles_missing', kind: 'invalid' });
  });
});
